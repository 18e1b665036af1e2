// Plays a job that is hard to kill: a tree of processes, some in their own sessions, some orphaned
// by a double fork, all ignoring SIGTERM, SIGHUP and SIGINT. They live until they are killed.
//
// usage: job_tree READY [WIDTH]
//   creates the file READY when all processes exist, with their number in it.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace {

int report = -1;

[[noreturn]] void live_on() {
  if (::write(report, "x", 1) < 0) ::_exit(3);
  ::close(report);
  for (;;) ::pause();
}

void grow(int width) {
  for (int i = 0; i < width; ++i) {
    // A plain child; one in its own session; an orphan; an orphan in its own session.
    if (::fork() != 0) continue;
    if (i % 2 == 1) ::setsid();
    if (i % 4 >= 2 && ::fork() != 0) ::_exit(0);
    live_on();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  const int width = argc > 2 ? std::atoi(argv[2]) : 8;
  for (const int signo : {SIGTERM, SIGHUP, SIGINT}) ::signal(signo, SIG_IGN);
  int ends[2];
  if (::pipe(ends) != 0) return 71;
  report = ends[1];
  grow(width);
  ::close(report);
  int alive = 0;
  char byte = 0;
  while (::read(ends[0], &byte, 1) == 1) ++alive;
  const std::string ready = argv[1];
  // Renamed into place, so that a reader sees it complete.
  std::ofstream(ready + ".new") << alive + 1;
  ::rename((ready + ".new").c_str(), ready.c_str());
  for (;;) ::pause();
}
