#!/usr/bin/env bash
# What a newcomer does with README.md, done with the package in new systems of Debian and with a server
# that has just started: the first job, the lines for cron, a step of CI, and an exec node of Node-RED.
# Each is taken from the README and pasted as it is, on the two machines web-1 and web-2.
#
# Takes about six minutes, most of them until the next tick of cron, and 1 GB of disk, so no other test
# runs it. Must be root, for chroot(2).
#
# usage: test/package/first-contact.sh DEB
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

[ $# -ge 1 ] || die "usage: first-contact.sh DEB"
[ "$(id -u)" = 0 ] || die "must be root, to make file systems of other systems"
suite=bookworm

# block PHRASE prints the one code block of the README that contains it.
block() {
  awk -v phrase="$1" '
    /^```/ { if (inside && index(text, phrase)) { printf "%s", text; found++ } inside = !inside; text = ""; next }
    inside { text = text $0 "\n" }
    END { exit found != 1 }' "$root/README.md" || die "README.md does not have one block with '$1'"
}

# The systems, with what their administrators have installed before, and the package. The shop's mail
# program keeps what cron sends.
make_machines() {
  local tree=$scratch/web-1 base deb install
  base=$(with_lock debian_root "$suite")
  cp -a "$base" "$tree"
  chroot "$tree" apt-get -qq -y --no-install-recommends install cron >/dev/null 2>&1 || die "cron cannot be installed"
  cp "$1" "$tree/root"
  deb=$(block 'apt install' | awk '/^apt install/ { print $3 }')
  [ "${deb#./}" = "$(basename "$1")" ] || die "the README installs $deb, not $(basename "$1")"
  install="apt install $deb"
  chroot "$tree" sh -ec "cd /root && $install" >"$scratch/install" 2>&1 || die "'$install' failed: $(tail -n 3 "$scratch/install")"
  echo '127.0.0.1 localhost redis' >"$tree/etc/hosts"
  printf '#!/bin/sh\ncat >>/var/mail/sent\n' >"$tree/usr/sbin/sendmail"
  chmod +x "$tree/usr/sbin/sendmail"
  mkdir -p "$tree/data" "$tree/usr/src/node-red" "$tree/srv/checkout"
  cp -a "$tree" "$scratch/web-2"
}

# on MACHINE COMMAND... runs it there, with a host name, processes and files of its own. All machines
# share /mnt, and the network, in which nothing but our server is.
on() {
  # shellcheck disable=SC2016
  unshare --uts --mount --pid --fork --kill-child sh -ec '
    hostname "$1" && mount -t proc proc "$2/$1/proc" && mount --bind "$2/shared" "$2/$1/mnt"
    mount --bind "$3" "$2/$1/usr/src/node-red"
    root=$2/$1
    shift 3
    exec chroot "$root" env -i HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"' \
    sh "$1" "$scratch" "$node_red_prefix/4" "${@:2}"
}

# program MACHINE PATH prints what it reads to a program there.
program() {
  cat >"$scratch/$1/$2"
  chmod 755 "$scratch/$1/$2"
}

server=
start_server() {
  if [ -n "$server" ]; then
    kill "$server"
    wait "$server" || true
  fi
  redis-server --bind 127.0.0.1 --save "" --dir "$scratch" >"$scratch/server" &
  server=$!
  until redis-cli ping >/dev/null 2>&1; do sleep 0.05; done
}

# until_there SECONDS WHAT COMMAND... waits until the command succeeds.
until_there() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || die "$what: not in time"
    sleep 0.2
  done
}

# has_lines COUNT PATTERN FILE... succeeds once the files have so many lines that match.
has_lines() { [ "$(cat "${@:3}" 2>/dev/null | grep -c "$2")" -ge "$1" ]; }

# One command on a server that started a second ago waits, and says so only if it is asked to.
check_first_job() {
  local line answer
  line=$(block ' --key hello ' | sed 's|redis://HOST|redis://redis|')
  start_server
  answer=$(on web-1 sh -c "$line" 2>&1) || die "the first job ended with $?: $answer"
  [ "$answer" = hello ] || die "the first job printed: $answer"
  start_server
  answer=$(on web-1 sh -c "${line/ --key/ -v --key}" 2>&1) || die "the first job with -v ended with $?: $answer"
  [ "$(grep -c '; waiting$' <<<"$answer")" = 1 ] || die "-v does not say once that the server is young: $answer"
  say "the first job runs on a server that has just started; with -v:"
  grep '; waiting$' <<<"$answer" >&2
  # shellcheck disable=SC2016
  line=$(sed -n 's/^`\(cluster-leader doctor [^`]*\)`.*/\1/p' "$root/README.md")
  answer=$(on web-1 sh -c "$line" 2>&1) || die "'$line' has nothing to say of a server without persistence"
  if grep '^failed' <<<"$answer"; then die "the doctor refuses the server"; fi
}

# deploys STATUS MACHINE... runs the step of GitHub's runner there at the same time, which must end with
# that status.
deploys() {
  local wanted=$1 machine pid status
  local -a pids=()
  shift
  for machine; do
    # The runner writes the step to a file, and replaces the secret.
    on "$machine" env CI=true REDIS_URL="$url" REDIS_PASSWORD="${password/\$\{\{ secrets.REDIS_PASSWORD \}\}/hush}" \
      sh -c 'cd /srv/checkout && sh -e /tmp/step.sh' >>"$scratch/ci" 2>&1 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    status=0
    wait "$pid" || status=$?
    [ "$status" = "$wanted" ] || die "a step of CI ended with $status: $(cat "$scratch/ci")"
  done
}

check_ci() {
  local step url password machine
  step=$(block '- run: ')
  url=$(sed -n 's/^    REDIS_URL: //p' <<<"$step")
  password=$(sed -n 's/^    REDIS_PASSWORD: //p' <<<"$step")
  redis-cli config set requirepass hush >/dev/null
  for machine in web-1 web-2; do
    sed -n 's/^- run: //p' <<<"$step" | program "$machine" tmp/step.sh
    program "$machine" srv/checkout/deploy.sh <<'END'
#!/bin/sh
echo "begins on $(hostname)" >>/mnt/deployments
sleep 1
echo "ends on $(hostname)" >>/mnt/deployments
END
  done
  deploys 0 web-1 web-2
  [ ! -s "$scratch/ci" ] || die "a step of CI printed: $(cat "$scratch/ci")"
  awk '{ print $1 }' "$scratch/shared/deployments" | paste -sd ' ' | grep -qx 'begins ends begins ends' ||
    die "deployments overlap: $(cat "$scratch/shared/deployments")"
  printf '#!/bin/sh\nexit 3\n' | program web-1 srv/checkout/deploy.sh
  deploys 3 web-1
  redis-cli -a hush --no-auth-warning config set requirepass "" >/dev/null
  say "two steps of CI deploy one after the other, and one whose deployment fails has its status"
}

# Both machines have the lines; cron mails what they print.
start_cron() {
  local machine
  redis-cli monitor >"$scratch/monitor" &
  for machine in web-1 web-2; do
    program "$machine" usr/local/bin/report <<'END'
#!/bin/sh
echo "a report of $(hostname)" | tee -a /mnt/reports
END
    block '*/5 * * * *' >"$scratch/$machine/tmp/crontab"
    on "$machine" sh -ec 'crontab /tmp/crontab && exec cron -f' &
  done
}

check_cron() {
  local machine mails=0
  until_there 330 "cron on both machines" both_asked
  # The follower has its answer before the leader's cron has its mail.
  until_there 30 "a mail from cron" has_lines 1 'a report of' "$scratch"/web-?/var/mail/sent
  sleep 5
  [ "$(wc -l <"$scratch/shared/reports")" = 1 ] || die "the report was made more than once: $(cat "$scratch/shared/reports")"
  for machine in web-1 web-2; do
    if [ -s "$scratch/$machine/var/mail/sent" ]; then mails=$((mails + 1)); fi
  done
  [ "$mails" = 1 ] || die "cron has sent mail on $mails machines"
  say "cron of two machines has run the line, one has made the report, and the other has sent no mail"
}

both_asked() { has_lines 1 '"report".*"web-1"' "$scratch/monitor" && has_lines 1 '"report".*"web-2"' "$scratch/monitor"; }

# The flow: a timer of 60 s, the exec node, and a file for what each output sends.
start_node_red() {
  local machine command port=1880
  command=$(block '/data/job.sh')
  for machine in web-1 web-2; do
    port=$((port + 1))
    printf '#!/bin/sh\nhostname >>/mnt/jobs\n' | program "$machine" data/job.sh
    jq -n --arg command "${command%$'\n'}" '
      def file(n): {id: "file\(n)", type: "file", z: "flow", x: 500, y: (100 * n), filename: "/data/output-\(n)", filenameType: "str",
        appendNewline: true, createDir: false, overwriteFile: "false", encoding: "none", wires: [[]]};
      [{id: "flow", type: "tab", label: "flow"},
       {id: "timer", type: "inject", z: "flow", x: 100, y: 100, props: [{p: "payload"}], payload: "", payloadType: "date",
         repeat: "60", crontab: "", once: true, onceDelay: 1, wires: [["exec"]]},
       {id: "exec", type: "exec", z: "flow", x: 300, y: 100, command: $command, addpay: "", append: "", useSpawn: "false",
         timer: "", winHide: false, wires: [["file1"], ["file2"], ["file3"]]},
       file(1), file(2), file(3)]' >"$scratch/$machine/data/flows.json"
    on "$machine" /usr/src/node-red/node_modules/.bin/node /usr/src/node-red/node_modules/node-red/red.js \
      --userDir /data --port "$port" -D uiHost=127.0.0.1 -D telemetry.enabled=false flows.json \
      >"$scratch/$machine.log" 2>&1 &
  done
}

check_node_red() {
  local machine leader codes
  for machine in web-1 web-2; do
    until_there 600 "two ticks of Node-RED on $machine" has_lines 2 code "$scratch/$machine/data/output-3"
  done
  leader=$(sed -n 1p "$scratch/shared/jobs")
  for machine in web-1 web-2; do
    codes=$(jq -s -c 'map(.code) | unique' "$scratch/$machine/data/output-3")
    if [ "$machine" = "$leader" ]; then
      [ "$codes" = '[0]' ] || die "the leader's exec node has the codes $codes"
    else
      [ "$codes" = '[75]' ] || die "the follower's exec node has the codes $codes"
    fi
    if grep -q . "$scratch/$machine/data/output-2" 2>/dev/null; then die "the exec node has an error: $(cat "$scratch/$machine/data/output-2")"; fi
  done
  [ "$(sort -u "$scratch/shared/jobs")" = "$leader" ] || die "the job ran on both machines: $(cat "$scratch/shared/jobs")"
  say "the exec nodes of two Node-REDs have run two ticks of the job on $leader"
}

if [ "$1" != inside ]; then
  [ $# = 1 ] || die "usage: first-contact.sh DEB"
  "$root/scripts/install-deps.sh" test
  make_machines "$1"
  # A network of their own, where the server has the default address.
  unshare --net --mount --pid --fork --kill-child "${BASH_SOURCE[0]}" inside "$scratch"
  exit
fi
rm -rf "$scratch"
scratch=$2
trap - EXIT
PATH=$servers_prefix/redis/usr/bin:$PATH
mount -t proc proc /proc
ip link set lo up
mkdir "$scratch/shared"
check_first_job
check_ci
start_cron
start_node_red
check_cron
check_node_red
say "what the README shows works as pasted"
