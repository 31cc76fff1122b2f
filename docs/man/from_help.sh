#!/usr/bin/env bash
# A manual page from what a program says of itself with --help, so that no setting is told twice:
#
#     docs/man/from_help.sh PROGRAM SECTION >PAGE
set -euo pipefail
program=$1 section=$2
name=${program##*/}
version=$("$program" --version | awk '{ print $NF; exit }')

# Backslashes and leading dots mean something to troff.
for_troff() { sed -e 's/\\/\\e/g' -e "s/^\([.']\)/\\\\\&\1/" -e 's/-/\\-/g'; }

# What each command says with --help; nothing for a program without commands.
commands() {
    local name
    "$program" --help | sed -n '/^Commands:$/,/^Exit status:/p' | sed -nE 's/^  ([a-z][a-z-]*( [a-z][a-z-]*)?) .*/\1/p' | while IFS= read -r name; do
        printf '.SS %s\n.nf\n' "$(for_troff <<<"$name")"
        # shellcheck disable=SC2086 # a group and a name are two words
        "$program" $name --help | sed -e 's/^usage: //' | for_troff
        printf '.fi\n'
    done
}

"$program" --help | for_troff | awk -v name="$name" -v section="$section" -v version="$version" '
    NR == 1 {
        sub(/^[^:]*: */, "")
        summary = $0
        sub(/[.:,].*$/, "", summary)
        if (summary ~ /^trueftp/) summary = "command line of TrueFTP Webhooks"
        printf ".TH %s %s \"\" \"TrueFTP Webhooks %s\"\n.SH NAME\n%s \\- %s\n", toupper(name), section, version, name, tolower(substr(summary, 1, 1)) substr(summary, 2)
        printf ".SH SYNOPSIS\n.B %s\n[\\fIoption\\fR ...]\n.SH DESCRIPTION\n%s\n", name, $0
        next
    }
    /^Options:$/ { print ".SH OPTIONS\n.nf"; plain = 1; next }
    /^Commands:$/ { print ".SH COMMANDS\n.nf"; plain = 1; next }
    /^Exit status:/ { print ".fi\n.SH EXIT STATUS"; sub(/^Exit status: */, ""); plain = 0; print; next }
    /^Settings,/ { if (plain) print ".fi"; plain = 0; settings = 1; print ".SH SETTINGS\n" $0; next }
    settings && /^  TRUEFTP_/ { sub(/^ +/, ""); print ".TP\n.B " $0; next }
    settings && /^      / { sub(/^ +/, ""); print $0 "."; next }
    /^$/ { if (!plain && !settings) print ".PP"; next }
    { print }
    END {
        if (plain) print ".fi"
    }'
details=$(commands)
[[ ! $details ]] || printf '.SH "OPTIONS OF EACH COMMAND"\n%s\n' "$details"
printf '%s\n' '.SH SEE ALSO' '.BR trueftp\-producer (8),' '.BR trueftp\-worker (8),' '.BR trueftp\-api (8),' '.BR trueftpctl (1)'
