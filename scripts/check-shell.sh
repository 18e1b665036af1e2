#!/usr/bin/env bash
# Runs shellcheck over every shell script of the project.
#
# usage: scripts/check-shell.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -d '' scripts < <(find scripts test .ci/run -type f \( -name '*.sh' -o -path .ci/run \) -print0)
shellcheck --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
