#!/usr/bin/env bash
# Prints the licences of what a static binary contains, as the packages of the distribution state them.
#
# usage: scripts/package/notices.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

cat <<'END'
cluster-leader is a static binary: it contains parts of the libraries below, under their own licences.
cluster-leader itself is under the MIT licence (see LICENSE).

The GNU C library is under the LGPL 2.1. The complete source code of cluster-leader is public, with
scripts that build it, so that whoever wants another version of that library can link it with that.
END

# notice TITLE FILE
notice() {
  [ -r "$2" ] || die "the licence of $1 is missing: $2"
  printf '\n%s\n%s\n\n' "$(printf '=%.0s' {1..100})" "$1"
  cat "$2"
}

of_package() { echo "/usr/share/doc/$1/copyright"; }

if [ -e "$hiredis_prefix" ]; then
  notice hiredis "$hiredis_prefix/share/doc/hiredis/copyright"
else
  notice hiredis "$(of_package libhiredis-dev)"
fi
notice c-ares "$(of_package libc-ares-dev)"
notice OpenSSL "$(of_package libssl-dev)"
notice CLI11 "$(of_package libcli11-dev)"
notice spdlog "$(of_package libspdlog-dev)"
notice fmt "$(of_package libfmt-dev)"
notice "JSON for Modern C++" "$(of_package nlohmann-json3-dev)"
notice "libstdc++ and libgcc" "$(of_package "libstdc++-$(g++ -dumpversion)-dev")"
notice "GNU C library" "$(of_package libc6-dev)"
