#!/usr/bin/env bash
# Installs the Debian package in new systems of Debian: the first command of the README must work, a lower
# version must be replaced, and nothing may be left once it is purged. Must be root, for chroot(2).
#
# usage: scripts/package/check-roots.sh DIST OLDER_DEB SUITE...
# OLDER_DEB is the package of the same tree with a lower version.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/trial.sh"

[ $# -ge 3 ] || die "usage: check-roots.sh DIST OLDER_DEB SUITE..."
dist=$1 older=$2
shift 2
version=$(project_version)
deb=$dist/cluster-leader_${version}_$(dpkg --print-architecture).deb

# files prints all files except what apt and dpkg keep for themselves.
files() {
  (cd "$tree" && find . -xdev \( -path ./proc -o -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log \
    -o -path ./var/lib/apt -o -path ./tmp \) -prune -o -print | sort)
}

# The first command of the README, with a server that exists.
first_command() {
  sed -n '/^## First job$/,/^## /s/^cluster-leader run .*/&/p' "$root/README.md" | sed -n 1p | sed "s/HOST/127.0.0.1:$port/"
}

# shellcheck disable=SC2016
installed() { in_root dpkg-query -W -f '${Status} ${Version}' cluster-leader 2>/dev/null || true; }

# install_deb DEB VERSION
install_deb() {
  cp "$1" "$tree/tmp/package.deb"
  apt_in_root install /tmp/package.deb
  [ "$(installed)" = "install ok installed $2" ] || die "expected the version $2; dpkg says: $(installed)"
}

check_in() {
  local suite=$1 command
  enter_root "$suite"
  files >"$scratch/before"
  install_deb "$older" "$(dpkg-deb -f "$older" Version)"
  install_deb "$deb" "$version"
  in_root cluster-leader --version | grep -qw "^cluster-leader $version" || die "$suite has another version after the upgrade"
  command=$(first_command)
  [ "$(in_root sh -c "$command")" = hello ] || die "the README's first command fails in $suite: $command"
  mkdir "$tree/tmp/try"
  check_program "the package in $suite" "$tree/tmp/try" /tmp/try in_root cluster-leader
  apt_in_root purge cluster-leader
  [ -z "$(installed)" ] || die "after the purge, dpkg says: $(installed)"
  files >"$scratch/after"
  diff "$scratch/before" "$scratch/after" >&2 || die "the package leaves files behind in $suite"
  leave_root
  say "the package can be installed in $suite, upgraded and purged"
}

start_server
[ -n "$(first_command)" ] || die "the README has no first command"
for suite in "$@"; do check_in "$suite"; done
