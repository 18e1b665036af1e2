// Plays a job of a fault history (test/histories/): each of its processes writes its beats into
// shared memory for as long as it lives.
//
// usage: history_job BEATS RUN MILLISECONDS STATUS TREE
//   lives for that time and exits with STATUS. TREE adds up: 1, the first process is deaf to
//   SIGTERM; 2, it has a child; 4, one that is deaf and has its own session; 8, an orphan by a
//   double fork that is deaf and has its own session. These live until they are killed.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "histories/beats.h"

namespace {

using cluster_leader::histories::Beats;
using cluster_leader::histories::Cell;
using cluster_leader::histories::kCells;

constexpr timespec kPause{0, 2'000'000};

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::int64_t number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? 0 : std::atoll(text);
}

Cell& claim(Beats& beats, int run, bool is_main) {
  const std::size_t index = beats.used.fetch_add(1);
  if (index >= kCells) ::_exit(99);
  Cell& cell = beats.cells[index];
  cell.token = number_in("CLUSTER_LEADER_TOKEN");
  cell.slot = static_cast<std::int32_t>(number_in("CLUSTER_LEADER_SLOT"));
  cell.run = run;
  cell.pid = ::getpid();
  cell.is_main = is_main ? 1 : 0;
  cell.last_ns = now_ns();
  // Last, since a cell with a first beat is complete.
  cell.first_ns = cell.last_ns.load();
  return cell;
}

/// Beats until then, or until the history is over.
void live(Beats& beats, Cell& cell, std::int64_t end_ns) {
  while (beats.over == 0 && cell.last_ns < end_ns) {
    ::nanosleep(&kPause, nullptr);
    cell.last_ns = now_ns();
  }
}

[[noreturn]] void live_on(Beats& beats, int run) {
  live(beats, claim(beats, run, false), INT64_MAX);
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 64;
  const int fd = ::open(argv[1], O_RDWR | O_CLOEXEC);
  void* const page = ::mmap(nullptr, sizeof(Beats), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return 98;
  Beats& beats = *static_cast<Beats*>(page);
  const int run = std::atoi(argv[2]);
  const int tree = std::atoi(argv[5]);
  Cell& cell = claim(beats, run, true);
  const std::int64_t end_ns = cell.first_ns + std::atoll(argv[3]) * 1'000'000;
  if ((tree & 2) != 0 && ::fork() == 0) live_on(beats, run);
  if ((tree & 1) != 0) ::signal(SIGTERM, SIG_IGN);
  for (const int kind : {4, 8}) {
    if ((tree & kind) == 0) continue;
    const pid_t child = ::fork();
    if (child != 0) {
      if (kind == 8) ::waitpid(child, nullptr, 0);
      continue;
    }
    ::setsid();
    ::signal(SIGTERM, SIG_IGN);
    if (kind == 8 && ::fork() != 0) ::_exit(0);
    live_on(beats, run);
  }
  live(beats, cell, end_ns);
  cell.finished = 1 + std::atoi(argv[4]);
  return std::atoi(argv[4]);
}
