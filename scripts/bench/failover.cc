// Two candidates campaign for one key; the leader is ended, and the other one takes over. Prints
// how long each takeover takes in nanoseconds, from the signal to the line about the new leader.
//
// usage: failover ROUNDS term|kill|keeper COMMAND [ARG]...
// COMMAND is a `cluster-leader elect` with one key. The leader gets SIGTERM or SIGKILL; with
// keeper, SIGKILL goes to its child, which has the lease.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "failover: %s\n", what);
  std::exit(1);
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1'000'000'000) + now.tv_nsec;
}

/// A candidate and the lines that it prints.
class Candidate {
 public:
  explicit Candidate(char** argv) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) die("cannot make a pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv, environ) != 0) {
      die("cannot start the command");
    }
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    lines_ = ends[0];
  }
  ~Candidate() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    ::close(lines_);
  }
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

  /// Reads until a line has `state`.
  void wait_for(const char* state) {
    const std::string wanted = std::string("\"state\":\"") + state + '"';
    while (text_.find(wanted) == text_.npos) {
      pollfd ready{lines_, POLLIN, 0};
      if (::poll(&ready, 1, 20'000) != 1) die("a candidate prints nothing");
      char part[4096];
      const ssize_t got = ::read(lines_, part, sizeof part);
      if (got <= 0) die("a candidate has ended");
      text_.append(part, static_cast<std::size_t>(got));
    }
    text_.clear();
  }

  pid_t pid() const { return pid_; }
  pid_t keeper() const {
    const std::string path =
        "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children";
    std::FILE* file = std::fopen(path.c_str(), "r");
    int keeper = 0;
    if (file == nullptr || std::fscanf(file, "%d", &keeper) != 1) die("a candidate has no keeper");
    std::fclose(file);
    return keeper;
  }

 private:
  pid_t pid_ = 0;
  int lines_ = -1;
  std::string text_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) die("usage: failover ROUNDS term|kill|keeper COMMAND [ARG]...");
  const int rounds = std::atoi(argv[1]);
  const std::string how = argv[2];
  for (int i = 0; i < rounds; ++i) {
    Candidate leader(argv + 3);
    leader.wait_for("leader");
    Candidate follower(argv + 3);
    follower.wait_for("follower");
    const pid_t victim = how == "keeper" ? leader.keeper() : leader.pid();
    const std::int64_t begin = now_ns();
    ::kill(victim, how == "term" ? SIGTERM : SIGKILL);
    follower.wait_for("leader");
    std::printf("%lld\n", static_cast<long long>(now_ns() - begin));
  }
  return 0;
}
