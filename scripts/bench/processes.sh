# The processes that a benchmark starts, for scripts to source. REQUIRES: $dir, a folder of the
# benchmark's own, and common.sh.
# shellcheck shell=bash
: "${dir:?}" "${scratch:?}"

started=()
clean_up() {
  # Newest first, so that clients end before their server.
  local index
  for ((index = ${#started[@]} - 1; index >= 0; index--)); do
    kill "${started[index]}" 2>/dev/null || continue
    wait "${started[index]}" 2>/dev/null || true
  done
  rm -rf "$dir" "$scratch"
}

# start COMMAND... runs it in the background until `stop` or the end of the script; sets `pid`.
start() {
  "$@" </dev/null >>"$dir/output" 2>&1 &
  pid=$!
  started+=("$pid")
}

# forget PID... is for processes that have ended, since their pids may be reused.
forget() {
  local process other kept
  for process in "$@"; do
    kept=()
    for other in "${started[@]}"; do
      [ "$other" = "$process" ] || kept+=("$other")
    done
    started=("${kept[@]}")
  done
}

# stop PID... ends processes that `start` has started.
stop() {
  local process
  for process in "$@"; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  forget "$@"
}

# until_true COMMAND... waits until it succeeds, for at most 20 s.
until_true() {
  local attempt
  for attempt in $(seq 400); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.05
  done
  die "gave up waiting for '$*' after $((attempt / 20)) s: $(tail -n 5 "$dir/output")"
}

# Sets `port` to a free one, a new one each time.
port=$((20000 + RANDOM % 10000))
choose_port() {
  port=$((port + 1))
  while (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
}
