#!/usr/bin/env bash
# Records a session of a leader, a follower and `status` on a real server, and writes it as a picture
# to man/session.svg.
#
# usage: scripts/session.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

picture=$root/man/session.svg

# The session is in a network of its own, where the server has the default address.
if [ "${1:-}" != inside ]; then
  [ $# = 0 ] || die "usage: scripts/session.sh"
  "$root/scripts/install-deps.sh" test
  "$root/scripts/build.sh" release cluster-leader >&2
  # A caller's settings must not show in the picture.
  unset "${!CLUSTER_LEADER_@}" "${!REDIS_@}" REDISCLI_AUTH
  unshare --map-root-user --net --mount "${BASH_SOURCE[0]}" inside
  exit
fi
PATH=$root/build:$servers_prefix/redis/usr/bin:$PATH
export NO_COLOR=1
ip link set lo up
echo '127.0.0.1 redis' >"$scratch/hosts"
mount --bind "$scratch/hosts" /etc/hosts
redis-server --bind 127.0.0.1 --save "" --dir "$scratch" >/dev/null &
server=$!
trap 'kill "$server"; wait "$server" || true; umount /etc/hosts; rm -rf "$scratch"' EXIT

# on MACHINE COMMAND... runs it where the host name is MACHINE.
on() {
  # shellcheck disable=SC2016
  HOSTNAME=$1 unshare --uts sh -c 'hostname "$HOSTNAME" && exec "$@"' sh "${@:2}"
}

# The job ends when the picture has what it shows while it runs. A server that has just started grants
# nothing for 11 s, so that the first command takes that long.
mkfifo "$scratch/running" "$scratch/end"
cat >"$scratch/report" <<END
#!/bin/sh
echo >$scratch/running
read -r _ <$scratch/end
END
chmod +x "$scratch/report"
cd "$scratch"

session=$scratch/session
# show MACHINE COMMAND... records a command, what it prints, and its status if that is not 0.
show() {
  local machine=$1 status=0 output
  shift
  printf '%s$ %s\n' "$machine" "$*" >>"$session"
  output=$(on "$machine" "$@" 2>&1) || status=$?
  [ -z "$output" ] || printf '%s\n' "$output" >>"$session"
  [ "$status" = 0 ] || printf '%s$ echo $?\n%s\n' "$machine" "$status" >>"$session"
}

printf 'web-1$ cluster-leader run --key report -- ./report\n' >"$session"
on web-1 cluster-leader run --key report -- ./report &
leader=$!
read -r _ <"$scratch/running"
show web-2 cluster-leader run --key report -- ./report
show web-2 cluster-leader run --key report --verbose -- ./report
show web-2 cluster-leader status
echo >"$scratch/end"
wait "$leader"

# Every line is as wide as its number of characters says, whatever the reader's font.
awk '
  length($0) > width { width = length($0) }
  {
    y = NR * 20 + 10
    size = length($0) * 8
    # What is typed is brighter than what is printed, which has columns.
    typed = $1 ~ /^web-[0-9]\$$/
    colour = typed ? "#ffffff" : "#9fb3c8"
    gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;"); gsub(/>/, "\\&gt;")
    if (!typed) gsub(/ /, "\\&#160;")
    lines = lines "<text x=\"16\" y=\"" y "\" fill=\"" colour "\" textLength=\"" size "\">" $0 "</text>\n"
  }
  END {
    width = width * 8 + 32
    height = NR * 20 + 28
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" width "\" height=\"" height "\">"
    print "<title>A leader, a follower and status</title>"
    print "<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#1e2430\"/>"
    print "<g font-family=\"ui-monospace,Menlo,Consolas,monospace\" font-size=\"13\">"
    printf "%s</g>\n</svg>\n", lines
  }' "$session" >"$scratch/session.svg"
cat "$scratch/session.svg" >"$picture"
cat "$session"
