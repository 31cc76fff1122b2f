#!/usr/bin/env bash
# ProFTPD on 127.0.0.1 without any privilege, for the quickstart and the tests:
#
#     local.sh PROFTPD_DIR DIR PORT [USER:PASSWORD:ACCOUNT ...]
#
# PROFTPD_DIR is where the packages proftpd-core and proftpd-mod-vroot were unpacked. DIR receives all that the server has: its
# configuration, the users' folders (DIR/home/USER), DIR/webhook.log. Becomes the server, in the foreground, which ends at SIGTERM. The
# part that matters to webhooks is the very text of proftpd.conf beside this script.
#
# Each user is shut into its folder by mod_vroot, since chroot(2) needs root. Started as root, the server becomes `nobody` first; its
# program is copied to DIR then, since a clone under /root cannot be reached by others.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

# Debian 13 has these as modules, Debian 12 in the program.
load_modules() {
    local name
    for name in mod_xfer mod_ls; do
        [[ ! -f $program_dir/lib/proftpd/$name.so ]] || printf 'LoadModule                  %s.c\n' "$name"
    done
}

configuration() {
    cat <<TEXT
ModulePath                  $program_dir/lib/proftpd
$(load_modules)
LoadModule                  mod_vroot.c
ServerName                  "FTP"
ServerType                  standalone
DefaultAddress              127.0.0.1
SocketBindTight             on
Port                        $port
UseIPv6                     off
User                        $(id -nu "$uid" 2>/dev/null || echo "#$uid")
Group                       $(getent group "$gid" | cut -d: -f1)
UseReverseDNS               off
WtmpLog                     off
<IfModule mod_delay.c>
  DelayEngine               off
</IfModule>
ControlsEngine              off
PidFile                     $dir/proftpd.pid
ScoreboardFile              $dir/scoreboard
SystemLog                   $dir/system.log
TransferLog                 none
MaxInstances                100
AuthOrder                   mod_auth_file.c
AuthUserFile                $dir/passwd
AuthGroupFile               $dir/group
RequireValidShell           off
VRootEngine                 on
DefaultRoot                 ~
AllowOverwrite              on
AllowStoreRestart           on
AllowRetrieveRestart        on
$(sed -n '/^# >>> webhooks/,/^# <<< webhooks/p' "$here/proftpd.conf" | sed "s|/var/log/proftpd/webhook.log|$dir/webhook.log|")
TEXT
}

# user:password:account -> a line of passwd each, of group for each account, and a folder each.
users() {
    local entry user password account
    local -A members=()
    : >"$dir/passwd"
    for entry in "$@"; do
        IFS=: read -r user password account <<<"$entry"
        mkdir -p "$dir/home/$user"
        members[$account]+=${members[$account]:+,}$user
    done
    local n=0 group_id
    local -A ids=()
    : >"$dir/group"
    for account in "${!members[@]}"; do
        # A group of its own id for each account; the files belong to the server's user all the same.
        group_id=$((60000 + n))
        n=$((n + 1))
        ids[$account]=$group_id
        printf '%s:x:%s:%s\n' "$account" "$group_id" "${members[$account]}" >>"$dir/group"
    done
    for entry in "$@"; do
        IFS=: read -r user password account <<<"$entry"
        printf '%s:%s:%s:%s::%s:/bin/false\n' "$user" "$(openssl passwd -5 "$password")" "$uid" "${ids[$account]}" \
            "$dir/home/$user" >>"$dir/passwd"
    done
    chmod 600 "$dir/passwd" "$dir/group"
}

[[ $# -ge 3 ]] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }
program_dir=$1/usr dir=$2 port=$3
shift 3
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
uid=$(id -u) gid=$(id -g) become=()
if [[ $uid -eq 0 ]]; then
    uid=$(id -u nobody) gid=$(id -g nobody)
    become=(setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs)
    mkdir -p "$dir/program/sbin" "$dir/program/lib"
    cp "$program_dir/sbin/proftpd" "$dir/program/sbin/"
    cp -r "$program_dir/lib/proftpd" "$dir/program/lib/"
    program_dir=$dir/program
fi
users "$@"
configuration >"$dir/proftpd.conf"
if [[ ${#become[@]} -gt 0 ]]; then
    chown -R "$uid:$gid" "$dir"
fi
cd "$dir"
exec "${become[@]}" "$program_dir/sbin/proftpd" -n -q -c "$dir/proftpd.conf"
