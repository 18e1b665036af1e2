#!/usr/bin/env bash
# Builds what is published, in build/dist: for each architecture a static binary in a tar.gz with manual,
# completions, units and licences, a Debian package and the debug information; the package for
# Node-RED; a list of all that is linked in, and checksums. The same commit gives the same bytes, in
# whatever folder and whenever it is built.
#
# usage: scripts/package.sh [ARCHITECTURE...]      amd64, arm64 and armhf, all by default
#        scripts/package.sh --check                builds twice, and tries the packages; see package/check.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ "${1:-}" = --check ]; then exec "$root/scripts/package/check.sh"; fi
[ $# -gt 0 ] || set -- amd64 arm64 armhf
for architecture in "$@"; do triplet_of "$architecture" >/dev/null; done

"$root/scripts/install-deps.sh" package
version=$(project_version)
commit=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)
# Everything that has a date has that of the commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
dist=$root/build/dist
programs=()

rm -rf "$dist"
mkdir -p "$dist"
for architecture in "$@"; do
  say "building $version for $architecture"
  folder=$root/build/package/$architecture
  "$root/scripts/package/build.sh" "$architecture" "$folder" "$commit"
  "$root/scripts/package/pack.sh" "$architecture" "$folder" "$dist"
  mkdir "$scratch/$architecture"
  tar -C "$scratch/$architecture" --strip-components=2 -xf "$dist/cluster-leader-$version-linux-$architecture.tar.gz" --wildcards '*/bin/cluster-leader'
  programs+=("$scratch/$architecture/cluster-leader")
done
"$root/scripts/node-red/pack.sh" "$dist" "${programs[@]}" >/dev/null
"$root/scripts/package/sbom.sh" "$commit" >"$dist/cluster-leader-$version.spdx.json"
(cd "$dist" && sha256sum -- * >"$scratch/SHA256SUMS" && mv "$scratch/SHA256SUMS" .)
say "wrote build/dist:"
(cd "$dist" && ls -l -- *) | awk '{ print "  " $5, $9 }' >&2
