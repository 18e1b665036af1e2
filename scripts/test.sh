#!/usr/bin/env bash
# Builds everything and runs every test. The status is that of ctest: 0 only if all of them passed.
#
# usage: scripts/test.sh [release|dev|asan] [ARGUMENT_OF_CTEST...]
# By default the tests run against build/cluster-leader, which is what users get. With asan they run
# under AddressSanitizer and UndefinedBehaviorSanitizer, in build/asan.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

preset=${1:-release}
[ $# -eq 0 ] || shift
"$root/scripts/install-deps.sh" build test
configure "$preset" -DCLUSTER_LEADER_TESTS=ON
cd "$root"
cmake --build --preset "$preset"
# Most tests wait for servers and clocks, so more of them can run at a time than there are processors.
ctest --preset "$preset" --parallel 4 "$@"
