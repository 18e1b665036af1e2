# shellcheck shell=bash
# What the scripts share: folders, and how packages are fetched. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The keys that verify packages from another suite than the machine's own.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Sets `cache`: the folder for what is built or unpacked once, so that a clean checkout need not repeat
# it. HOME may be unset or not writable, as often in CI; then it is the home of the passwd entry, or
# the checkout.
choose_cache() {
  local home candidate
  home=${HOME:-$(unset HOME && echo ~)}
  for candidate in "${XDG_CACHE_HOME:-$home/.cache}/cluster-leader" "$root/build/.cache"; do
    if mkdir -p "$candidate" 2>/dev/null && [ -w "$candidate" ]; then
      cache=$candidate
      return
    fi
  done
  die "found no writable folder for the cache; set XDG_CACHE_HOME"
}
choose_cache

# The cache is for one distribution and one architecture, since the programs in it would not run
# elsewhere: a home that several machines or containers share has one folder for each.
machine=$(
  # shellcheck source=/dev/null
  . /etc/os-release 2>/dev/null || true
  printf '%s%s-%s' "${ID:-linux}" "${VERSION_ID:-}" "$(uname -m)"
)
cache=$cache/$machine
mkdir -p "$cache"

# Our own hiredis, if the distribution's is too old; otherwise it does not exist.
hiredis_prefix=$cache/hiredis

# Servers that are unpacked for the tests and benchmarks, not installed.
servers_prefix=$cache/servers

# The libraries for other processors, a folder for each.
# shellcheck disable=SC2034
cross_prefix=$cache/cross

# Node-RED for the tests, a folder for each of its versions.
# shellcheck disable=SC2034
node_red_prefix=$cache/node-red

# A temporary folder of one script, beside the place to which complete results are moved.
scratch=$(mktemp -d "$cache/scratch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "'$*' requires root, and sudo is not installed; run it as root, then start again"
  fi
}

# missing_packages NAME... prints those that are not installed.
missing_packages() {
  local name installed
  # shellcheck disable=SC2016
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
  for name in "$@"; do
    grep -qxF "$name installed" <<<"$installed" || echo "$name"
  done
}

# apt_update runs at most once in a script.
updated=
apt_update() {
  [ -z "$updated" ] || return 0
  say "updating the package lists"
  as_root apt-get -qq -o DPkg::Lock::Timeout=300 update
  updated=yes
}

has_candidate() {
  apt-cache policy "$1" 2>/dev/null | grep 'Candidate:' | grep -qv '(none)'
}

# apt_install NAME... installs what is missing, and does nothing else.
apt_install() {
  local -a missing
  local name
  command -v apt-get >/dev/null || die "apt is not available; install the equivalents of: $*"
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  for name in "${missing[@]}"; do
    has_candidate "$name" || apt_update
  done
  say "installing ${missing[*]}"
  # The lists may be older than the archive and name versions that it no longer has; new lists fix
  # that.
  apt_install_now "${missing[@]}" || {
    apt_update
    apt_install_now "${missing[@]}"
  }
}

apt_install_now() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install "$@" >/dev/null
}

# Prints the Debian archive of this machine's apt configuration (not the security archive).
debian_mirror() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
    'Origin: Debian' 'Label: Debian' | sort -u | sed -n 1p
}

# The suite of Debian that this machine runs.
own_suite() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "$VERSION_CODENAME")
}

# The version, which CMakeLists.txt alone defines.
project_version() {
  sed -n 's/^project(cluster-leader VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt"
}

# The GNU name of one of Debian's architectures, by which its compilers and folders are named.
triplet_of() {
  case $1 in
    amd64) echo x86_64-linux-gnu ;;
    arm64) echo aarch64-linux-gnu ;;
    armhf) echo arm-linux-gnueabihf ;;
    *) die "no packages are built for the architecture '$1'; expected amd64, arm64 or armhf" ;;
  esac
}

# private_apt SUITE[/ARCHITECTURE] COMMAND ARG... runs apt-get with a separate state that has only this
# suite of Debian, so that the machine's configuration, lists and pins stay unchanged. It knows no
# installed packages either, which would be preferred to older ones of the suite. Signatures are
# verified as usual.
private_apt() {
  local suite=${1%/*} state=$cache/apt/$1 architecture mirror
  architecture=$(dpkg --print-architecture)
  [ "$suite" = "$1" ] || architecture=${1#*/}
  shift
  mirror=$(debian_mirror)
  if [ -z "$mirror" ]; then
    apt_update
    mirror=$(debian_mirror)
  fi
  [ -n "$mirror" ] || die "apt has no Debian archive configured, so packages of $suite cannot be downloaded"
  [ -r "$keyring" ] || die "$keyring is missing; install debian-archive-keyring"
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  printf '%s [signed-by=%s] %s %s main\n' \
    deb "$keyring" "$mirror" "$suite" deb-src "$keyring" "$mirror" "$suite" >"$state/sources.list"
  apt-get -qq -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State::lists="$state/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$state/cache" \
    -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
    -o APT::Sandbox::User="$(id -un)" "$@"
}

# debian_root SUITE prints the folder with a minimal system of that suite, to be copied. It is made once.
debian_root() {
  local tree=$cache/debootstrap/$1 mirror
  if [ ! -e "$tree/complete" ]; then
    apt_install debootstrap debian-archive-keyring >&2
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || die "apt has no Debian archive configured on this machine"
    say "making a system of $1"
    rm -rf "$tree"
    mkdir -p "$cache/debootstrap"
    debootstrap --variant=minbase --keyring="$keyring" "$1" "$tree" "$mirror" >"$scratch/debootstrap.log" 2>&1 ||
      { tail -n 5 "$scratch/debootstrap.log" >&2; die "debootstrap failed"; }
    rm -rf "$tree"/var/cache/apt/archives/*.deb
    touch "$tree/complete"
  fi
  echo "$tree"
}

# with_lock COMMAND... runs it under a lock, so that only one script at a time changes the cache.
with_lock() {
  exec 9>"$cache/lock"
  flock 9
  "$@"
  exec 9>&-
}

# configure PRESET [ARGUMENT]... runs cmake. What the machine's own packages do not provide, it finds in
# the cache: hiredis, and for the tests the servers, Docker's client and promtool.
configure() {
  local preset=$1 prefixes=$hiredis_prefix
  prefixes+=:$servers_prefix/redis/usr:$servers_prefix/valkey/usr:$servers_prefix/redis-6.0:$servers_prefix/stunnel/usr
  prefixes+=:$servers_prefix/docker/usr:$servers_prefix/prometheus/usr
  shift
  (cd "$root" && CMAKE_PREFIX_PATH="${CMAKE_PREFIX_PATH:+$CMAKE_PREFIX_PATH:}$prefixes" \
    cmake --preset "$preset" "$@" >/dev/null)
}
