#!/usr/bin/env bash
# Builds the program and the completions for one architecture, with debug information. Installs what that
# takes. ARCHITECTURE is Debian's name for it, or `arm`, Docker's for armhf; none is this machine's.
#
# usage: scripts/package/build.sh ARCHITECTURE FOLDER COMMIT
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

[ $# -eq 3 ] || die "usage: build.sh ARCHITECTURE FOLDER COMMIT"
architecture=${1:-$(dpkg --print-architecture)} folder=$2 commit=$3
[ "$architecture" != arm ] || architecture=armhf
triplet=$(triplet_of "$architecture")

if [ "$architecture" = "$(dpkg --print-architecture)" ]; then
  "$root/scripts/install-deps.sh" build
else
  "$root/scripts/install-deps.sh" "cross-$architecture"
fi
# Settings that an earlier build has found must not count.
rm -rf "$folder"
options=(-B "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCLUSTER_LEADER_COMMIT="$commit")
# No path of this machine gets into the binary or its debug information. Of those that match, the last one
# counts, and the sources may be in the cache.
options+=(-DCMAKE_CXX_FLAGS="-ffile-prefix-map=$cache=/usr -ffile-prefix-map=$root=. -ffile-prefix-map=$folder=build")
if [ "$architecture" != "$(dpkg --print-architecture)" ]; then
  export CROSS_ROOT=$cross_prefix/$architecture
  # The emulator that the toolchain file names.
  PATH=$servers_prefix/qemu/usr/bin:$PATH
  export PKG_CONFIG_LIBDIR=$CROSS_ROOT/usr/lib/$triplet/pkgconfig:$CROSS_ROOT/usr/share/pkgconfig
  export PKG_CONFIG_SYSROOT_DIR=$CROSS_ROOT
  options+=(-DCMAKE_TOOLCHAIN_FILE="$root/scripts/cmake/$triplet.cmake")
  # The machine's own libraries must not be found.
  unset CMAKE_PREFIX_PATH
  (cd "$root" && cmake --preset release "${options[@]}" >/dev/null)
else
  configure release "${options[@]}"
fi
cmake --build "$folder" --target cluster-leader completions >"$scratch/build.log" || {
  tail -n 40 "$scratch/build.log" >&2
  die "the build for $architecture failed"
}
