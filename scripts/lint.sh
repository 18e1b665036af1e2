#!/usr/bin/env bash
# Checks the format of all C++ sources with clang-format, and src/ with clang-tidy as the dev preset
# compiles it.
#
# usage: scripts/lint.sh
# The status is 0 without findings, 1 with findings, and another one if the check itself failed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

"$root/scripts/install-deps.sh" build test lint
configure dev
cd "$root"
# clang-tidy needs the generated header with the Lua scripts.
cmake --build --preset dev --target embed_lua >/dev/null

found=0
find src test \( -name '*.cc' -o -name '*.h' \) -print0 |
  xargs -0 --no-run-if-empty clang-format --dry-run -Werror || found=1
find src -name '*.cc' -print0 |
  xargs -0 --no-run-if-empty --max-args=1 --max-procs="$(nproc)" clang-tidy --quiet -p build/dev || found=1
exit "$found"
