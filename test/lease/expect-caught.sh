#!/usr/bin/env bash
# Succeeds only if the tests notice a mutation: PROGRAM, a GoogleTest program with a broken rule in
# it, must report failed tests or crash. A program that is missing, cannot run, selects no test or
# never ends proves nothing.
#
# usage: expect-caught.sh PROGRAM FILTER
#        expect-caught.sh --self-test
set -euo pipefail

# Below the timeout of the ctest, so that this script reports it.
readonly limit=100

# verdict STATUS OUTPUT_FILE prints in one line what the status means, and succeeds if the mutation
# was caught.
verdict() {
  case $1 in
    0)
      if grep -q 'Running 0 tests' "$2"; then
        echo "not tested: the filter selects no test"
      else
        echo "survived: the tests pass although the rule is broken"
      fi
      ;;
    1)
      if grep -q 'FAILED TEST' "$2"; then
        echo "caught: the tests failed"
        return 0
      fi
      echo "not tested: the program failed without reporting a failed test"
      ;;
    124 | 137) echo "not tested: killed, or did not end within $limit s" ;;
    125 | 126 | 127) echo "not tested: the program cannot be run" ;;
    *)
      if [ "$1" -gt 128 ]; then
        echo "caught: crashed by signal $(($1 - 128))"
        return 0
      fi
      echo "not tested: unexpected status $1"
      ;;
  esac
  return 1
}

run() {
  local output status=0 result=0
  output=$(mktemp)
  # The program is broken on purpose, so a core dump is useless.
  ulimit -c 0
  timeout --kill-after 5 "$limit" "$1" --gtest_filter="$2" >"$output" 2>&1 || status=$?
  tail -n 30 "$output"
  verdict "$status" "$output" || result=1
  rm -f "$output"
  return $result
}

self_test() {
  local folder failures=0
  folder=$(mktemp -d)
  expect() {
    local wanted=$1 name=$2 got=0
    run "$folder/$name" '*' >"$folder/said" 2>&1 || got=$?
    if [ "$got" != "$wanted" ]; then
      echo "$name: expected $wanted, got $got: $(tail -n 1 "$folder/said")"
      failures=1
    fi
  }
  program() {
    printf '#!/bin/sh\n%s\n' "$2" >"$folder/$1"
    chmod +x "$folder/$1"
  }
  program failing 'echo " 1 FAILED TEST"; exit 1'
  program crashing 'kill -ABRT $$'
  program passing 'echo "Running 3 tests from 1 test suite."'
  program empty 'echo "Running 0 tests from 0 test suites."'
  program silent 'exit 1'
  program killed 'kill -KILL $$'
  expect 0 failing
  expect 0 crashing
  expect 1 passing
  expect 1 empty
  expect 1 silent
  expect 1 killed
  expect 1 missing
  rm -rf "$folder"
  return $failures
}

if [ "${1-}" = --self-test ]; then
  self_test
else
  run "$1" "$2"
fi
