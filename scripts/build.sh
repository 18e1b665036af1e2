#!/usr/bin/env bash
# Installs what is needed and builds cluster-leader, as build/cluster-leader or with another preset.
#
# usage: scripts/build.sh [release|dev|asan [TARGET...]]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

preset=${1:-release}
[ $# -eq 0 ] || shift
needs=(build)
# The other presets build the tests as well.
[ "$preset" = release ] || needs+=(test)
"$root/scripts/install-deps.sh" "${needs[@]}"
configure "$preset"
cd "$root"
cmake --build --preset "$preset" ${1:+--target "$@"}
