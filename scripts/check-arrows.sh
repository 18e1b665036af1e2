#!/usr/bin/env bash
# Checks which part of src/ includes which: the arrows of the architecture, and which part may know
# which library, through other headers as well. Each violation is one line; the status is 0 when
# there is none, 1 otherwise.
#
# usage: scripts/check-arrows.sh [ROOT]        ROOT has src/ in it; by default this checkout
#        scripts/check-arrows.sh --self-test   proves that violations are found
set -euo pipefail

# What each part may include besides itself. A part is a folder of src/, a folder of src/store/, or
# the stem of a file that is named here.
declare -A may_include=(
  [base]=""
  [lease]="base"
  [store]="lease base"
  [store/net]="store lease base"
  [store/redis]="store/net store lease base"
  [store/file]="store lease base"
  [store/quorum]="store lease base"
  [store/cluster]="store/redis store lease base"
  [store/open]="store/redis store/file store/quorum store/cluster store lease base"
  [process]="base"
  [options]="lease base"
  [report]="process lease base"
  [supervise]="report store process lease base"
  [commands]="options supervise report store process lease base"
  [main]="options commands report base"
)

# Who may include the headers of a library; an extended regular expression on the path between < and
# >, or quotes.
declare -A library_belongs_to=(
  ['^CLI/']="options"
  ['^(hiredis/|hiredis(_ssl)?\.h)']="store/redis"
  ['^(ares|openssl/)']="store/net"
  ['^spdlog/']="report main.cc"
)

# part_of PATH sets `part`: the longest name in may_include that PATH begins with, else its folder.
part_of() {
  part=${1%.*}
  while [ -z "${may_include[$part]+known}" ] && [[ $part == */* ]]; do part=${part%/*}; done
}

contains() { [[ " $1 " == *" $2 "* ]]; }

# check_include FILE NUMBER QUOTE PATH: FILE, relative to src/, includes PATH; QUOTE is < or ".
check_include() {
  local file=$1 number=$2 quote=$3 path=$4 part target pattern owners
  part_of "$path"
  target=$part
  part_of "$file"
  if [ "$quote" = '"' ] && [ -z "${may_include[$target]+known}" ]; then
    report "$file:$number: includes \"$path\"; write our own headers as seen from src/, and others in < >"
  fi
  if [ -z "${may_include[$part]+known}" ]; then
    report "$file:$number: '$part' is no part of the architecture"
  elif [ -n "${may_include[$target]+known}" ] && ! contains "$part ${may_include[$part]}" "$target"; then
    report "$file:$number: $part must not include $path; it may include ${may_include[$part]:-nothing}"
  fi
  for pattern in "${!library_belongs_to[@]}"; do
    [[ $path =~ $pattern ]] && check_owner "$file" "$number" "$pattern" "include $path"
  done
  return 0
}

# check_owner FILE NUMBER PATTERN DEED: whether FILE may know the library of PATTERN.
check_owner() {
  local part owners=${library_belongs_to[$3]}
  part_of "$1"
  contains "$owners" "$part" || contains "$owners" "$1" ||
    report "$1:$2: must not $4; only $owners may"
}

# check_reach reads lines FILE:NUMBER:PATH, one for each include. A file that includes one of our own
# headers also includes what that header includes: reports each library that a file only reaches so.
check_reach() {
  local file number path pattern grew
  local -a edges
  local -A reaches
  mapfile -t edges
  for pattern in "${!library_belongs_to[@]}"; do
    reaches=()
    grew=1
    while [ "$grew" = 1 ]; do
      grew=0
      for edge in "${edges[@]}"; do
        IFS=: read -r file number path <<<"$edge"
        [ -z "${reaches[$file]+known}" ] || continue
        if [[ $path =~ $pattern ]]; then
          reaches[$file]=$path
        elif [ -n "${reaches[$path]+known}" ]; then
          reaches[$file]=${reaches[$path]}
          check_owner "$file" "$number" "$pattern" "reach ${reaches[$path]} through $path"
        else
          continue
        fi
        grew=1
      done
    done
  done
}

report() {
  echo "src/$1"
  violations=$((violations + 1))
}

# check ROOT reports the violations and fails if there are any.
check() {
  local line included='' includes=0
  local include='[[:space:]]*#[[:space:]]*include'
  local pattern="^([^:]+):([0-9]+):$include"'[[:space:]]*([<"])([^>"]+)[>"]'
  violations=0
  cd "$1/src"
  while IFS= read -r line; do
    [[ $line =~ $pattern ]] || continue
    included+="${BASH_REMATCH[1]}:${BASH_REMATCH[2]}:${BASH_REMATCH[4]}"$'\n'
    check_include "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" "${BASH_REMATCH[4]}"
    includes=$((includes + 1))
  done < <(grep -rnE --include='*.cc' --include='*.h' "^$include" . | sed 's|^\./||' | sort)
  if [ "$includes" = 0 ]; then
    echo "src: no include was found, so nothing was checked"
    return 1
  fi
  check_reach < <(printf %s "$included")
  [ "$violations" = 0 ]
}

# expect WANTED FILE INCLUDE [HEADER INCLUDE]: a tree in which FILE has this line, and HEADER that one,
# must (0) or must not (1) pass.
expect() {
  local wanted=$1 tree got=0 said
  tree=$(mktemp -d)
  mkdir -p "$tree/src/$(dirname "$2")" "$tree/src/base"
  echo '#include <vector>' >"$tree/src/base/clock.h"
  printf '#pragma once\n%s\n' "$3" >"$tree/src/$2"
  if [ -n "${4-}" ]; then
    mkdir -p "$tree/src/$(dirname "$4")"
    printf '%s\n' "$5" >"$tree/src/$4"
  fi
  said=$(check "$tree") || got=1
  rm -rf "$tree"
  if [ "$got" != "$wanted" ] || { [ "$wanted" = 1 ] && [[ $said != "src/$2:2: "* ]]; }; then
    echo "self-test: $2 with $3: wanted $wanted, got $got ${said:+($said)}"
    failures=$((failures + 1))
  fi
}

self_test() {
  failures=0
  expect 0 lease/supervisor.cc '#include "lease/timeline.h"'
  expect 0 lease/supervisor.cc '#include "base/clock.h"'
  expect 0 lease/supervisor.cc '#include <variant>'
  expect 1 lease/supervisor.cc '#include "store/store.h"'
  expect 1 lease/supervisor.h '#  include "process/keeper.h"'
  expect 1 lease/supervisor.cc '#include "../base/clock.h"'
  expect 1 lease/supervisor.cc '#include "timeline.h"'
  expect 0 store/registry.cc '#include "lease/candidacy.h"'
  expect 1 store/registry.cc '#include "store/redis/replies.h"'
  expect 1 store/registry.cc '#include <hiredis.h>'
  expect 0 store/redis/store.cc '#include "store/store.h"'
  expect 0 store/redis/store.cc '#include "store/net/dialer.h"'
  expect 0 store/redis/connection.cc '#include <hiredis/hiredis.h>'
  expect 1 store/redis/connection.cc '#include <ares.h>'
  expect 1 store/redis/store.cc '#include "store/file/record.h"'
  expect 1 store/redis/store.cc '#include "process/front.h"'
  expect 1 store/redis/store.cc '#include <spdlog/spdlog.h>'
  expect 0 store/net/resolver.cc '#include <ares.h>'
  expect 1 store/net/resolver.cc '#include "store/redis/login.h"'
  expect 1 store/file/store.cc '#include "store/redis/names.h"'
  expect 1 store/quorum/store.cc '#include "store/redis/store.h"'
  expect 0 store/cluster/store.cc '#include "store/redis/store.h"'
  expect 1 store/redis/store.cc '#include "store/cluster/store.h"'
  expect 0 store/open.cc '#include "store/file/store.h"'
  expect 0 store/open.cc '#include "store/quorum/store.h"'
  expect 1 process/front.cc '#include "lease/candidacy.h"'
  expect 1 process/front.cc '#include "store/store.h"'
  expect 1 process/front.cc '#include <hiredis.h>'
  expect 1 process/front.cc '#include <openssl/ssl.h>'
  expect 1 base/poller.cc '#include "lease/candidacy.h"'
  expect 0 commands/run.cc '#include "store/registry.h"'
  expect 1 commands/run.cc '#include "store/redis/scripts.h"'
  expect 0 commands/run.cc '#include "base/exit_code.h"'
  expect 0 commands/run.cc '#include "supervise/session.h"'
  expect 1 commands/run.cc '#include <spdlog/spdlog.h>'
  expect 0 report/reporter.cc '#include <spdlog/spdlog.h>'
  expect 1 report/state_lines.cc '#include "options/options.h"'
  expect 0 supervise/keeper.cc '#include "store/store.h"'
  expect 1 supervise/keeper.cc '#include "options/options.h"'
  expect 1 supervise/keeper.cc '#include "store/redis/store.h"'
  expect 1 commands/run.cc '#include <CLI/CLI.hpp>'
  expect 1 commands/run.cc '#include <ares_dns.h>'
  expect 0 options/parser.h '#include <CLI/CLI.hpp>'
  expect 1 main.cc '#include <CLI/CLI.hpp>'
  expect 1 options/options.cc '#include "store/location.h"'
  expect 0 main.cc '#include "commands/run.h"'
  expect 0 main.cc '#include <spdlog/spdlog.h>'
  expect 1 main.cc '#include "store/store.h"'
  expect 1 helpers/strings.cc '#include <string>'
  expect 1 store/open.cc '#include "store/redis/line.h"' store/redis/line.h '#include <hiredis/hiredis.h>'
  expect 0 store/redis/store.cc '#include "store/redis/line.h"' store/redis/line.h '#include <hiredis/hiredis.h>'
  [ "$failures" = 0 ]
}

if [ "${1-}" = --self-test ]; then
  self_test
else
  check "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"
fi
