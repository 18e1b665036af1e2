// Keeps PROCESSES copies of COMMAND running, which wait for their turn, until TURNS of them have
// ended. One that has ended is replaced after the pause, not at once: the start of a new process
// would take processor time from the hand-over that is being measured.
//
// usage: relay PROCESSES TURNS PAUSE_MILLISECONDS COMMAND [ARG]...
// At the end, those that still wait get SIGTERM. Every turn must end with status 0.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

std::vector<pid_t> running;

void start(char** argv) {
  pid_t pid = 0;
  if (::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv, environ) != 0) {
    std::fprintf(stderr, "relay: cannot start %s\n", argv[0]);
    std::exit(1);
  }
  running.push_back(pid);
}

/// The status of the next one that ends.
int wait_for_one() {
  int status = 0;
  const pid_t pid = ::waitpid(-1, &status, 0);
  running.erase(std::remove(running.begin(), running.end(), pid), running.end());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: relay PROCESSES TURNS PAUSE_MILLISECONDS COMMAND [ARG]...\n");
    return 64;
  }
  const int processes = std::atoi(argv[1]);
  const int turns = std::atoi(argv[2]);
  const auto pause = static_cast<useconds_t>(std::atoi(argv[3])) * 1000;

  bool failed = false;
  for (int i = 0; i < processes; ++i) start(argv + 4);
  for (int turn = 0; turn < turns && !failed; ++turn) {
    failed = wait_for_one() != 0;
    ::usleep(pause);
    start(argv + 4);
  }
  for (const pid_t pid : running) ::kill(pid, SIGTERM);
  while (!running.empty()) wait_for_one();
  if (failed) std::fprintf(stderr, "relay: a turn did not end with status 0\n");
  return failed ? 1 : 0;
}
