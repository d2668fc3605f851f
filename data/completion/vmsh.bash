# Completion of vmsh's command lines in bash: commands, their options, and names of domains, networks,
# pools, volumes and the like, as vmsh itself completes them.
# shellcheck shell=bash

_vmsh() {
    local line=${COMP_LINE:0:COMP_POINT} words own=() typed=() i=1 status found word cur quoted
    COMPREPLY=()
    read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=("")
    cur=${words[-1]}
    # What stands before the command is vmsh's own.
    while ((i < ${#words[@]} - 1)) && [[ ${words[i]} == -* ]]; do
        own+=("${words[i]}")
        case ${words[i]} in
            -[cdekKl] | --connect | --debug | --escape | --keepalive-interval | --keepalive-count | --log)
                i=$((i + 1))
                ((i < ${#words[@]} - 1)) || return 0
                own+=("${words[i]}") ;;
        esac
        i=$((i + 1))
    done
    typed=("${words[@]:i}")
    if ((i == ${#words[@]} - 1)) && [[ $cur == -* ]]; then
        found=$("$1" --help 2>/dev/null | grep -oE -- '--[a-z-]+')
        mapfile -t COMPREPLY < <(compgen -W "$found" -- "$cur")
        return 0
    fi
    # Nobody's daemon is started for this.
    found=$(LIBVIRT_AUTOSTART=0 "$1" "${own[@]}" --complete -- "${typed[@]}" 2>/dev/null)
    status=$?
    while IFS= read -r word; do
        [[ -n $word ]] || continue
        printf -v quoted '%q' "$word"
        # Readline replaces what follows the last colon.
        [[ $cur != *:* || $COMP_WORDBREAKS != *:* ]] || quoted=${quoted#"${cur%"${cur##*:}"}"}
        COMPREPLY+=("$quoted")
    done <<<"$found"
    ((status == 2)) || compopt +o default +o bashdefault 2>/dev/null
    return 0
}
complete -o default -o bashdefault -F _vmsh vmsh
