#!/usr/bin/env bash
# What `cmake --install` leaves on a machine: programs, a manual page for each with all its settings, completion, units that name what is there.
#
#     deploy/check_install.sh BUILD_DIR
set -euo pipefail
build=$(realpath "${1:?a build folder}")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

fail() {
    echo "check_install: $*" >&2
    exit 1
}

DESTDIR=$root cmake --install "$build" --prefix /usr >/dev/null
for page in trueftp-producer.8 trueftp-worker.8 trueftp-api.8 trueftpctl.1; do
    program=${page%.*} section=${page##*.}
    [[ -x $root/usr/bin/$program ]] || fail "$program is not installed"
    text=$(<"$root/usr/share/man/man$section/$page")
    settings=$("$root/usr/bin/$program" --help | grep -oE '^  TRUEFTP_[A-Z_]+' | tr -d ' ')
    [[ $settings ]] || fail "$program names no setting"
    for setting in $settings; do
        [[ $text == *$'\n.B '"$setting"$'\n'* ]] || fail "$page does not tell of $setting"
    done
    for part in NAME SYNOPSIS DESCRIPTION OPTIONS SETTINGS; do
        [[ $text == *".SH $part"* || ($program == trueftpctl && $part == OPTIONS) ]] || fail "$page has no part $part"
    done
done
page=$(<"$root/usr/share/man/man1/trueftpctl.1")
while IFS= read -r name; do
    [[ $page == *".SS ${name//-/\\-}"$'\n'* ]] || fail "trueftpctl.1 does not tell of $name"
done < <("$root/usr/bin/trueftpctl" --help | sed -nE 's/^  ([a-z][a-z-]*( [a-z][a-z-]*)?) .*/\1/p')
bash -n "$root/usr/share/bash-completion/completions/trueftpctl" || fail 'the completion of trueftpctl is no script'
for unit in "$root"/usr/lib/systemd/system/trueftp-*.service; do
    program=$(sed -nE 's/^ExecStart=([^ ]+).*/\1/p' "$unit")
    [[ -x $root$program ]] || fail "${unit##*/} starts $program, which is not installed"
    grep -q '^User=trueftp$' "$unit" || fail "${unit##*/} does not run as trueftp"
done
grep -q '^u trueftp ' "$root/usr/lib/sysusers.d/trueftp.conf" || fail 'the user is not described'

# systemd's own judgement, where it is there: a key that it does not know, or a value that it does not take, fails.
if command -v systemd-analyze >/dev/null && command -v systemd-sysusers >/dev/null; then
    units=/usr/lib/systemd/system
    cp -n "$units"/*.target "$units"/*.slice "$units"/*.mount "$root$units"
    for unit in "$root$units"/trueftp-*.service; do
        said=$(systemd-analyze verify --man=no --recursive-errors=no --root="$root" "${unit##*/}" 2>&1) || fail "${unit##*/}: $said"
        [[ ! $said ]] || fail "${unit##*/}: $said"
    done
    systemd-sysusers --dry-run --root="$root" >/dev/null 2>&1 || fail 'the user cannot be made of its description'
fi
