# Who waits for a key: how fast it is handed over, what the waiting costs, and what it costs when the
# first in line is dead or deaf. For bench.sh to source.
# shellcheck shell=bash disable=SC2154 # processes.sh sets `pid`, and bench.sh the rest.
: "${dir:?}" "${binary:?}"

drained=1000
# More of them at a time would wait for processors, and not for their turn.
lines=5
rounds_of_line=20

# waiters KEY prints how many are in line.
waiters() { "${redis[@]}" ZCOUNT "cluster-leader:queue:{$1}" -inf '(10000000000000'; }

# are_waiting KEY COUNT
are_waiting() { [ "$(waiters "$1")" -ge "$2" ]; }

# hold KEY starts one that has the key until it is stopped; sets `pid`.
hold() {
  start "$binary" run --server "$tcp" --key "$1" -- sleep 600
  until_true is_held "$1"
}

# gaps_in FILE prints the times between the jobs of a file of stamps in ms, sorted.
gaps_in() {
  sort -n "$1" | awk 'NR > 1 { print ($1 - end) / 1e6 } { end = $2 }' | sort -n
}

# From the end of a job to the start of the next, while so many wait.
measure_handover() {
  local waiters=$1 most=$2 stamps=$dir/stamps.$1 median worst n holder relay key=relay-$1
  hold "$key"
  holder=$pid
  start "$dir/relay" $((waiters + 1)) $((handovers + 1)) 10 \
    "$binary" run --wait inf --server "$tcp" --key "$key" -- "$dir/job" "$stamps" 30
  relay=$pid
  until_true are_waiting "$key" $((waiters + 1))
  stop "$holder"
  wait "$relay" || die "the relay with $waiters waiters failed: $(tail -n 3 "$dir/output")"
  forget "$relay"
  gaps_in "$stamps" >"$dir/handovers"
  n=$(wc -l <"$dir/handovers")
  [ "$n" -ge "$handovers" ] || die "only $n hand-overs with $waiters waiters were measured"
  if [ "$(calculate "$(head -n 1 "$dir/handovers") < 0")" = 1 ]; then
    die "two jobs ran at once with $waiters waiters"
  fi
  median=$(sed -n "$(((n + 1) / 2))p" "$dir/handovers")
  worst=$(tail -n 1 "$dir/handovers")
  row "end of a job to start of the next, $waiters waiting" "$(printf '%.2f ms' "$median")" \
    "worst $(printf '%.2f ms' "$worst")" "$n" "$(target "$median" "$most")"
}

# lease_stats FIELD sums up a field of INFO about the commands for leases.
lease_stats() {
  "${redis[@]}" INFO commandstats | tr -d '\r' |
    awk -F'[:=,]' -v field="$1" '$1 ~ /^cmdstat_(eval|evalsha)$/ { sum += $field } END { print sum + 0 }'
}

# The number of commands for leases that clients have sent so far, and the us spent on them.
lease_commands() { lease_stats 3; }
lease_time() { lease_stats 5; }

# Many wait, each with a job that ends at once: are they served in order, and at what cost?
measure_drain() {
  local number holder pids=() scripts time each order=$dir/order ttl=60 uptime
  # A younger server grants no lease of that ttl.
  uptime=$(info server uptime_in_seconds)
  if [ "$uptime" -lt $((ttl + 2)) ]; then sleep $((ttl + 2 - uptime)); fi
  hold drain
  holder=$pid
  scripts=$(lease_commands) time=$(lease_time)
  for number in $(seq "$drained"); do
    start "$binary" run --wait inf --ttl "$ttl" --server "$tcp" --key drain -- sh -c "echo $number >>'$order'"
    pids+=("$pid")
    # Or they would come in another order.
    until_true are_waiting drain "$number"
  done
  stop "$holder"
  wait "${pids[@]}"
  started=("${started[@]:0:$((${#started[@]} - drained))}")
  time=$(calculate "($(lease_time) - $time) / 1e6")
  each=$(calculate "($(lease_commands) - $scripts) / $drained")
  if [ "$(wc -l <"$order")" = "$drained" ] && sort -cn "$order"; then
    row "$drained waiters, served in order" yes "" 1 "yes: met"
  else
    row "$drained waiters, served in order" no "" 1 "yes: **missed**"
  fi
  row "the same: scripts for each waiter" "$(printf '%.2f' "$each")" "" "$drained" \
    "$(target "$(printf '%.2f' "$each")" 4)"
  row "the same: time of the server for these" "$(printf '%.2f s' "$time")" "" 1 \
    "$(target "$(printf '%.2f' "$time")" 2)"
}

# hinder_heads LINE: in one line of its own, the first one is killed, stopped or cut off, and then the
# holder ends. The times until the next one's job go to a file. In a shell of its own.
hinder_heads() {
  local line=$1 round faults=(killed stopped cut) fault holder head next proxy
  started=()
  trap 'kill -KILL "${started[@]}" 2>/dev/null || true' EXIT
  for round in $(seq "$rounds_of_line"); do
    fault=${faults[(line + round) % 3]}
    local key=line-$line-$round socket=$dir/socket.$line
    local held=$dir/held.$line stamps=$dir/stamps.$line.$round
    rm -f "$socket"
    touch "$held"
    # shellcheck disable=SC2016
    start "$binary" run --server "$tcp" --key "$key" -- \
      sh -c 'while test -e "$1"; do sleep 0.01; done; exec "$2" "$3" 0' sh "$held" "$dir/job" "$stamps"
    holder=$pid
    until_true is_held "$key"
    start "$dir/turns" "$socket" "$dir/redis.sock"
    proxy=$pid
    until_true test -S "$socket"
    start "$binary" run --wait inf --server "unix://$socket" --key "$key" -- true
    head=$pid
    until_true are_waiting "$key" 1
    start "$binary" run --wait inf --server "$tcp" --key "$key" -- "$dir/job" "$stamps" 0
    next=$pid
    until_true are_waiting "$key" 2
    case $fault in
      killed) kill -KILL "$head" ;;
      stopped) kill -STOP "$head" ;;
      cut) kill -STOP "$proxy" ;;
    esac
    rm "$held"
    wait "$holder" "$next"
    # The proxy may have ended with its client.
    kill -KILL "$head" "$proxy" 2>/dev/null || true
    wait "$proxy" "$head" || true
    started=()
    gaps_in "$stamps" >>"$dir/line.$line"
  done
}

# How much later the second in line starts, if the first one does not.
measure_hindered_heads() {
  local line pids=() n=$((lines * rounds_of_line)) median worst
  for line in $(seq "$lines"); do
    # The shell reports those that were killed.
    hinder_heads "$line" 2>>"$dir/output" &
    pids+=("$!")
  done
  wait "${pids[@]}" || die "a line was not served: $(tail -n 3 "$dir/output")"
  sort -n "$dir"/line.[0-9]* >"$dir/lines"
  [ "$(wc -l <"$dir/lines")" = "$n" ] || die "not all lines were served: $(tail -n 3 "$dir/output")"
  median=$(calculate "$(sed -n "$(((n + 1) / 2))p" "$dir/lines") / 1000")
  worst=$(calculate "$(tail -n 1 "$dir/lines") / 1000")
  row "the first in line is killed, stopped or cut off: to the start of the second" \
    "$(printf '%.2f s' "$median")" "worst $(printf '%.2f s' "$worst")" "$n" "$(target "$worst" 1.2)"
}

# commands_in SECONDS sets `rate` to the lease commands per second during that time.
commands_in() {
  local before after begin end
  before=$(lease_commands) begin=$EPOCHREALTIME
  sleep "$1"
  after=$(lease_commands) end=$EPOCHREALTIME
  rate=$(calculate "($after - $before) / ($end - $begin)")
}

measure_idle_waiters() {
  local ttl=2 waiters=20 periods=5 holder holders_rate pids=() rate value index
  start "$binary" run --ttl "$ttl" --server "$tcp" --key idle -- sleep 600
  holder=$pid
  until_true is_held idle
  commands_in $((3 * ttl))
  holders_rate=$rate
  for index in $(seq "$waiters"); do
    start "$binary" run --ttl "$ttl" --wait inf --server "$tcp" --key idle -- true
    pids[index]=$pid
  done
  # Each has tried once, and learned how long to wait.
  sleep "$ttl"
  commands_in $((periods * ttl))
  kill -0 "${pids[@]}" 2>/dev/null || die "a waiter ended early: $(tail -n 1 "$dir/output")"
  stop "${pids[@]}" "$holder"
  value=$(calculate "($rate - $holders_rate) * $ttl / $waiters")
  [ "$(calculate "$value > 0")" = 1 ] || die "the waiters sent no commands"
  # The first in line asks when the lease would end, so a little more often than the others.
  value=$(printf '%.1f' "$value")
  row "commands of an idle waiter in a ttl" "$value" "" "$waiters for $periods ttl" "$(target "$value" 1)"
}
