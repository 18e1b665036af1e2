// A candidate of an election that a benchmark starts, and the lines that it prints.
#pragma once

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
#include <string>
#include <vector>

[[noreturn]] inline void die(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

inline std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1'000'000'000) + now.tv_nsec;
}

/// `cluster-leader elect` with one key.
class Candidate {
 public:
  /// `argv` ends with a null pointer.
  explicit Candidate(char* const* argv) {
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

  int lines() const { return lines_; }
  /// Reads what there is, and returns the states of all lines that are complete now.
  std::vector<std::string> read_states() {
    char part[4096];
    const ssize_t got = ::read(lines_, part, sizeof part);
    if (got <= 0) die("a candidate has ended");
    text_.append(part, static_cast<std::size_t>(got));
    std::vector<std::string> states;
    for (std::size_t end; (end = text_.find('\n')) != text_.npos; text_.erase(0, end + 1)) {
      const std::string name = "\"state\":\"";
      const std::size_t begin = text_.find(name) + name.size();
      states.push_back(text_.substr(begin, text_.find('"', begin) - begin));
    }
    return states;
  }

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
