#!/usr/bin/env bash
# Runs tests with real Node-RED, which scripts/install-deps.sh has put into the cache.
#
# usage: run.sh 4|5 BINARY REDIS_SERVER ARTEFACTS TEST.js
# The first is the major version of Node-RED. BINARY goes into the package that the tests install.
# Pictures are kept in ARTEFACTS.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

home=$node_red_prefix/$1
[ -e "$home/complete" ] || die "Node-RED $1 is not there; run scripts/install-deps.sh test"
mkdir -p "$4"
# The environment of the caller is not meant for what is tested.
unset HOSTNAME REDIS_URL REDIS_HOST REDIS_PORT REDIS_DB REDIS_USERNAME REDIS_PASSWORD REDISCLI_AUTH
for name in "${!CLUSTER_LEADER_@}"; do unset "$name"; done
export NODE_RED_HOME=$home BINARY=$2 REDIS_SERVER=$3 ARTEFACTS=$4
dir=$(mktemp -d /tmp/cluster-leader-node-red.XXXXXX)
# npm asks nobody for anything here.
export npm_config_cache=$dir/npm npm_config_offline=true npm_config_update_notifier=false
TARBALL=$("$root/scripts/node-red/pack.sh" "$dir" "$BINARY")
export TARBALL TEST_DIR=$dir
# Docker's client, which needs no engine to check a file.
DOCKER=$(PATH=$servers_prefix/docker/usr/bin:$PATH command -v docker) ||
  die "docker's client is not there; run scripts/install-deps.sh test"
export DOCKER
status=0
"$home/node_modules/.bin/node" --test --test-reporter=spec \
  "$root/test/node-red/$5" || status=$?
if [ "$status" = 0 ]; then rm -rf "$dir"; else say "what the servers wrote is in $dir"; fi
exit "$status"
