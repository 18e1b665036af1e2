#!/usr/bin/env bash
# Succeeds only if no process outlives the tests of a build: none that runs a program in BUILD, such as
# cluster-leader, a test, or a program that plays its job. It is the last test of a suite: processes
# that are still below a ctest belong to another run of it.
#
# usage: no-survivors.sh BUILD
#        no-survivors.sh --self-test
set -euo pipefail

# A process that was just told to end may still be releasing its lease.
patience=${NO_SURVIVORS_PATIENCE:-20}

# name_and_parent PID prints "NAME PARENT", or nothing if it does not exist.
name_and_parent() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
  local after=${stat##*) }
  local name=${stat%) *}
  read -r _ parent _ <<<"$after"
  echo "${name#*(} $parent"
}

# is_below_ctest PID
is_below_ctest() {
  local pid=$1 line
  while [ "$pid" -gt 1 ]; do
    line=$(name_and_parent "$pid")
    [ -n "$line" ] || return 1
    [ "${line% *}" != ctest ] || return 0
    pid=${line##* }
  done
  return 1
}

# survivors BUILD prints a line for each survivor.
survivors() {
  local link program pid line
  while read -r link program; do
    [[ $program == "$1"/* ]] || continue
    pid=${link#/proc/}
    pid=${pid%/exe}
    is_below_ctest "$pid" && continue
    line=$(name_and_parent "$pid")
    [ -n "$line" ] || continue
    echo "pid $pid, child of ${line##* }: $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null || true)"
  done < <(find /proc/[0-9]*/exe -maxdepth 0 -printf '%p %l\n' 2>/dev/null || true)
}

# expect_none BUILD
expect_none() {
  local found begin=$SECONDS
  while found=$(survivors "$1") && [ -n "$found" ]; do
    if [ $((SECONDS - begin)) -ge "$patience" ]; then
      echo "still alive after the tests:"
      echo "$found"
      return 1
    fi
    sleep 0.05
  done
}

self_test() {
  local folder orphan
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # expanded now
  trap "rm -rf '$folder'" EXIT
  mkdir "$folder/build"
  cp "$(command -v sleep)" "$folder/build/job"
  cp "$(command -v bash)" "$folder/ctest"
  patience=0

  expect_none "$folder/build" || { echo "found what is not there"; exit 1; }
  # Its parent, the subshell, ends at once.
  orphan=$("$folder/build/job" 600 >/dev/null & echo $!)
  if expect_none "$folder/build" >"$folder/report"; then
    echo "an orphan was not found"
    kill "$orphan"
    exit 1
  fi
  grep -q "^pid $orphan, child of [0-9]*: $folder/build/job 600" "$folder/report"
  kill "$orphan"
  patience=20
  expect_none "$folder/build" || exit 1

  # Like a process of another run: it lives until its input ends.
  exec 3> >("$folder/ctest" -c \
    "'$folder/build/job' 600 & echo \$! >'$folder/pid'; read -r; kill \$!; wait" 2>/dev/null)
  until [ -s "$folder/pid" ] && [[ $(readlink "/proc/$(<"$folder/pid")/exe") == */job ]]; do :; done
  patience=0
  expect_none "$folder/build" || { echo "found what belongs to another run"; exit 1; }
  echo >&3
  exec 3>&-
  patience=20
  expect_none "$folder/build"
}

case ${1-} in
  --self-test) self_test ;;
  "") sed -n 's/^# usage: //p' "$0"; exit 64 ;;
  *) expect_none "$(realpath "$1")" ;;
esac
