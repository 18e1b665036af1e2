#!/usr/bin/env bash
# Feeds what comes from outside - replies, URLs, command lines, records - with invented input, under
# AddressSanitizer and UndefinedBehaviorSanitizer.
#
# usage: scripts/fuzz.sh [SECONDS] [NAME...]
# Runs the targets NAME of test/fuzz (all of them) for so many seconds each (60), two at a time. What
# makes one fail stays in build/fuzz/found; the status is 0 if there is nothing. What is found goes to
# test/fuzz/corpus with the mend, so that it stays found.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

seconds=${1:-60}
shift || true
[[ $seconds =~ ^[0-9]+$ ]] || die "'$seconds' is not a number of seconds"

"$root/scripts/install-deps.sh" build test lint
configure fuzz
cd "$root"
cmake --build --preset fuzz --target fuzz_targets
build=$root/build/fuzz
if [ $# -eq 0 ]; then
  for source in test/fuzz/*_fuzz.cc; do
    name=${source##*/}
    set -- "$@" "${name%_fuzz.cc}"
  done
fi

# fuzz NAME
fuzz() {
  local corpus=$build/corpus/$1 log=$build/fuzz_$1.log
  mkdir -p "$corpus" "$build/found"
  if "$build/test/fuzz_$1" -max_total_time="$seconds" -max_len=4096 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$build/found/$1-" "$corpus" "test/fuzz/corpus/$1" >"$log" 2>&1; then
    awk -v name="$1" '/number_of_executed_units/ { print name ": " $2 " inputs, nothing found" }' "$log"
  else
    tail -n 30 "$log" >&2
    say "$1 failed; see build/fuzz/found and $log"
    return 1
  fi
}
export -f fuzz say
export build seconds

# The new shell expands it.
# shellcheck disable=SC2016
printf '%s\0' "$@" | xargs -0 --max-args=1 --max-procs=2 bash -c 'set -euo pipefail; fuzz "$1"' "$0"
