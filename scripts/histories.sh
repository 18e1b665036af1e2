#!/usr/bin/env bash
# Lets faults happen to a key and to those who want it, again and again, and checks what the manual
# promises; see test/histories/README.md.
#
# usage: scripts/histories.sh [--topology plain|tls|file|quorum|sentinel|cluster] [--from SEED]
#          [--count N] [--jobs N] [--budget SECONDS] [--log FILE] [--control]
#        scripts/histories.sh [--topology T] --replay SEED [--without FAULT]...
#        scripts/histories.sh [--topology T] --shrink SEED
# It builds and uses build/dev. The status is 0 if every history was decided and none has failed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

"$root/scripts/install-deps.sh" build test
configure dev -DCLUSTER_LEADER_TESTS=ON
cmake --build "$root/build/dev" --target run_histories >&2
exec "$root/build/dev/test/histories/histories" "$@"
