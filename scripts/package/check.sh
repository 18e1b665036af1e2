#!/usr/bin/env bash
# Tries what scripts/package.sh makes of the last commit: two builds in two folders must give the same
# bytes; three replicas of one job must run it once, on each processor (under qemu) and after an
# installation in new systems of Debian; the package must leave nothing there once it is purged.
#
# What was tried is then in build/dist.
#
# Takes about half an hour and 4 GB of disk, so no other test runs it. Must be root, for chroot(2).
#
# usage: scripts/package/check.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

[ $# -eq 0 ] || die "takes no arguments"
[ "$(id -u)" = 0 ] || die "must be root, to make file systems of other systems"
"$root/scripts/install-deps.sh" package
apt_install git
parts=$root/scripts/package
dist=$scratch/one/build/dist
again=$scratch/another/folder/build/dist

commit=$(git -C "$root" rev-parse HEAD)

# build_in FOLDER builds a clone of that commit there.
build_in() {
  git clone --quiet --no-checkout "$root" "$1"
  git -C "$1" checkout --quiet "$commit"
  "$1/scripts/package.sh"
}

build_in "$scratch/one"
build_in "$scratch/another/folder"
diff "$dist/SHA256SUMS" "$again/SHA256SUMS" >&2 || die "two builds in two folders differ"
# Every file is among them.
[ "$(cd "$dist" && sha256sum --quiet --check SHA256SUMS && find . -type f ! -name SHA256SUMS | wc -l)" = "$(wc -l <"$dist/SHA256SUMS")" ] ||
  die "SHA256SUMS is not of all files"
say "two builds in two folders are the same"

"$parts/check-musl.sh" "$scratch/one/build/package/amd64"
lintian --allow-root --fail-on error,warning "$dist"/*.deb
say "lintian finds nothing"
"$parts/check-binaries.sh" "$dist"

# The same tree with a lower version, to be upgraded from.
(cd "$scratch/one" && DEB_VERSION=0.0.1 SOURCE_DATE_EPOCH=0 scripts/package/pack.sh amd64 "$PWD/build/package/amd64" "$scratch/older")
"$parts/check-roots.sh" "$dist" "$scratch"/older/*.deb bookworm trixie
"$root/test/package/first-contact.sh" "$dist"/*_amd64.deb
"$parts/check-source.sh" trixie
rm -rf "$root/build/dist"
mkdir -p "$root/build"
mv "$dist" "$root/build/dist"
say "all packages work; they are in build/dist"
