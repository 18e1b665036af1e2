// Plays a job that must never run twice at once, and checks it: while it or anything that it has
// started is alive, it has the flock(2) on a file, which the kernel releases at the moment when the
// last of them dies. Another one that starts before that finds the file locked.
//
// usage: job_exclusive LOG MILLISECONDS [BACKGROUND_MILLISECONDS]
//   appends "start TOKEN PID NANOSECONDS" to LOG, and "end ..." after the time; "OVERLAP ..." in
//   place of "start" if another one is alive. 0: until stdin ends. With the last argument it leaves
//   a child behind, in its own session and ignoring SIGTERM, that lives for that long.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace {

void append(const std::string& path, const char* what) {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const char* token = std::getenv("CLUSTER_LEADER_TOKEN");
  const std::string line = std::string(what) + ' ' + (token != nullptr ? token : "0") + ' ' +
                           std::to_string(::getpid()) + ' ' +
                           std::to_string(now.tv_sec * 1'000'000'000LL + now.tv_nsec) + '\n';
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  // One write, so that lines of several processes never mix.
  if (::write(fd, line.data(), line.size()) < 0) ::_exit(3);
  ::close(fd);
}

void pass(long milliseconds) {
  timespec rest{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  while (::nanosleep(&rest, &rest) != 0) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  const std::string log = argv[1];
  const long milliseconds = std::atol(argv[2]);
  // Not close-on-exec, and inherited by every child.
  const int lock = ::open((log + ".lock").c_str(), O_RDWR | O_CREAT, 0666);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    append(log, "OVERLAP");
    return 99;
  }
  append(log, "start");
  if (argc > 3 && ::fork() == 0) {
    ::setsid();
    ::signal(SIGTERM, SIG_IGN);
    pass(std::atol(argv[3]));
    return 0;
  }
  if (milliseconds > 0) {
    pass(milliseconds);
  } else {
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
  }
  append(log, "end");
  return 0;
}
