# shellcheck shell=bash disable=SC2154
# What the checks of the packages share: systems of Debian, a server, and how a program is tried. Sourced
# after common.sh, which sets some names, never run.

tree=
server_pid=
trap leave EXIT
leave() {
  stop_server
  leave_root
  rm -rf --one-file-system "$scratch"
}

# enter_root SUITE makes a new system of that suite, and sets `tree`.
enter_root() {
  local base
  base=$(with_lock debian_root "$1")
  tree=$scratch/$1
  cp -a "$base" "$tree"
  mount -t proc proc "$tree/proc"
}

leave_root() {
  [ -n "$tree" ] || return 0
  umount "$tree/proc" || return
  rm -rf --one-file-system "$tree"
  tree=
}

# in_root COMMAND...
in_root() { LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$tree" "$@"; }

# apt_in_root VERB ARGUMENT...
apt_in_root() {
  in_root apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@" >"$scratch/apt.log" 2>&1 ||
    { tail -n 10 "$scratch/apt.log" >&2; die "apt-get $* fails in $tree"; }
}

# start_server sets `port` and `server_pid`. Stop it before leaving.
start_server() {
  local program _
  program=$(PATH=$servers_prefix/redis/usr/bin:$PATH command -v redis-server) || die "redis-server is not there"
  for _ in {1..20}; do
    port=$((20000 + RANDOM % 10000))
    "$program" --bind 127.0.0.1 --port "$port" --save '' --dir "$scratch" --logfile "$scratch/redis.log" &
    server_pid=$!
    # It ends at once if somebody else has the port.
    for _ in {1..100}; do
      kill -0 "$server_pid" 2>/dev/null || break
      if grep -q 'Ready to accept connections' "$scratch/redis.log" 2>/dev/null; then return; fi
      sleep 0.1
    done
    stop_server
  done
  die "redis-server does not start: $(tail -n 1 "$scratch/redis.log")"
}

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

# eventually COMMAND... waits until it succeeds, for two minutes at most.
eventually() {
  local end=$((SECONDS + 120))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

# The job of the replicas waits for the file that is its argument, so that it outlasts the others' tries
# however slow they are.
# shellcheck disable=SC2016
waits_for_file='for _ in $(seq 300); do [ ! -e "$1" ] || exit 0; sleep 0.2; done; exit 9'
# shellcheck disable=SC2016
stays='echo $$ >"$1.new"; mv "$1.new" "$1"; exec sleep 120'

have_ended() { [ "$(find "$2" -name 'status.*' | wc -l)" -ge "$1" ]; }

# runs_once WHAT FOLDER SEEN SERVER PROGRAM... fails unless one of three replicas runs a job, and the
# others are followers. FOLDER is an empty one, which the program sees as SEEN.
runs_once() {
  local what=$1 folder=$2 seen=$3 server=$4 number
  shift 4
  for number in 1 2 3; do
    {
      status=0
      "$@" run --key job --server "$server" -- sh -c "$waits_for_file" - "$seen/go" || status=$?
      echo "$status" >"$folder/new.$number"
      mv "$folder/new.$number" "$folder/status.$number"
    } &
  done
  eventually have_ended 2 "$folder" || die "$what: fewer than two of three replicas have ended"
  [ "$(cat "$folder"/status.* | tr '\n' ' ')" = "75 75 " ] ||
    die "$what: while the job should run, replicas ended with $(cat "$folder"/status.* | tr '\n' ' ')"
  touch "$folder/go"
  eventually have_ended 3 "$folder" || die "$what: the job does not end"
  [ "$(sort "$folder"/status.* | tr '\n' ' ')" = "0 75 75 " ] || die "$what: the job ended with $(cat "$folder"/status.*)"
  rm "$folder"/status.* "$folder/go"
}

# is_dead_without_lease WHAT FOLDER SEEN SERVER PROGRAM... fails unless a job whose lease is taken away is
# dead once its run has ended with 79.
is_dead_without_lease() {
  local what=$1 folder=$2 seen=$3 server=$4 status=0 run
  shift 4
  "$@" run --key lost --server "$server" -- sh -c "$stays" - "$seen/pid" >/dev/null 2>&1 &
  run=$!
  eventually test -e "$folder/pid" || die "$what: the job does not start"
  kill -0 "$(cat "$folder/pid")" || die "$what: the job does not run"
  "$@" release --key lost --force --server "$server" >/dev/null || die "$what: the lease cannot be ended"
  wait "$run" || status=$?
  [ "$status" = 79 ] || die "$what: the run ended with $status without its lease"
  if kill -0 "$(cat "$folder/pid")" 2>/dev/null; then die "$what: the job is alive without its lease"; fi
  rm "$folder/pid"
}

# heeds_foreign_files WHAT FOLDER SEEN PROGRAM... fails unless a run in a directory whose lease is not ours is
# refused: where a time has 32 bits, that file's was once taken for older than the boot.
heeds_foreign_files() {
  local what=$1 folder=$2 seen=$3 status=0
  shift 3
  echo 'not a lease' >"$folder/leases/foreign.lease"
  "$@" run --key foreign --server "file://$seen/leases" -- true >/dev/null 2>&1 || status=$?
  [ "$status" = 78 ] || die "$what: a run beside a file that is not ours ended with $status"
}

# check_program WHAT FOLDER SEEN PROGRAM... tries it on a directory and on the server.
check_program() {
  local what=$1 folder=$2 seen=$3 server
  shift 3
  mkdir -p "$folder/leases"
  for server in "file://$seen/leases" "redis://127.0.0.1:$port"; do
    runs_once "$what on ${server%%:*}" "$folder" "$seen" "$server" "$@"
    is_dead_without_lease "$what on ${server%%:*}" "$folder" "$seen" "$server" "$@"
  done
  heeds_foreign_files "$what" "$folder" "$seen" "$@"
  rm -rf "$folder/leases"
  say "$what runs one of three replicas, and kills a job without its lease"
}
