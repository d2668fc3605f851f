# Sourced by inside.sh: guests go down with the host, and come up with it. "late" is of a higher order
# than "guest": it goes down before and comes up after.
# shellcheck shell=bash disable=SC2154,SC2016 # of inside.sh; what eval is given

says() { tr -d '\r' <"/var/log/vmd-test-$1" | grep -c "$2"; }

guests_run() {
    mkdir -p /var/log/journal && journalctl --flush # the next boot reads it
    domain late kvm 600 | "$vmsh" define /dev/stdin && "$vmsh" autostart late && "$vmsh" start guest &&
        "$vmsh" start late && systemctl is-active vmd-guests &&
        wait_for 180 eval '[ "$(says late "guest of vmd")" = 1 ] && [ "$(says guest "guest of vmd")" = 2 ]'
}

# The lines of a boot's journal that match, each as a word.
story() { journalctl -b "$1" _COMM=vmd -o cat --no-pager | grep -oE "domain '(guest|late)': ($2)" | tr "' " '__'; }

went_down_in_order() {
    [ "$(story -1 'goes down|stopped .shutdown.' | tail -n 4 | tr '\n' ' ')" = \
        "domain__late_:_goes_down domain__late_:_stopped_(shutdown) domain__guest_:_goes_down domain__guest_:_stopped_(shutdown) " ] &&
        [ "$(says late 'Power down')" = 1 ] && [ "$(says guest 'Power down')" = 2 ]
}

came_up_in_order() {
    wait_for 180 eval '[ "$(says late "guest of vmd")" = 2 ]' && is_running late &&
        [ "$(story 0 'starts with the host|started' | tr '\n' ' ')" = \
            "domain__guest_:_starts_with_the_host domain__guest_:_started domain__late_:_starts_with_the_host domain__late_:_started " ]
}
