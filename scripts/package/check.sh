#!/usr/bin/env bash
# Tries what scripts/package.sh makes of the last commit: two builds in two folders must give the same
# bytes; three replicas of one job must run it once, on each processor (under qemu) and after an
# installation in new systems of Debian; the package must leave nothing there once it is purged.
#
# Takes about half an hour and 3 GB of disk, so no other test runs it. Must be root, for chroot(2).
#
# usage: scripts/package/check.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

[ $# -eq 0 ] || die "takes no arguments"
[ "$(id -u)" = 0 ] || die "must be root, to make file systems of other systems"
"$root/scripts/install-deps.sh" package
apt_install debootstrap git file
version=$(project_version)
mounted=
trap leave EXIT
leave() {
  [ -z "$mounted" ] || umount "$mounted"
  rm -rf "$scratch"
}

# build_in FOLDER builds a clone of the last commit there.
build_in() {
  git clone --quiet "$root" "$1"
  "$1/scripts/package.sh"
}

# runs_once WHAT LEASES PROGRAM... fails unless one of three replicas runs a job; LEASES is an empty
# folder, as the program sees it.
runs_once() {
  local what=$1 leases=$2 ran=0 followers=0 status pid
  shift 2
  local -a pids=()
  for _ in 1 2 3; do
    "$@" run --key job --server "file://$leases" -- sleep 2 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    status=0
    wait "$pid" || status=$?
    case $status in
      0) ran=$((ran + 1)) ;;
      75) followers=$((followers + 1)) ;;
      *) die "$what ended with $status" ;;
    esac
  done
  [ "$ran $followers" = "1 2" ] || die "$what ran the job $ran times, and was a follower $followers times"
  say "$what runs one of three replicas"
}

check_tarball() {
  local architecture=$1 name=cluster-leader-$version-linux-$1
  local -a emulator=()
  case $architecture in
    arm64) emulator=(qemu-aarch64-static) ;;
    armhf) emulator=(qemu-arm-static) ;;
  esac
  tar -C "$scratch" -xf "$dist/$name.tar.gz"
  file "$scratch/$name/bin/cluster-leader" | grep -q 'statically linked.*stripped' || die "the binary for $architecture is not static and stripped"
  mkdir "$scratch/leases-$architecture"
  runs_once "the binary for $architecture" "$scratch/leases-$architecture" "${emulator[@]}" "$scratch/$name/bin/cluster-leader"
}

# files_in FOLDER prints all files except what apt and dpkg keep for themselves.
files_in() {
  (cd "$1" && find . -xdev \( -path ./proc -o -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt -o -path ./tmp \) -prune -o -print | sort)
}

check_in_root() {
  local suite=$1 tree=$scratch/$1 deb older
  deb=cluster-leader_${version}_amd64.deb
  older=cluster-leader_0.0.1_amd64.deb
  say "making a system of $suite"
  debootstrap --variant=minbase --keyring="$keyring" "$suite" "$tree" "$(debian_mirror)" >"$scratch/debootstrap.log" 2>&1 ||
    { tail -n 5 "$scratch/debootstrap.log" >&2; die "debootstrap failed"; }
  cp "$dist/$deb" "$scratch/older/$older" "$tree/tmp"
  files_in "$tree" >"$scratch/before"
  chroot "$tree" apt-get -qq install "/tmp/$older" >/dev/null
  chroot "$tree" apt-get -qq install "/tmp/$deb" >/dev/null
  chroot "$tree" cluster-leader --version | grep -q "^cluster-leader $version " || die "$suite has another version after the upgrade"
  mkdir "$tree/tmp/leases"
  mount -t proc proc "$tree/proc"
  mounted=$tree/proc
  runs_once "the package in $suite" /tmp/leases chroot "$tree" cluster-leader
  umount "$mounted"
  mounted=
  chroot "$tree" apt-get -qq purge cluster-leader >/dev/null
  files_in "$tree" >"$scratch/after"
  diff "$scratch/before" "$scratch/after" >&2 || die "the package leaves files behind in $suite"
  say "the package can be installed in $suite, upgraded and purged"
}

build_in "$scratch/one"
build_in "$scratch/another/folder"
cmp "$scratch/one/build/dist/SHA256SUMS" "$scratch/another/folder/build/dist/SHA256SUMS" ||
  { diff "$scratch/one/build/dist/SHA256SUMS" "$scratch/another/folder/build/dist/SHA256SUMS" >&2; die "two builds differ"; }
say "two builds in two folders are the same"
dist=$scratch/one/build/dist

"$root/scripts/package/check-musl.sh" "$scratch/one/build/package/amd64"
lintian --fail-on error,warning "$dist"/*.deb
for architecture in amd64 arm64 armhf; do check_tarball "$architecture"; done

# The same tree with a lower version, to be upgraded from.
(cd "$scratch/one" && DEB_VERSION=0.0.1 SOURCE_DATE_EPOCH=0 scripts/package/pack.sh amd64 "$PWD/build/package/amd64" "$scratch/older")
for suite in bookworm trixie; do check_in_root "$suite"; done
say "all packages work"
