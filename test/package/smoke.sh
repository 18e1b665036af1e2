#!/usr/bin/env bash
# Packs what was built, twice, and tries the package. scripts/package.sh --check does more, in systems of
# their own.
#
# usage: test/package/smoke.sh BUILD_FOLDER
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

[ $# -eq 1 ] || die "usage: smoke.sh BUILD_FOLDER"
build=$1
architecture=$(dpkg --print-architecture)
version=$(project_version)
export SOURCE_DATE_EPOCH=1700000000

"$root/scripts/package/pack.sh" "$architecture" "$build" "$scratch/one"
(umask 077 && TZ=Asia/Tokyo LC_ALL=C "$root/scripts/package/pack.sh" "$architecture" "$build" "$scratch/two")
diff -r "$scratch/one" "$scratch/two" || die "the same build was packed in two ways"

deb=$scratch/one/cluster-leader_${version}_$architecture.deb
cd "$scratch"
dpkg-deb -c "$deb" | awk '$1 ~ /^-/ { print $1, $2, $6 }' | sort -k 3 >files
cat >expected <<'END'
-rw-r--r-- root/root ./lib/systemd/system/cluster-leader@.service
-rwxr-xr-x root/root ./usr/bin/cluster-leader
-rw-r--r-- root/root ./usr/share/bash-completion/completions/cluster-leader
-rw-r--r-- root/root ./usr/share/doc/cluster-leader/changelog.gz
-rw-r--r-- root/root ./usr/share/doc/cluster-leader/copyright
-rw-r--r-- root/root ./usr/share/doc/cluster-leader/examples/report.service
-rw-r--r-- root/root ./usr/share/doc/cluster-leader/examples/report.timer
-rw-r--r-- root/root ./usr/share/fish/vendor_completions.d/cluster-leader.fish
-rw-r--r-- root/root ./usr/share/lintian/overrides/cluster-leader
-rw-r--r-- root/root ./usr/share/zsh/vendor-completions/_cluster-leader
END
for page in "$root"/man/*.[17]; do
  echo "-rw-r--r-- root/root ./usr/share/man/man${page##*.}/$(basename "$page").gz"
done >>expected
for schema in "$root"/man/schemas/*; do
  echo "-rw-r--r-- root/root ./usr/share/cluster-leader/schemas/$(basename "$schema")"
done >>expected
sort -k 3 -o expected expected
diff expected files || die "the package has other files"
[ "$(dpkg-deb -f "$deb" Version)" = "$version" ] || die "the package has another version"

dpkg-deb -x "$deb" deb
mkdir tarball leases
tar -C tarball --strip-components=1 -xf "one/cluster-leader-$version-linux-$architecture.tar.gz"
cmp deb/usr/bin/cluster-leader tarball/bin/cluster-leader || die "the tarball has another program"
for library in hiredis c-ares OpenSSL CLI11 spdlog fmt 'JSON for Modern C++' libstdc++ 'GNU C library'; do
  grep -q "^$library" tarball/share/doc/cluster-leader/THIRD-PARTY-NOTICES || die "the licence of $library is missing"
done
[ "$(deb/usr/bin/cluster-leader run --server "file://$scratch/leases" --key a -- echo works)" = works ] ||
  die "the packaged program does not run a job"

# systemd looks for the program where the units say that it is.
mkdir units
for unit in deb/lib/systemd/system/cluster-leader@.service deb/usr/share/doc/cluster-leader/examples/report.*; do
  sed "s|=/usr/bin/cluster-leader|=$scratch/deb/usr/bin/cluster-leader|; s|^Documentation=.*||" "$unit" >"units/$(basename "$unit")"
done
mv units/cluster-leader@.service units/cluster-leader@a.service
systemd-analyze verify units/* || die "systemd refuses a unit"

"$root/scripts/package/sbom.sh" 0123 | jq -e '.packages | length == 10 and all(.versionInfo | length > 0)' >/dev/null ||
  die "the list of what is linked in is not complete"
