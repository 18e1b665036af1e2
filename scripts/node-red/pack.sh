#!/usr/bin/env bash
# Makes the npm package for Node-RED and prints the path of the tarball.
#
# usage: scripts/node-red/pack.sh [FOLDER [BINARY...]]
# The tarball is written to FOLDER, by default build/. It has one BINARY for each processor, which must be
# static to run in every image. Without any it has the release binary for this machine's, which it builds.
# They are all in one package, since an installation without a network cannot fetch a second one.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

source=$root/scripts/node-red
folder=${1:-$root/build}
[ $# -eq 0 ] || shift
if [ $# -eq 0 ]; then
  "$root/scripts/build.sh" release cluster-leader >&2
  set -- "$root/build/cluster-leader"
  if readelf --program-headers "$1" | grep -q INTERP; then die "$1 is not static"; fi
fi

# The name that Node.js has for the processor of a program.
processor_of() {
  case $(readelf --file-header "$1" | sed -n 's/^ *Machine: *//p') in
    *X86-64) echo x64 ;;
    AArch64) echo arm64 ;;
    ARM) echo arm ;;
    *) die "$1 is for a processor that the package does not support" ;;
  esac
}

package=$scratch/package
mkdir -p "$package/bin" "$folder"
cp -r "$source"/{package.json,cluster-leader.js,subflow.json,election.js,editor.html,convert-flows.js,examples,README.md,leader.png} "$package"
cp "$root/LICENSE" "$package"
install --mode 755 "$source/launcher.sh" "$package/bin/cluster-leader"
for binary in "$@"; do
  shipped=$package/bin/linux-$(processor_of "$binary")/cluster-leader
  install -D --mode 755 "$binary" "$shipped"
  # Those for other processors come without debug information, since this strip may not know them.
  strip "$shipped" 2>/dev/null || true
done
version=$(project_version)
grep -qF "\"version\": \"$version\"" "$package/package.json" ||
  die "package.json has another version than cluster-leader $version"
# Like `npm pack`, but without npm, and the same files always give the same tarball.
tarball=$folder/node-red-contrib-cluster-leader-cli-$version.tgz
tar --create --directory "$scratch" --sort=name --mtime=@0 \
  --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX package | gzip -9n >"$tarball"
echo "$tarball"
