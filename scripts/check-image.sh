#!/usr/bin/env bash
# Builds the images of the Dockerfile and tests them, without a Docker engine: buildah executes each
# step in a chroot. The base images are made here, from packages of the same distribution and the
# Node-RED of the tests, since none is downloaded. So the node-red image is tested with Debian's C
# library, not with Alpine's, and of the other processors only the image with nothing but the program is
# tried. buildah has no --platform for a stage, so what an engine makes of that is given as an argument.
#
# Takes a quarter of an hour and, meanwhile, two GB of disk, so no other test runs it.
#
# usage: scripts/check-image.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -eq 0 ] || die "takes no arguments"
[ "$(id -u)" = 0 ] || die "must be root, to make file systems with files of other users"
suite=bookworm
npm_version=10.9.4

"$root/scripts/install-deps.sh" test
apt_install buildah file
commit=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)

# Images and containers are kept beside the cache, not in the user's own buildah store.
storage=$scratch/storage
trap leave EXIT
leave() {
  engine umount --all >/dev/null 2>&1 || true
  umount "$storage/overlay" 2>/dev/null || true
  rm -rf "$scratch"
}

engine() {
  local verb=$1
  shift
  buildah --root "$storage" --runroot "$scratch/run" --storage-driver overlay "$verb" "$@"
}

# image_of FOLDER NAME OPTION... makes an image of a file system.
image_of() {
  local folder=$1 name=$2 container
  shift 2
  container=$(engine from scratch)
  # `add` would make root the owner of everything.
  cp -a "$folder/." "$(engine mount "$container")"
  engine umount "$container" >/dev/null
  engine config "$@" "$container"
  engine commit --quiet --rm "$container" "$name" >/dev/null
}

# What a Dockerfile finds in the official image: Node-RED in /usr/src/node-red, which is the working
# folder and belongs to node-red, uid 1000; node and npm on the PATH; /data.
make_node_red_root() {
  local tree=$1 source=$node_red_prefix/4 home=$1/usr/src/node-red
  cp -a "$base" "$tree"
  mkdir -p "$home" "$tree/data"
  cp -a "$source/node_modules" "$home"
  cp "$source/node_modules/.bin/node" "$tree/usr/local/bin/node"
  cat >"$home/package.json" <<JSON
{ "name": "node-red-docker", "version": "4.1.15", "dependencies": { "node-red": "4.1.15" } }
JSON
  npm install --silent --no-audit --no-fund --no-update-notifier --ignore-scripts --cache "$scratch/npm" \
    --prefix "$tree/usr/local/lib" "npm@$npm_version"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$tree/usr/local/bin/npm"
  echo 'node-red:x:1000:1000::/usr/src/node-red:/bin/bash' >>"$tree/etc/passwd"
  echo 'node-red:x:1000:' >>"$tree/etc/group"
  chown -R 1000:1000 "$home" "$tree/data"
}

# build_target TARGET [NAME OPTION...]
build_target() {
  local target=$1 name=${2:-$1}
  shift
  [ $# -eq 0 ] || shift
  say "building the target $target${*:+ with $*}"
  engine bud --quiet --layers --isolation chroot --pull-never --format docker \
    --build-arg NODE_RED_IMAGE=localhost/node-red-of-the-tests --build-arg COMMIT="$commit" "$@" \
    --target "$target" --tag "$name" --file "$root/Dockerfile" "$root" >"$scratch/$name.log" 2>&1 || {
    tail -n 40 "$scratch/$name.log" >&2
    die "the target $target cannot be built"
  }
  check_labels "$name"
}

check_labels() {
  local label
  engine inspect --type image "localhost/$1" | jq '.OCIv1.config.Labels' >"$scratch/labels"
  for label in title description licenses; do
    jq -e --arg name "org.opencontainers.image.$label" '.[$name] | length > 0' "$scratch/labels" >/dev/null ||
      die "the image $1 has no label $label"
  done
  jq -e --arg version "$(project_version)" --arg commit "$commit" '.["org.opencontainers.image.version"] == $version
    and .["org.opencontainers.image.revision"] == $commit' "$scratch/labels" >/dev/null ||
    die "the image $1 is labelled as another version: $(cat "$scratch/labels")"
}

# in_image NAME OPTION... -- COMMAND... runs a command in a new container.
in_image() {
  local container status=0
  local -a options=()
  container=$(engine from --pull-never "localhost/$1")
  shift
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  engine run --isolation chroot "${options[@]}" "$container" "$@" || status=$?
  engine rm "$container" >/dev/null
  return "$status"
}

check_binary() {
  local container folder files
  container=$(engine from --pull-never localhost/binary)
  folder=$(engine mount "$container")
  files=$(cd "$folder" && find . -type f)
  [ "$files" = ./cluster-leader ] || die "the target binary contains $files"
  if readelf --program-headers "$folder/cluster-leader" | grep -q INTERP; then die "its program is not static"; fi
  engine umount "$container" >/dev/null
  engine inspect --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}' "$container" |
    grep -qxF '1000:1000 [/cluster-leader]' || die "the target binary has another user or entry point"
  engine rm "$container" >/dev/null
  mkdir --mode 777 "$scratch/leases"
  in_image binary --volume "$scratch/leases:/leases" -- \
    /cluster-leader run --server file:///leases --key a -- /cluster-leader --version |
    grep -q '^cluster-leader [0-9]' || die "the program cannot run a job in the target binary"
}

check_debian() {
  local command
  [ "$(in_image debian -- id -u)" = 1000 ] || die "the target debian does not drop its rights"
  in_image debian -- test -s /etc/ssl/certs/ca-certificates.crt || die "the target debian has no CAs"
  mkdir --mode 777 "$scratch/leases-debian"
  [ "$(in_image debian --volume "$scratch/leases-debian:/leases" -- \
    cluster-leader run --server file:///leases --key a -- sh -c 'echo works')" = works ] ||
    die "the program cannot run a job in the target debian"
  # What the Dockerfile recommends: healthy while it can ask, and not otherwise.
  command=$(sed -n 's/^#   HEALTHCHECK CMD //p' "$root/Dockerfile")
  grep -qxF "HEALTHCHECK CMD $command" "$root/README.md" || die "the README has another HEALTHCHECK than the Dockerfile"
  in_image debian --volume "$scratch/leases-debian:/leases" --env CLUSTER_LEADER_SERVER=file:///leases -- \
    sh -c "$command" || die "the HEALTHCHECK fails beside a server"
  if in_image debian --env CLUSTER_LEADER_SERVER=redis://127.0.0.1:1 -- sh -c "$command" 2>/dev/null; then
    die "the HEALTHCHECK succeeds without a server"
  fi
}

# The program for another processor, made by the cross compiler.
check_arm64() {
  local container program
  container=$(engine from --pull-never localhost/binary-arm64)
  program=$(engine mount "$container")/cluster-leader
  file --brief "$program" | grep -q 'ARM aarch64.*statically linked' || die "the program for arm64 is $(file --brief "$program")"
  "$servers_prefix/qemu/usr/bin/qemu-aarch64" "$program" --version | grep -q "^cluster-leader $(project_version)" ||
    die "the program for arm64 does not run"
  engine umount "$container" >/dev/null
  engine rm "$container" >/dev/null
}

check_node_red() {
  local look_for_node
  # shellcheck disable=SC2016
  look_for_node='
  const { spawn } = require("node:child_process");
  const port = 10000 + process.pid % 20000;
  const red = spawn("node", ["node_modules/node-red/red.js", "--userDir", "/data", "--port", port,
    "-D", "uiHost=127.0.0.1", "-D", "telemetry.enabled=false"], { stdio: "inherit" });
  const leave = (text, code) => { console.error(text); red.kill(); process.exit(code); };
  const end = Date.now() + 120000;
  const look = () => fetch(`http://127.0.0.1:${port}/nodes`, { headers: { Accept: "application/json" } })
    .then((answer) => answer.json())
    .then((sets) => {
      const set = sets.find(({ types }) => types.includes("cluster-leader-cli"));
      if (!set?.enabled || set.err) leave("no node: " + JSON.stringify(set), 1);
      leave(`${set.id} ${set.version} is in the palette`, 0);
    })
    .catch((error) => { if (Date.now() > end) leave(error.message, 1); else setTimeout(look, 200); });
  look();'
  [ "$(in_image node-red -- id -u)" = 1000 ] || die "the target node-red has another user than its base"
  in_image node-red -- cluster-leader --version >/dev/null || die "cluster-leader is not on the PATH of the target node-red"
  in_image node-red -- node -e "$look_for_node" >"$scratch/node-red-runs.log" 2>&1 || {
    tail -n 20 "$scratch/node-red-runs.log" >&2
    die "Node-RED of the target node-red does not have the node"
  }
  # An image built from this one may install other packages, which must not remove ours.
  in_image node-red -- sh -c 'npm ls node-red-contrib-cluster-leader-cli' | grep -q 'cluster-leader-cli@' ||
    die "npm does not know the package in the target node-red"
}

base=$(with_lock debian_root "$suite")
say "making the base images"
for name in "$suite" "$suite-slim"; do image_of "$base" "docker.io/library/debian:$name" --cmd /bin/bash; done
make_node_red_root "$scratch/node-red-root"
image_of "$scratch/node-red-root" localhost/node-red-of-the-tests \
  --workingdir /usr/src/node-red --user node-red --volume /data
rm -rf "$scratch/node-red-root"
build_target binary
check_binary
build_target debian
check_debian
build_target node-red
check_node_red
"$root/scripts/install-deps.sh" cross-arm64
build_target binary binary-arm64 --build-arg TARGETARCH=arm64
check_arm64
say "all images work"
