// Candidates that start at the same moment, of which one wins. Prints for each round how long it
// took from before the first was started to the first instruction of the winner's job, in
// nanoseconds.
//
// usage: contest CANDIDATES ROUNDS FILE COMMAND [ARG]...
// COMMAND is a `cluster-leader run` whose job is the program `job` with FILE, and lasts until the
// others have given up. It must end with status 0 for one of them, and with 75 for the others.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "contest: %s\n", what);
  std::exit(1);
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1'000'000'000) + now.tv_nsec;
}

long long begin_of_job(const char* path) {
  std::FILE* file = std::fopen(path, "r");
  long long begin = 0;
  if (file == nullptr || std::fscanf(file, "%lld", &begin) != 1) die("the job has left no time");
  std::fclose(file);
  return begin;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) die("usage: contest CANDIDATES ROUNDS FILE COMMAND [ARG]...");
  const int candidates = std::atoi(argv[1]);
  const int rounds = std::atoi(argv[2]);
  for (int round = 0; round < rounds; ++round) {
    ::unlink(argv[3]);
    const std::int64_t begin = now_ns();
    for (int i = 0; i < candidates; ++i) {
      pid_t pid = 0;
      if (::posix_spawnp(&pid, argv[4], nullptr, nullptr, argv + 4, environ) != 0) {
        die("cannot start the command");
      }
    }
    int winners = 0;
    for (int i = 0; i < candidates; ++i) {
      int status = 0;
      ::wait(&status);
      const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      if (code != 0 && code != 75) die("a candidate has failed");
      winners += code == 0 ? 1 : 0;
    }
    if (winners != 1) die("there is not exactly one winner");
    std::printf("%lld\n", begin_of_job(argv[3]) - static_cast<long long>(begin));
  }
  return 0;
}
