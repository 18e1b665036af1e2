#!/usr/bin/env bash
# Prints the copyright file of the Debian package.
#
# usage: scripts/package/deb/copyright.sh NOTICES
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../common.sh"

[ $# -eq 1 ] || die "usage: copyright.sh NOTICES"
cat "$root/LICENSE"
printf '\n%s\n\n' "The binary also contains parts of libraries:"
cat "$1"
