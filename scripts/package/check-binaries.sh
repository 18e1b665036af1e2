#!/usr/bin/env bash
# Runs the binary for each processor, those for others under qemu, which cannot do one thing: start a job
# as we do without a terminal, in a process that clone(2) makes with CLONE_PARENT. With a terminal that
# is fork(2), so each replica gets one. So on arm64 and armhf the start without a terminal is not tried.
#
# usage: scripts/package/check-binaries.sh DIST [ARCHITECTURE...]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/trial.sh"

[ $# -ge 1 ] || die "usage: check-binaries.sh DIST [ARCHITECTURE...]"
dist=$1
shift
[ $# -gt 0 ] || set -- amd64 arm64 armhf
version=$(project_version)
apt_install file

# In bytes; both are downloaded by small machines.
biggest_binary=9000000
biggest_deb=4000000

# on_terminal COMMAND... runs it on a terminal of its own.
on_terminal() { SHELL=/bin/sh script --quiet --return --command "${*@Q}" /dev/null </dev/null; }

# at_most BYTES FILE
at_most() {
  local size
  size=$(stat --format %s "$2")
  [ "$size" -le "$1" ] || die "$2 has $size bytes, more than $1"
}

check_binary() {
  local architecture=$1 name=cluster-leader-$version-linux-$1 program kind
  local -a starter=()
  case $architecture in
    arm64) starter=(on_terminal "$servers_prefix/qemu/usr/bin/qemu-aarch64") ;;
    armhf) starter=(on_terminal "$servers_prefix/qemu/usr/bin/qemu-arm") ;;
  esac
  tar -C "$scratch" -xf "$dist/$name.tar.gz"
  program=$scratch/$name/bin/cluster-leader
  kind=$(file --brief "$program")
  [[ $kind == *'statically linked'*', stripped' ]] || die "the binary for $architecture is not static and stripped: $kind"
  at_most "$biggest_binary" "$program"
  at_most "$biggest_deb" "$dist/cluster-leader_${version}_$architecture.deb"
  mkdir "$scratch/$architecture"
  check_program "the binary for $architecture" "$scratch/$architecture" "$scratch/$architecture" "${starter[@]}" "$program"
}

start_server
for architecture in "$@"; do check_binary "$architecture"; done
