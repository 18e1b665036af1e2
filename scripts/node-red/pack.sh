#!/usr/bin/env bash
# Makes the npm package for Node-RED and prints the path of the tarball.
#
# usage: scripts/node-red/pack.sh [BINARY [FOLDER]]
# Without BINARY it builds the release binary, which is static and so runs in every image. The tarball is
# written to FOLDER, by default build/.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

source=$root/scripts/node-red
folder=${2:-$root/build}
if [ $# -gt 0 ]; then
  binary=$1
else
  "$root/scripts/build.sh" release cluster-leader >&2
  binary=$root/build/cluster-leader
  if readelf --program-headers "$binary" | grep -q INTERP; then die "$binary is not static"; fi
fi

package=$scratch/package
mkdir -p "$package/bin" "$folder"
cp -r "$source"/{package.json,cluster-leader.js,subflow.json,election.js,editor.html,convert-flows.js,examples,README.md,leader.png} "$package"
cp "$root/LICENSE" "$package"
install --mode 755 --strip "$binary" "$package/bin/cluster-leader"
version=$("$binary" --version | awk '{ print $2 }')
grep -qF "\"version\": \"$version\"" "$package/package.json" ||
  die "package.json has another version than cluster-leader $version"
# Like `npm pack`, but without npm, and the same files always give the same tarball.
tarball=$folder/node-red-contrib-cluster-leader-cli-$version.tgz
tar --create --gzip --file "$tarball" --directory "$scratch" --sort=name --mtime=@0 \
  --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX package
echo "$tarball"
