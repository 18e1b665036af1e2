#!/usr/bin/env bash
# Installs or updates the package for Node-RED: in running containers, or in a user directory of this
# machine.
#
# usage: scripts/node-red/install.sh [--package TARBALL] CONTAINER...
#        scripts/node-red/install.sh [--package TARBALL] --user-dir FOLDER
#
# CONTAINER is the name of a container or of a service, or a part of it. Each running container of this
# machine whose name contains it gets the package in /data and, unless it is a task of a Swarm, the
# program in /usr/local/bin for exec nodes. If /data of one is read-only, it must share it with another
# that can write. Then each is restarted, one after the other, and a service of a Swarm as a whole.
# FOLDER is the user directory of a Node-RED on this machine, which you must restart yourself.
# Without --package, pack.sh builds the package first.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

package=node-red-contrib-cluster-leader-cli
npm_install=(npm install --no-audit --no-fund --no-update-notifier)

mistake() { die "$* (--help shows the usage)"; }

tarball=
user_dir=
names=()
while [ $# -gt 0 ]; do
  case $1 in
    --help)
      sed -n '/^# usage:/,/^[^#]/ s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit
      ;;
    --package | --user-dir)
      [ -n "${2:-}" ] || mistake "$1 requires a value"
      if [ "$1" = --package ]; then tarball=$2; else user_dir=$2; fi
      shift
      ;;
    -*) mistake "unknown option '$1'" ;;
    '') mistake "an empty name would match every container" ;;
    *) names+=("$1") ;;
  esac
  shift
done

# Adds to `containers` the ids of those whose names contain NAME, each of them once.
containers=()
find_containers() {
  local id found=
  while read -r id; do
    found=yes
    [[ " ${containers[*]-} " == *" $id "* ]] || containers+=("$id")
  done < <(docker ps --quiet --filter "name=$1")
  [ -n "$found" ] || die "no running container has '$1' in its name"
}

# Fails unless the tarball has the files of our package.
unpack_package() {
  [ -r "$tarball" ] || die "$tarball cannot be read"
  tar -xzf "$tarball" -C "$scratch" package/package.json package/bin 2>/dev/null ||
    die "$tarball is not a package made by pack.sh"
  # The name that npm records, whatever the file is called.
  version=$(sed -n 's/.*"version": "\([0-9][^"]*\)".*/\1/p' "$scratch/package/package.json" | sed -n 1p)
  base=$package-$version.tgz
}

install_into_folder() {
  # The tarball is kept where npm looks for it when it installs other packages. It is copied in two
  # steps, since it may be that very file.
  cp "$tarball" "$scratch/$base"
  cp "$scratch/$base" "$user_dir/$base"
  (cd "$user_dir" && "${npm_install[@]}" --silent "./$base") || die "npm could not install it into $user_dir"
  "$user_dir/node_modules/.bin/cluster-leader" --version >/dev/null ||
    die "$user_dir/node_modules/.bin/cluster-leader does not run on this machine"
  say "installed $version into $user_dir; restart its Node-RED"
}

install_package() {
  docker cp "$tarball" "$1:/data/$base" >/dev/null
  docker exec --workdir /data "$1" "${npm_install[@]}" --silent "./$base" ||
    die "npm could not install it into /data of container $1"
}

# install_program CONTAINER copies the program for its processor.
install_program() {
  local processor
  case $(docker exec "$1" uname -m) in
    x86_64) processor=x64 ;;
    aarch64) processor=arm64 ;;
    *) processor=arm ;;
  esac
  if ! docker cp "$scratch/package/bin/linux-$processor/cluster-leader" "$1:/usr/local/bin/cluster-leader" >/dev/null ||
    ! docker exec "$1" cluster-leader --version >/dev/null; then
    die "the program does not run in container $1; the package has it for: $(cd "$scratch/package/bin" && echo linux-*)"
  fi
}

service_of() { docker inspect --format '{{index .Config.Labels "com.docker.swarm.service.name"}}' "$1"; }

install_into_containers() {
  local id service
  local -a read_only=() services=()
  for id in "${containers[@]}"; do
    docker exec "$id" sh -c 'test -d /data && command -v npm >/dev/null' ||
      die "container $id has no /data or no npm, so it is not Node-RED; nothing was changed"
  done
  for id in "${containers[@]}"; do
    if docker exec "$id" test -w /data; then install_package "$id"; else read_only+=("$id"); fi
  done
  for id in "${read_only[@]+"${read_only[@]}"}"; do
    docker exec "$id" grep -qsF "\"version\": \"$version\"" "/data/node_modules/$package/package.json" ||
      die "/data of container $id is read-only, and does not share the package with another container named here"
  done
  for id in "${containers[@]}"; do
    service=$(service_of "$id")
    if [ -n "$service" ]; then
      [[ " ${services[*]-} " == *" $service "* ]] || services+=("$service")
      continue
    fi
    install_program "$id"
    docker restart "$id" >/dev/null
    say "installed $version into container $id"
  done
  # A Swarm would replace a container that was stopped with a new one.
  for service in "${services[@]+"${services[@]}"}"; do
    docker service update --force --detach "$service" >/dev/null ||
      die "service $service has the package but must be restarted: docker service update --force $service, on a manager"
    say "installed $version into service $service"
  done
}

if [ -n "$user_dir" ]; then
  [ ${#names[@]} = 0 ] || mistake "--user-dir and containers cannot be combined"
  [ -d "$user_dir" ] || mistake "$user_dir is not a folder"
  [ -w "$user_dir" ] || die "$(id -un) cannot write to $user_dir"
  command -v npm >/dev/null || die "npm is required; it is part of the Node.js of Node-RED"
else
  [ ${#names[@]} -gt 0 ] || mistake "requires --user-dir or a container"
  command -v docker >/dev/null || die "docker is required"
  docker ps --quiet >/dev/null || die "docker cannot list its containers"
  for name in "${names[@]}"; do find_containers "$name"; done
fi
[ -n "$tarball" ] || tarball=$("$root/scripts/node-red/pack.sh")
unpack_package
if [ -n "$user_dir" ]; then install_into_folder; else install_into_containers; fi
