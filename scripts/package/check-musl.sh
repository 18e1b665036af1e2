#!/usr/bin/env bash
# Checks that the program can be linked with musl as far as that can be seen without Alpine: what our own
# objects want of glibc's libc.a must be in musl's too. Libraries and behaviour are not checked.
#
# usage: scripts/package/check-musl.sh BUILD_FOLDER
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

[ $# -eq 1 ] || die "usage: check-musl.sh BUILD_FOLDER"
apt_install musl-dev binutils
glibc=$(gcc -print-file-name=libc.a)
musl=/usr/lib/$(uname -m)-linux-musl/libc.a

defined_in() { nm --defined-only "$1" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u; }

# Three are not called by our code: the compiler's startup code and headers for glibc bring them in.
# The checks of -D_FORTIFY_SOURCE call the plain functions where there is no glibc.
nm "$1"/src/lib*.a 2>/dev/null | awk 'NF == 2 && $1 == "U" { print $2 }' | sort -u |
  comm -12 - <(defined_in "$glibc") | sed 's/^__\(.*\)_chk$/\1/' | sort -u |
  comm -23 - <(defined_in "$musl") | grep -vx -e __dso_handle -e __libc_single_threaded -e __stack_chk_fail \
  >"$scratch/missing" || true
[ ! -s "$scratch/missing" ] || die "musl does not have: $(paste -sd ' ' "$scratch/missing")"
say "all that our objects want of the C library is in musl"
