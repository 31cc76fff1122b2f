#!/usr/bin/env bash
# What somebody else gets: installs the library's component of a build folder and uses it as a stranger's program would.
#
#     producer/lib/check_install.sh BUILD_DIR
#
# The symbols that the two libraries show and need, the header in strict C99 and in C++, and the example against each of them.
set -euo pipefail
build=$(realpath "${1:?a build folder}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc=${CC:-cc}

fail() {
    echo "check_install: $*" >&2
    exit 1
}

cmake --install "$build" --component libtrueftp-producer --prefix "$work/usr" >/dev/null
pc=$(find "$work/usr" -name libtrueftp-producer.pc)
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$pc")
read -ra flags <<<"$(pkg-config --define-variable=prefix="$work/usr" --cflags --libs libtrueftp-producer)"
read -ra below <<<"$(pkg-config --libs rdkafka libcrypto)"

declared=$(grep -oE '\btrueftp_[a-z]+\(' include/trueftp_producer.h | tr -d '(' | sort -u)
shared=$(nm -D --defined-only --format=just-symbols "$libdir/libtrueftp-producer.so" | sed -n 's/@@TRUEFTP_PRODUCER_0\.1$//p' | sort -u)
static=$(nm -g --defined-only --format=just-symbols "$libdir/libtrueftp-producer.a" | grep . | grep -v ':$' | sort -u)
[ "$shared" = "$declared" ] || fail "the shared library shows $shared"
[ "$static" = "$declared" ] || fail "the static library shows $static"
if nm -D --undefined-only --format=just-symbols "$libdir/libtrueftp-producer.so" | grep -E '^(abort|_?exit|v?f?printf|puts|stdout|stderr)(@|$)'; then
    fail "the library could end its process, or write to a standard stream"
fi
readelf -d "$libdir/libtrueftp-producer.so" | grep -q 'SONAME.*\[libtrueftp-producer\.so\.[0-9]*\]' || fail "no soname"

printf '#include <trueftp_producer.h>\nstruct trueftp_event e = TRUEFTP_EVENT_INIT;\nint main(void) { return trueftp_check(&e, 0) == 0; }\n' \
    >"$work/use.c"
"$cc" -std=c99 -pedantic -Wall -Wextra -Werror "$work/use.c" "${flags[@]}" -o "$work/use" || fail "the header in C99"
if command -v c++ >/dev/null; then
    c++ -x c++ -std=c++20 -Wall -Werror -c "$work/use.c" "${flags[@]}" -o "$work/use.o" || fail "the header in C++"
fi
"$cc" example/publish.c "${flags[@]}" -o "$work/shared" || fail "the example with the shared library"
"$cc" -I"$work/usr/include" example/publish.c "$libdir/libtrueftp-producer.a" "${below[@]}" -o "$work/static" ||
    fail "the example with the static library"
mkdir "$work/spool"
LD_LIBRARY_PATH=$libdir "$work/shared" "$work/spool" acc_1 /a 1 >/dev/null || fail "the example with the shared library does not run"
"$work/static" "$work/spool" acc_1 /b 2 >/dev/null || fail "the example with the static library does not run"
[ "$("$build/bin/trueftp-producer" parse spool "$work/spool/events.spool" | wc -l)" -eq 2 ] || fail "the spool does not hold two events"
find "$work/usr" -name 'trueftp_producer.3*' | grep -q . || fail "no man page"
