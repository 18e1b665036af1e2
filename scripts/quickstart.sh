#!/usr/bin/env bash
# Builds cluster-leader and shows its main job: three replicas start the same command, and exactly
# one runs it.
#
# usage: scripts/quickstart.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

replicas=3
follower=75

"$root/scripts/install-deps.sh" build
configure release
cd "$root"
cmake --build --preset release --target cluster-leader completions
binary=build/cluster-leader

# A folder is used in place of a server, so that nothing else has to be installed or started.
leases=$scratch/leases
mkdir "$leases"

printf '\nStarting %s replicas of the same job at once:\n\n' "$replicas"
pids=()
for replica in $(seq "$replicas"); do
  # shellcheck disable=SC2016
  REPLICA=$replica "$binary" run --key quickstart --server "file://$leases" --ttl 10 -- \
    sh -c 'echo "  replica $REPLICA runs the job"; sleep 1' &
  pids+=($!)
done

ran=0
followers=0
for index in "${!pids[@]}"; do
  status=0
  wait "${pids[index]}" || status=$?
  case $status in
    0) ran=$((ran + 1)) meaning="ran the job" ;;
    "$follower") followers=$((followers + 1)) meaning="somebody else holds the key" ;;
    *) meaning="unexpected" ;;
  esac
  printf '  replica %s: exit status %s, %s\n' "$((index + 1))" "$status" "$meaning"
done

if [ "$ran" != 1 ] || [ "$followers" != $((replicas - 1)) ]; then
  printf '\n%s replicas ran the job and %s were followers; expected exactly one to run it.\n' "$ran" "$followers" >&2
  exit 1
fi

cat <<EOT

Exactly one replica ran the job.

To try next:
  $binary run --server redis://HOST --key my-job -- COMMAND             on several machines, one server
  $binary run --server redis://HOST --key my-job --wait 60 -- COMMAND   wait for the key
  $binary run --help
EOT
