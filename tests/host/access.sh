# Sourced by inside.sh: rules of vmd.conf and of polkit, real users, the journal.
# shellcheck shell=bash disable=SC2154 # of inside.sh

told_of() { # told_of USER RESULT CALL: in the journal
    journalctl -q --no-pager -o cat VMD_CLIENT_UID="$(id -u "$1")" VMD_RESULT="$2" VMD_CALL="$3" | grep .
}

open_to_all() {
    cp /etc/vmd/vmd.conf /tmp/vmd.conf.before && mkdir -p /etc/systemd/system/vmd.socket.d &&
        printf '[Socket]\nSocketMode=0666\n' >/etc/systemd/system/vmd.socket.d/open.conf &&
        systemctl daemon-reload && systemctl stop vmd && systemctl restart vmd.socket &&
        printf 'access_polkit = yes\naccess_rule = allow stranger domain:suspend theirs\n' >>/etc/vmd/vmd.conf &&
        cat >/etc/polkit-1/rules.d/50-vmd-test.rules <<'JS'
polkit.addRule(function(action, subject) {
    if ((action.id == "org.libvirt.api.domain.start" || action.id == "org.libvirt.api.domain.stop") &&
        subject.user == "stranger" && action.lookup("domain_name") == "theirs")
        return polkit.Result.YES;
});
JS
}

# What polkit says, what a rule says, and what nobody says; of another domain nothing.
finer_rights() {
    domain theirs kvm | "$vmsh" define /dev/stdin && sed s/theirs/ours/ /tmp/theirs.xml | "$vmsh" define /dev/stdin &&
        wait_for 30 as stranger start theirs --paused && as stranger resume theirs && as stranger suspend theirs &&
        ! as stranger reset theirs && ! as stranger start ours && as stranger destroy theirs &&
        as member undefine theirs && as member undefine ours &&
        told_of stranger "done" DOMAIN_DESTROY && told_of stranger refused DOMAIN_RESET &&
        told_of member "done" DOMAIN_UNDEFINE_FLAGS
}

closed_again() {
    rm /etc/systemd/system/vmd.socket.d/open.conf /etc/polkit-1/rules.d/50-vmd-test.rules &&
        cp /tmp/vmd.conf.before /etc/vmd/vmd.conf && systemctl daemon-reload && systemctl stop vmd &&
        systemctl restart vmd.socket && ! as stranger list
}
