#!/usr/bin/env bash
# Measures build/cluster-leader beside what people use in its place, in one run of a few minutes, and
# prints a Markdown table.
#
# usage: scripts/bench.sh [--write]
# With --write, the table also replaces the text between the markers in scripts/bench/README.md. The
# status is 0 if everything could be measured; the table shows which targets are missed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# Debian's default for cron and services, since programs with translations look it up. Numbers are
# written as in C.
export LC_ALL=C.UTF-8
# The caller's settings for servers must not apply to those that are started here.
unset REDIS_USERNAME REDIS_PASSWORD REDISCLI_AUTH CLUSTER_LEADER_LOG CLUSTER_LEADER_PREFIX

rounds=300
handovers=50
failovers=30
many=10000
readme=$root/scripts/bench/README.md
begin_mark='<!-- bench:begin -->'
end_mark='<!-- bench:end -->'

write=
case $#:${1:-} in
  0:) ;;
  1:--write)
    write=yes
    for mark in "$begin_mark" "$end_mark"; do
      grep -qxF "$mark" "$readme" || die "scripts/bench/README.md has no line '$mark' to write the table at"
    done
    ;;
  *) die "usage: scripts/bench.sh [--write]" ;;
esac

# Not TMPDIR: the path of a Unix socket has at most 107 bytes.
dir=$(mktemp -d /tmp/cluster-leader-bench.XXXXXX)
. "$root/scripts/bench/processes.sh"
trap clean_up EXIT

# program NAME PACKAGE prints its path on the machine, or where install-deps.sh has unpacked it.
program() { command -v "$1" || echo "$servers_prefix/$2/usr/bin/$1"; }

build() {
  local source name
  "$root/scripts/install-deps.sh" bench
  "$root/scripts/build.sh" release cluster-leader >&2
  # A copy, since a build at the same time would replace the file during the measurements.
  binary=$dir/cluster-leader
  cp "$root/build/cluster-leader" "$binary"
  for source in "$root"/scripts/bench/*.cc; do
    name=$(basename "$source" .cc)
    "${CXX:-c++}" -std=c++20 -O2 -static -o "$dir/$name" "$source"
  done
}

start_servers() {
  choose_port
  redis_port=$port
  start "$(program redis-server redis)" --port "$redis_port" --bind 127.0.0.1 \
    --unixsocket "$dir/redis.sock" --save "" --appendonly no --dir "$dir"
  tcp=redis://127.0.0.1:$redis_port
  unix=unix://$dir/redis.sock
  file=file://$dir/leases
  redis=(redis-cli -h 127.0.0.1 -p "$redis_port")

  choose_port
  etcd_url=http://127.0.0.1:$port
  choose_port
  # etcd requires this setting on all machines except x86-64.
  start env ETCD_UNSUPPORTED_ARCH="$(dpkg --print-architecture)" "$(program etcd etcd)" \
    --data-dir "$dir/etcd" --listen-client-urls "$etcd_url" --advertise-client-urls "$etcd_url" \
    --listen-peer-urls "http://127.0.0.1:$port"
  etcdctl=(env ETCDCTL_API=3 "$(program etcdctl etcdctl)" --endpoints "$etcd_url")

  until_true "${redis[@]}" PING
  until_true "${etcdctl[@]}" endpoint health
  until_true is_grown_up
}

# A server grants nothing in its first 11 s (the ttl of 10 s and one more), since an earlier holder may
# be alive.
is_grown_up() {
  local uptime
  uptime=$(info server uptime_in_seconds)
  [ "$uptime" -ge 12 ]
}

is_held() { [ "$("${redis[@]}" EXISTS "$1")" = 1 ]; }

# info SECTION FIELD prints a field of INFO.
info() { "${redis[@]}" INFO "$1" | tr -d '\r' | awk -F: -v field="$2" '$1 == field { print $2 }'; }

# calculate EXPRESSION prints its value.
calculate() { awk "BEGIN { print ($1) }"; }

# target VALUE MOST prints a cell of the table.
target() {
  if [ "$(calculate "$1 <= $2")" = 1 ]; then
    echo "at most $2: met"
  else
    echo "at most $2: **missed**"
  fi
}

table=
# row WHAT MEDIAN RATIO-OR-WORST N TARGET
row() { table+="| $1 | $2 | $3 | $4 | $5 |"$'\n'; }

names=() bases=() limits=() words=()
# compare NAME BASE LIMIT STATUS COMMAND... adds a command to those that are timed side by side. BASE
# is the number, from 1, of the one that it is compared with; LIMIT is the highest ratio allowed, or
# empty.
compare() {
  names+=("$1")
  bases+=("$2")
  limits+=("$3")
  words+=(":::$2" "$4" "${@:5}")
}

# Backticks are Markdown here.
# shellcheck disable=SC2016
measure_commands() {
  local lease=$dir/lease.sh holder
  # What people write: SET NX, the job, and a DEL that only deletes their own lease.
  cat >"$lease" <<EOT
id=\$\$
[ "\$(redis-cli -h 127.0.0.1 -p $redis_port SET "\$1" \$id NX EX 10)" = OK ] || exit 75
true
redis-cli -h 127.0.0.1 -p $redis_port EVAL \
  "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end" 1 "\$1" \$id
EOT
  start "$binary" run --server "$tcp" --key held -- sleep 600
  holder=$pid
  until_true is_held held

  local flock=1 redis_cli=9 run='`cluster-leader run … -- true`'
  compare '`flock FILE true`' $flock "" 0 flock "$dir/flock" true
  compare '`true` alone' $flock "" 0 true
  compare "$run, Redis by TCP" $flock 1.35 0 "$binary" run --server "$tcp" --key job -- true
  compare "$run, Redis by Unix socket" $flock 1.3 0 \
    "$binary" run --server "$unix" --key job -- true
  compare "$run, a directory" $flock "" 0 "$binary" run --server "$file" --key job -- true
  compare '`setlock FILE true` (daemontools)' $flock "" 0 setlock "$dir/setlock" true
  compare '`etcdctl lock NAME true`' $flock "" 0 "${etcdctl[@]}" lock job true
  compare 'shell script with redis-cli, gets the lease' $flock "" 0 sh "$lease" script
  compare '`redis-cli SET KEY … NX EX 10`, held by another' $redis_cli "" 0 \
    "${redis[@]}" SET held x NX EX 10
  compare '`cluster-leader run -n …`, held by another' $redis_cli 0.5 75 \
    "$binary" run -n --server "$tcp" --key held -- true
  compare 'shell script with redis-cli, held by another' $redis_cli "" 75 sh "$lease" held
  time_them
  stop "$holder"

  compare '`flock FILE true` with `LC_ALL=C`, where it reads no locale' $flock "" 0 \
    flock "$dir/flock" true
  compare "$run by TCP, beside that" $flock "" 0 "$binary" run --server "$tcp" --key job -- true
  compare "$run by Unix socket, beside that" $flock "" 0 \
    "$binary" run --server "$unix" --key job -- true
  LC_ALL=C time_them
}

# Times the commands that `compare` has added, and makes the rows.
time_them() {
  local index=0 median ratio base cell
  "$dir/compare" "$rounds" "${words[@]}" >"$dir/times"
  while read -r median ratio; do
    base=${bases[index]}
    cell=
    if [ "$base" != $((index + 1)) ]; then
      cell="$ratio x $([ "$base" = 1 ] && echo flock || echo redis-cli)"
    fi
    row "${names[index]}" "$(printf '%.2f ms' "$(calculate "$median / 1e6")")" "$cell" "$rounds" \
      "$([ -z "${limits[index]}" ] || target "$ratio" "${limits[index]}")"
    index=$((index + 1))
  done <"$dir/times"
  names=() bases=() limits=() words=()
}

# The round trips of a run that finds the key free, counted by a proxy in front of the server.
measure_round_trips() {
  start "$dir/turns" "$dir/turns.sock" "$dir/redis.sock"
  until_true test -S "$dir/turns.sock"
  : >"$dir/output"
  "$binary" run --server "unix://$dir/turns.sock" --key turns -- true
  wait "$pid"
  forget "$pid"
  local turns
  turns=$(<"$dir/output")
  row "round trips of a run that finds the key free" "$turns" "" 1 "$(target "$turns" 2)"
}

# Prints the memory of a process in KiB, with its share of memory that it shares with others (PSS).
proportional_size() { awk '$1 == "Pss:" { print $2 }' "/proc/$1/smaps_rollup"; }

has_children() { [ -n "$(<"/proc/$1/task/$1/children")" ]; }

measure_memory() {
  local front keeper sizes=() attempt median
  for attempt in 1 2 3 4 5; do
    start "$binary" run --server "$tcp" --key memory -- sleep 600
    front=$pid
    until_true has_children "$front"
    keeper=$(tr -d ' ' <"/proc/$front/task/$front/children")
    until_true has_children "$keeper"
    # Until both are idle.
    sleep 0.3
    sizes[attempt]=$(($(proportional_size "$front") + $(proportional_size "$keeper")))
    stop "$front"
  done
  median=$(printf '%s\n' "${sizes[@]}" | sort -n | sed -n 3p)
  median=$(printf '%.2f' "$(calculate "$median / 1024")")
  row "memory of both processes while a job runs (PSS)" "$median MiB" "" 5 "$(target "$median" 4)"
}

# From the end of a leader to the line about the next one.
measure_failover() {
  local how=$1 what=$2 most=$3 times=$dir/failover.$1 median worst
  "$dir/failover" "$failovers" "$how" "$binary" elect --server "$tcp" --key "failover-$how" \
    --ttl 60 >"$times" 2>>"$dir/output" || die "failover ($how): $(tail -n 1 "$dir/output")"
  sort -n "$times" -o "$times"
  median=$(calculate "$(sed -n "$(((failovers + 1) / 2))p" "$times") / 1e6")
  worst=$(calculate "$(tail -n 1 "$times") / 1e6")
  row "$what, to the next leader's line" "$(printf '%.2f ms' "$median")" \
    "worst $(printf '%.2f ms' "$worst")" "$failovers" "$(target "$median" "$most")"
}

# processor_time PID... prints the seconds of processor time that they have used.
processor_time() {
  local process sum=0 fields
  for process in "$@"; do
    read -ra fields <"/proc/$process/stat"
    sum=$((sum + fields[13] + fields[14]))
  done
  calculate "$sum / $(getconf CLK_TCK)"
}

# The shortest remaining time of all leases, in ms; -2 if one is gone.
shortest_rest() {
  "${redis[@]}" EVAL "local least = 1e9
    for i = 1, ARGV[1] do least = math.min(least, redis.call('PTTL', 'many-' .. i)) end
    return least" 0 "$many"
}

# One elect that leads thousands of keys: its cost, and whether each key is renewed in time.
measure_many_keys() {
  local keys=() index front keeper begin before share memory rest least=10000 lines=$dir/many
  for index in $(seq "$many"); do keys+=(--key "many-$index"); done
  "$binary" elect --server "$tcp" --ttl 10 "${keys[@]}" </dev/null >"$lines" 2>>"$dir/output" &
  front=$!
  started+=("$front")
  until_true leads_all "$lines"
  keeper=$(tr -d ' ' <"/proc/$front/task/$front/children")
  # Until each has been renewed once, at its own beat.
  sleep 4
  before=$(processor_time "$front" "$keeper") begin=$EPOCHREALTIME
  for index in $(seq 20); do
    sleep 1
    rest=$(shortest_rest)
    [ "$rest" -ge "$least" ] || least=$rest
  done
  share=$(calculate "($(processor_time "$front" "$keeper") - $before) / \
    ($EPOCHREALTIME - $begin) * 100")
  memory=$(calculate "($(proportional_size "$front") + $(proportional_size "$keeper")) / 1024")
  stop "$front"
  share=$(printf '%.2f' "$share") memory=$(printf '%.1f' "$memory")
  # With a heartbeat of 2 s each has at least 8 s left, except for the time to the server.
  rest=$(printf '%.2f' "$(calculate "(10000 - $least) / 1000")")
  row "one elect that leads $many keys, ttl 10 s: share of a processor" "$share %" "" "20 s" \
    "$(target "$share" 3)"
  row "the same: longest time without a renewal" "$rest s" "" "20 s" "$(target "$rest" 2.2)"
  row "the same: memory of both processes (PSS)" "$memory MiB" "" 1 "$(target "$memory" 30)"
}

leads_all() { [ "$(grep -c '"leader","node"' "$1")" -ge "$many" ]; }

describe_machine() {
  local commit
  commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo "unknown commit")
  printf '%s; %s, %s processors, load %s before; Linux %s; %s (%s), Redis %s, etcd %s, %s.\n' \
    "$(date -u +%Y-%m-%d)" \
    "$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" \
    "$(nproc)" "$load" "$(uname -r)" \
    "$("$binary" --version | head -n 1)" "$commit" "$(info server redis_version)" \
    "$("$(program etcd etcd)" --version | awk '/^etcd Version/ { print $3 }')" \
    "$(flock --version | sed 's/^flock from //')"
}

report() {
  cat <<EOT
$(describe_machine)

| | median | ratio or worst | n | target |
|---|---:|---:|---:|---|
$table
Servers and clients share one machine. Each command is timed from just before its start until it has been
waited for, in $rounds rounds that run each command once, in random order; a ratio is the median of the
rounds' ratios. The locale is C.UTF-8 unless another is named. For an idle waiter, EVALSHA and EVAL are
counted, minus those that the holder sends alone; after the first try, a waiter sends nothing else. A job
reads the clock in its first and last instructions, so a hand-over includes its exit, the release, the
connection over which the waiter confirms its lease, and the start of the next job. The time without a
leader runs from the death of a server to the next leader's line; "no gap" means that the leader kept
leading. If there is a gap although the leader lives, it had stopped in time.
EOT
}

write_readme() {
  awk -v begin="$begin_mark" -v end="$end_mark" -v report="$dir/report" '
    $0 == begin { print; while ((getline line < report) > 0) print line; skip = 1 }
    $0 == end { skip = 0 }
    !skip { print }' "$readme" >"$dir/README.md"
  cat "$dir/README.md" >"$readme"
}

build
. "$root/scripts/bench/queue.sh"
. "$root/scripts/bench/several_servers.sh"
start_servers
load=$(cut -d " " -f 1 /proc/loadavg)
say "timing commands"
measure_commands
measure_round_trips
say "timing hand-overs"
measure_handover 1 10
measure_handover 10 10
measure_handover 100 6
measure_handover 1000 6
say "draining a line of waiters"
measure_drain
measure_hindered_heads
say "watching waiters and memory"
measure_idle_waiters
measure_memory
say "timing elections"
measure_failover term "SIGTERM to a leading elect" 50
measure_failover kill "SIGKILL to a leading elect" 300
measure_failover keeper "SIGKILL to the keeper of a leading elect" 300
measure_many_keys
say "timing what happens when one of several servers dies"
measure_several_servers
report >"$dir/report"
cat "$dir/report"
[ -z "$write" ] || write_readme
