# What several servers cost and how long a key has no leader when one of them dies, for bench.sh to
# source. All worlds are measured at the same time, since nearly all of it is waiting.
# shellcheck shell=bash disable=SC2154 # processes.sh sets `port` and `pid`.
: "${dir:?}" "${binary:?}"

worlds=3
contests=20

# start_server OPTION... starts one that trusts everybody; sets `port` and `pid`.
start_server() {
  choose_port
  mkdir "$dir/server.$port"
  start "$(program redis-server redis)" --port "$port" --bind 127.0.0.1 --save "" \
    --dir "$dir/server.$port" --repl-diskless-sync-delay 0 "$@"
}

# start_watched DOWN_AFTER starts a primary with two replicas and three Sentinels; sets `url` and
# `primary`, a pid, and adds the ports of the Sentinels to `sentinels`.
start_watched() {
  local number of_primary hosts=
  start_server
  primary=$pid of_primary=$port
  for number in 1 2; do start_server --replicaof 127.0.0.1 "$of_primary"; done
  for number in 1 2 3; do
    choose_port
    mkdir "$dir/server.$port"
    cat >"$dir/server.$port/conf" <<EOT
port $port
bind 127.0.0.1
dir $dir/server.$port
sentinel monitor mymaster 127.0.0.1 $of_primary 2
sentinel down-after-milliseconds mymaster $1
EOT
    start "$(program redis-server redis)" "$dir/server.$port/conf" --sentinel
    hosts+=,127.0.0.1:$port
    sentinels+=("$port")
  done
  url=redis+sentinel://${hosts#,}/mymaster
}

# start_cluster starts three primaries with a replica each; sets `url`, and `primary`, the pid of the
# one that has the keys with the prefix {1}.
start_cluster() {
  local number bus nodes=() pids=()
  for number in 1 2 3 4 5 6; do
    choose_port
    bus=$port
    start_server --cluster-enabled yes --cluster-port "$bus" --cluster-node-timeout 1000
    nodes+=("127.0.0.1:$port") pids+=("$pid")
    until_true redis-cli -p "$port" PING
  done
  redis-cli --cluster create "${nodes[@]}" --cluster-replicas 1 --cluster-yes >>"$dir/output" 2>&1
  url=redis+cluster://${nodes[0]},${nodes[2]} primary=${pids[1]}
}

# Whether a Sentinel knows all of its group.
knows_all() {
  redis-cli -p "$1" SENTINEL MASTER mymaster | tr -d '\r' | paste - - |
    awk '$1 == "num-slaves" || $1 == "num-other-sentinels" { sum += $2 } END { exit sum != 4 }'
}

# Whether it grants leases of 10 s.
is_old_enough() {
  redis-cli -p "$1" INFO server | tr -d '\r' |
    awk -F: '$1 == "uptime_in_seconds" { age = $2 } END { exit age < 12 }'
}

# gaps FILE PRIMARY OPTION... measures in the background; adds to `measuring`.
gaps() {
  "$dir/gap" "$2" lives:10 dies:10 lives:3 dies:3 -- "$binary" elect "${@:3}" \
    </dev/null >"$1" 2>>"$dir/output" &
  measuring+=("$!")
  started+=("$!")
}

# gap_row WHAT MOST LINE FILE... adds a row of what line LINE of each file says. MOST is a target in
# seconds; 0: no gap, and empty: none.
gap_row() {
  local what=$1 most=$2 line=$3 median worst cell=
  shift 3
  for file in "$@"; do sed -n "${line}p" "$file"; done | sort -n -k 2 >"$dir/gaps"
  [ "$(wc -l <"$dir/gaps")" = $# ] || die "$what: $(tail -n 3 "$dir/output")"
  if [ "$(sort -u "$dir/gaps")" = "- -" ]; then
    [ -z "$most" ] || cell="no gap: met"
    row "$what" "no gap" "" $# "$cell"
    return
  fi
  # Of those without a gap, which come first, the second field is "-".
  median=$(awk '{ print $2 / 1000 }' "$dir/gaps" | sed -n "$((($# + 1) / 2))p")
  worst=$(awk '{ print $2 / 1000 }' "$dir/gaps" | tail -n 1)
  case $most in
    "") ;;
    0) cell="no gap: **missed**" ;;
    *) cell=$(target "$median" "$most") ;;
  esac
  if [ "$median" = 0 ]; then median="no gap"; else median=$(printf '%.1f s' "$median"); fi
  row "$what" "$median" "worst $(printf '%.1f s' "$worst")" $# "$cell"
}

# From the start of ten candidates at once to the job of the one that wins.
measure_contest() {
  local median worst
  "$dir/contest" 10 "$contests" "$dir/contest.job" "$binary" run "$@" --key contest -- \
    "$dir/job" "$dir/contest.job" 200 >"$dir/contests" 2>>"$dir/output" ||
    die "the contest failed: $(tail -n 3 "$dir/output")"
  sort -n "$dir/contests" -o "$dir/contests"
  median=$(calculate "$(sed -n "$(((contests + 1) / 2))p" "$dir/contests") / 1e6")
  worst=$(calculate "$(tail -n 1 "$dir/contests") / 1e6")
  row "quorum of 3, 10 candidates start at once: to the winner's job" \
    "$(printf '%.1f ms' "$median")" "worst $(printf '%.1f ms' "$worst")" "$contests" \
    "$(target "$median" 100)"
}

measure_several_servers() {
  local number down_after url primary sentinels=() primaries=() urls=() quorum=() minority
  local measuring=() of_1=() of_5=() clusters=() owners=() of_cluster=()
  for number in $(seq "$worlds"); do
    for down_after in 1 5; do
      start_watched "${down_after}000"
      urls+=("$url") primaries+=("$primary")
    done
  done
  for number in $(seq "$worlds"); do
    start_cluster
    clusters+=("$url") owners+=("$primary")
  done
  for number in 1 2 3; do
    start_server
    minority=$pid
    quorum+=(--server "redis://127.0.0.1:$port")
  done
  for number in "${sentinels[@]}"; do
    until_true redis-cli -p "$number" SENTINEL DEBUG PUBLISH-PERIOD 100
    until_true knows_all "$number"
  done
  # The last server is the youngest.
  until_true is_old_enough "${quorum[5]##*:}"
  measure_contest "${quorum[@]}"

  for number in "${!urls[@]}"; do
    gaps "$dir/gap.$number" "${primaries[number]}" --server "${urls[number]}"
    if [ $((number % 2)) = 0 ]; then of_1+=("$dir/gap.$number"); else of_5+=("$dir/gap.$number"); fi
  done
  for number in "${!clusters[@]}"; do
    of_cluster+=("$dir/gap.cluster.$number")
    gaps "${of_cluster[-1]}" "${owners[number]}" --server "${clusters[number]}" --prefix '{1}'
  done
  gaps "$dir/gap.quorum" "$minority" "${quorum[@]}"
  # The shell reports that the servers were killed.
  { wait "${measuring[@]}"; } 2>/dev/null
  forget "${measuring[@]}"

  local primary_dies="without a leader after the primary is killed, Sentinel"
  gap_row "$primary_dies, ttl 10 s, down-after 1 s" 0 1 "${of_1[@]}"
  gap_row "the same, ttl 10 s, down-after 5 s" "" 1 "${of_5[@]}"
  gap_row "the same, ttl 3 s, down-after 1 s" "" 3 "${of_1[@]}"
  gap_row "the same, ttl 3 s, down-after 5 s" "" 3 "${of_5[@]}"
  gap_row "and the leader with it, ttl 10 s, down-after 1 s" 15 2 "${of_1[@]}"
  gap_row "the same, ttl 10 s, down-after 5 s" "" 2 "${of_5[@]}"
  gap_row "the same, ttl 3 s, down-after 1 s" 8 4 "${of_1[@]}"
  gap_row "the same, ttl 3 s, down-after 5 s" "" 4 "${of_5[@]}"
  gap_row "without a leader after 1 of 3 servers of a quorum is killed, ttl 10 s" 0 1 \
    "$dir/gap.quorum"
  gap_row "the same, ttl 3 s" 0 3 "$dir/gap.quorum"
  gap_row "without a leader after a primary of a cluster is killed, node-timeout 1 s, ttl 10 s" 0 1 \
    "${of_cluster[@]}"
  gap_row "the same, ttl 3 s" "" 3 "${of_cluster[@]}"
  gap_row "and the leader with it, ttl 10 s" 15 2 "${of_cluster[@]}"
  gap_row "the same, ttl 3 s" 8 4 "${of_cluster[@]}"
}
