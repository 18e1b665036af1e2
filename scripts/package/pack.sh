#!/usr/bin/env bash
# Makes a tar.gz, a Debian package and a file with the debug information out of one build.
#
# usage: scripts/package/pack.sh ARCHITECTURE BUILD_FOLDER OUTPUT_FOLDER
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

[ $# -eq 3 ] || die "usage: pack.sh ARCHITECTURE BUILD_FOLDER OUTPUT_FOLDER"
architecture=$1 build=$2 output=$3
: "${SOURCE_DATE_EPOCH:?is not set}"
triplet=$(triplet_of "$architecture")
version=$(project_version)
parts=$root/scripts/package
# Nobody's mask may show in a package.
umask 022

# deterministic_tar FOLDER NAME prints an archive of FOLDER/NAME that depends on nothing else.
deterministic_tar() {
  tar -C "$1" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu -c "$2" | gzip -9n
}

# install_to FOLDER installs what `cmake --install` does, as if FOLDER were /usr, without debug information.
install_to() {
  cmake --install "$build" --prefix "$1" >/dev/null
  "$triplet-strip" --remove-section=.comment "$1/bin/cluster-leader"
}

make_tarball() {
  local name=cluster-leader-$version-linux-$architecture tree
  tree=$scratch/$name
  install_to "$tree"
  install -Dm644 -t "$tree/share/doc/cluster-leader" "$root/LICENSE" "$root/README.md" "$root/CHANGELOG.md" "$scratch/THIRD-PARTY-NOTICES"
  install -Dm644 -t "$tree/share/doc/cluster-leader/systemd" "$parts"/systemd/*
  deterministic_tar "$scratch" "$name" >"$output/$name.tar.gz"
}

make_debug_file() {
  "$triplet-objcopy" --only-keep-debug --compress-debug-sections "$build/cluster-leader" \
    "$output/cluster-leader-$version-linux-$architecture.debug"
  chmod 644 "$output/cluster-leader-$version-linux-$architecture.debug"
}

# DEB_VERSION, if it is set, replaces the version: for the test of an upgrade.
make_deb() {
  local tree=$scratch/deb documents=$scratch/deb/usr/share/doc/cluster-leader
  install_to "$tree/usr"
  mkdir -p "$tree/usr/share/zsh/vendor-completions"
  mv "$tree"/usr/share/zsh/site-functions/* "$tree/usr/share/zsh/vendor-completions"
  rmdir "$tree/usr/share/zsh/site-functions"
  find "$tree/usr/share/man" -type f -exec gzip -9n {} +
  # The folder in which systemd of every supported release of Debian looks.
  install -Dm644 -t "$tree/lib/systemd/system" "$parts/systemd/cluster-leader@.service"
  install -Dm644 -t "$documents/examples" "$parts"/systemd/report.*
  "$parts/deb/copyright.sh" "$scratch/THIRD-PARTY-NOTICES" >"$documents/copyright"
  "$parts/deb/changelog.sh" | gzip -9n >"$documents/changelog.gz"
  install -Dm644 "$parts/deb/lintian-overrides" "$tree/usr/share/lintian/overrides/cluster-leader"
  mkdir "$tree/DEBIAN"
  sed -e "s/@VERSION@/${DEB_VERSION:-$version}/" -e "s/@ARCHITECTURE@/$architecture/" \
    -e "s/@SIZE@/$(du -k --apparent-size -s "$tree" | cut -f 1)/" "$parts/deb/control" >"$tree/DEBIAN/control"
  (cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$tree" "$output/cluster-leader_${DEB_VERSION:-$version}_$architecture.deb" >/dev/null
}

mkdir -p "$output"
"$parts/notices.sh" >"$scratch/THIRD-PARTY-NOTICES"
make_tarball
make_debug_file
make_deb
