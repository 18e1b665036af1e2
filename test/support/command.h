#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace cluster_leader {

/// How long a test waits for something that must happen: far longer than it takes on a busy
/// machine, so that only something that never happens fails a test.
inline constexpr Duration kBound = std::chrono::seconds(30);

/// Evaluates `condition` repeatedly until it is true; false if that takes longer than `bound`.
bool eventually(const std::function<bool()>& condition, Duration bound = kBound);

/// A new folder, which the destructor removes with everything in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0644) const;

 private:
  std::string path_;
};

/// The content of a file; empty if it does not exist.
std::string content_of(const std::string& path);

/// The two ends of a pipe, both close-on-exec.
struct Pipe {
  Pipe();
  UniqueFd read_end;
  UniqueFd write_end;
};

/// The oracle for "the whole job is dead": a pipe whose write end every descendant of the job
/// inherits, so that it reaches its end of file when the last of them is gone.
class LifeLine {
 public:
  /// The end to give to the command, before start().
  int fd() const { return pipe_.write_end.get(); }
  /// Closes our own write end; to be called once the command has started.
  void cut() { pipe_.write_end.reset(); }
  /// True if somebody still has the other end.
  bool anybody_alive() const;
  /// When we noticed that the last one was dead; nothing if one outlives `bound`.
  std::optional<Time> wait_for_death(Duration bound = kBound) const;

 private:
  Pipe pipe_;
};

/// How a process ended.
struct Ended {
  int wait_status = 0;
  std::string out;  ///< everything that it wrote to stdout
  std::string err;
  Time at;          ///< when we noticed
  Duration took{};  ///< since its start

  /// The exit status, or 1000 + N, which is not a possible status, if it died of signal N.
  int status() const;
};
inline constexpr int kDiedOf = 1000;

std::ostream& operator<<(std::ostream& out, const Ended& ended);

/// A process that a test started. The destructor kills and reaps it.
class Process {
 public:
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }
  void signal(int signo) const;
  /// Waits for its end. A process that outlives `bound` fails the test and is killed.
  Ended wait(Duration bound = kBound);
  bool running();
  /// What it has written so far.
  std::string out() const;
  std::string err() const;
  /// True once stdout or stderr contains `text`; false if it never does.
  bool says(const std::string& text, Duration bound = kBound) const;
  /// The pid of its first child (for cluster-leader, the keeper), or 0.
  pid_t child() const;

 private:
  friend class Command;
  Process() = default;

  pid_t pid_ = -1;
  UniqueFd out_;
  UniqueFd err_;
  Time started_;
  std::optional<int> wait_status_;
};

/// A command line with everything that it inherits from its caller. Its environment is only what is
/// set here, its stdin is empty, its stdout and stderr are kept for the test, other descriptors are
/// closed, and it has its own session without a terminal: a test runs the same way from a shell and
/// in CI.
class Command {
 public:
  explicit Command(std::vector<std::string> argv);

  Command& with(const std::string& name, const std::string& value);
  Command& in(const std::string& folder);
  Command& input(const std::string& text);
  /// The command gets our descriptor `ours` as its descriptor `theirs`.
  Command& give(int ours, int theirs);
  /// Descriptor 0, 1 or 2 is closed.
  Command& without(int theirs);
  /// Runs in the new process just before exec.
  Command& prepare(std::function<void()> preparation);

  Process start() const;
  Ended run(Duration bound = kBound) const { return start().wait(bound); }

 private:
  [[noreturn]] void become(pid_t parent, std::vector<std::pair<int, int>> wanted) const;

  std::vector<std::string> argv_;
  std::map<std::string, std::string> environment_;
  std::string folder_;
  std::string input_;
  std::vector<std::pair<int, int>> given_;
  std::vector<int> closed_;
  std::function<void()> preparation_;
};

/// `cluster-leader run OPTION... -- JOB...`, with `--key job-a` unless the options have a key.
Command run_under_lease(std::vector<std::string> options, const std::vector<std::string>& job);

/// The path of a program of test/support/programs.
std::string test_program(const std::string& name);

/// The first child of `pid`, or 0.
pid_t first_child_of(pid_t pid);

/// True if `pid` waits for a change of a file, as a candidate does that has found a lease in a
/// directory busy.
bool watches_a_file(pid_t pid);

/// The state letter of /proc/PID/stat ('R', 'S', 'T', 'Z', ...), or 0 if it does not exist.
char state_of(pid_t pid);

}  // namespace cluster_leader
