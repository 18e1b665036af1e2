#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/poller.h"
#include "process/descriptors.h"
#include "process/front.h"
#include "process/job.h"
#include "process/signals.h"
#include "process/tree.h"

namespace cluster_leader::test {

using namespace std::chrono_literals;

/// Long enough that only a bug reaches it.
constexpr Duration kPatience = 20s;
/// Higher than the descriptors that a test passes on.
constexpr int kOracle = 200;
/// The front's exit status if the keeper had no last word.
constexpr int kLostStatus = 79;

inline std::vector<std::string> probe(std::vector<std::string> words) {
  words.insert(words.begin(), std::string(TEST_PROGRAMS_DIR) + "/probe");
  return words;
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  void close() {
    read.reset();
    write.reset();
  }
  UniqueFd read;
  UniqueFd write;
};

/// Reads `fd` up to the next end of line, which is left out, or to its end.
inline std::string read_line(int fd) {
  std::string line;
  char c = 0;
  pollfd polled{fd, POLLIN, 0};
  const int patience = static_cast<int>(ceil_ms(kPatience));
  while (::poll(&polled, 1, patience) == 1 && ::read(fd, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

/// Reads `fd` to its end.
inline std::string read_all(int fd) {
  std::string all;
  std::array<char, 4096> buffer{};
  for (;;) {
    pollfd polled{fd, POLLIN, 0};
    if (::poll(&polled, 1, static_cast<int>(ceil_ms(kPatience))) != 1) {
      ADD_FAILURE() << "no end of file; got " << all;
      return all;
    }
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got <= 0) return all;
    all.append(buffer.data(), static_cast<size_t>(got));
  }
}

/// Runs `body` in its own process; returns its result.
inline bool in_a_process(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = -1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

/// A folder that is removed after the test.
struct Folder {
  Folder() {
    std::string name = testing::TempDir() + "cluster-leader-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const std::string& name, const std::string& content, mode_t mode) const {
    std::ofstream(path / name) << content;
    ::chmod((path / name).c_str(), mode);
    return path / name;
  }
  std::filesystem::path path;
};

/// What a test configures about front, keeper and job.
struct Plan {
  std::vector<std::string> argv;
  std::vector<std::string> environment = {"PATH=/usr/bin:/bin"};
  Duration lease =
      10s;  ///< how far the keeper's deadline is ahead; it moves it three times in that time
  Duration grace = 50ms;
  enum class Terminal { kNone, kFrontLeads, kShell } terminal = Terminal::kNone;
  /// With a terminal: the keeper leaves the session before it starts the job, and for the front the
  /// job has no terminal.
  bool keeper_leaves = false;
  bool first_process = false;  ///< the front is PID 1 of a namespace, and /proc is not of that one
  bool exhaust_descriptors = false;             ///< the keeper has none left after the start
  std::function<void()> before = [] {};         ///< in the front, before it reads what it inherited
  std::function<void()> in_keeper = [] {};      ///< in the keeper, before it starts the job
  std::function<void()> after_capture = [] {};  ///< in the front, when signals are events
  /// What else the front does. It runs in the front's process, so a test sees only what it writes.
  std::shared_ptr<FrontDuty> duty = std::make_shared<FrontDuty>();
  std::function<void(SignalReader&)> at_the_end = [](SignalReader&) {};  ///< in the front
};

/// A message of front, keeper or shell to the test.
struct Note {
  enum Kind : int { kFront, kKeeper, kJob, kRenewed, kEnd, kShellSawStop, kShellSawExit };
  Kind kind{};
  int value = 0;
  int detail = 0;
};

/// A front with its keeper and its job, without a lease: the smallest caller of process/. The job
/// has the oracle, a pipe, and is expected to write a byte to it for each process that has started.
class Supervision {
 public:
  explicit Supervision(Plan plan) : plan_(std::move(plan)) {
    // A test that does not read its notes must not block the keeper.
    ::fcntl(notes_pipe_.write.get(), F_SETFL, O_NONBLOCK);
    if (plan_.terminal == Plan::Terminal::kNone) {
      start_piped();
    } else {
      start_in_terminal();
    }
    if (front_ == 0) front_ = wait_for(Note::kFront).value;
  }

  ~Supervision() {
    // Only after a failed test: what the two had started dies of PDEATHSIG, or is idle and loses
    // its terminal. Every other test has seen its tree dead by now.
    if (waited_) return;
    if (keeper_ > 0) ::kill(keeper_, SIGKILL);
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Supervision(const Supervision&) = delete;
  Supervision& operator=(const Supervision&) = delete;

  pid_t front() const { return front_; }
  pid_t keeper() { return keeper_ != 0 ? keeper_ : keeper_ = wait_for(Note::kKeeper).value; }
  pid_t job() { return wait_for(Note::kJob).value; }
  int input() const { return input_.get(); }
  int output() const { return output_.get(); }
  void close_input() { input_.reset(); }

  /// Waits until `count` bytes have come out of the oracle and returns them.
  std::string born(size_t count) { return read_some(oracle_.get(), count); }

  void expect_all_dead() {
    const std::string rest = read_some(oracle_.get(), std::string::npos);
    EXPECT_FALSE(timed_out_) << "something of the tree is alive";
  }

  std::string all_output() { return read_some(output_.get(), std::string::npos); }
  /// What the job's whole tree has written to the oracle.
  std::string all_of_oracle() { return read_some(oracle_.get(), std::string::npos); }

  Note wait_for(Note::Kind kind) {
    for (;;) {
      const auto kept = std::find_if(notes_.begin(), notes_.end(),
                                     [&](const Note& note) { return note.kind == kind; });
      if (kept != notes_.end()) {
        const Note note = *kept;
        notes_.erase(kept);
        return note;
      }
      const std::string bytes = read_some(notes_pipe_.read.get(), sizeof(Note));
      if (bytes.size() != sizeof(Note)) {
        ADD_FAILURE() << "no note of kind " << kind;
        return {};
      }
      Note note;
      std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&note));
      notes_.push_back(note);
    }
  }

  /// The wait(2) status of the front, or of the shell over it.
  int wait() {
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
    pollfd polled{pidfd.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&polled, 1, static_cast<int>(ceil_ms(kPatience))), 1) << "it does not end";
    if (polled.revents == 0) return -1;
    int status = 0;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    waited_ = true;
    return status;
  }
  int exit_status() {
    const int status = wait();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  JobStatus job_status() {
    const Note end = wait_for(Note::kEnd);
    return {static_cast<JobStatus::Kind>(end.value), end.detail};
  }

  /// Types `keys` at the terminal.
  void type(const std::string& keys) const {
    EXPECT_EQ(::write(terminal_.get(), keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }
  void close_terminal() { terminal_.reset(); }
  int terminal() const { return terminal_.get(); }
  /// The shell's fg.
  void foreground() const { EXPECT_EQ(::write(commands_.write.get(), "f", 1), 1); }

 private:
  /// Reads until there are `count` bytes or the end.
  std::string read_some(int fd, size_t count) {
    std::string bytes;
    const Time give_up = BootClock::now() + kPatience;
    timed_out_ = false;
    while (bytes.size() < count) {
      pollfd polled{fd, POLLIN, 0};
      const Duration left = std::max<Duration>(give_up - BootClock::now(), 0s);
      if (::poll(&polled, 1, static_cast<int>(ceil_ms(left))) <= 0) {
        timed_out_ = true;
        ADD_FAILURE() << "timed out after " << bytes.size() << " bytes";
        break;
      }
      std::array<char, 4096> buffer{};
      const size_t most = std::min(buffer.size(), count - bytes.size());
      const ssize_t got = ::read(fd, buffer.data(), most);
      if (got <= 0) break;
      bytes.append(buffer.data(), static_cast<size_t>(got));
    }
    return bytes;
  }

  void start_piped() {
    Pipe in;
    Pipe out;
    Pipe oracle;
    child_ = ::fork();
    if (child_ == 0) {
      if (!plan_.first_process) ::setsid();
      if (plan_.first_process) enter_namespace();
      ::dup2(in.read.get(), 0);
      ::dup2(out.write.get(), 1);
      ::dup2(oracle.write.get(), kOracle);
      in.close();
      out.close();
      oracle.close();
      be_the_front(false);
    }
    front_ = child_;
    input_ = std::move(in.write);
    output_ = std::move(out.read);
    oracle_ = std::move(oracle.read);
    notes_pipe_.write.reset();
  }

  void start_in_terminal() {
    Pipe oracle;
    int terminal = -1;
    child_ = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (child_ == 0) {
      ::dup2(oracle.write.get(), kOracle);
      oracle.close();
      if (plan_.terminal == Plan::Terminal::kFrontLeads) {
        note(Note::kFront, ::getpid());
        be_the_front(!plan_.keeper_leaves);
      }
      be_the_shell();
    }
    terminal_.reset(terminal);
    ::fcntl(terminal, F_SETFD, FD_CLOEXEC);
    oracle_ = std::move(oracle.read);
    notes_pipe_.write.reset();
  }

  void enter_namespace() {
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(98);
    const pid_t first = ::fork();
    if (first == 0) return;
    oracle_.reset();
    int status = 0;
    ::waitpid(first, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 97);
  }

  /// Acts as a shell with job control for one job in the foreground.
  [[noreturn]] void be_the_shell() {
    commands_.write.reset();
    ::signal(SIGTTOU, SIG_IGN);
    const pid_t front = ::fork();
    if (front == 0) {
      ::setpgid(0, 0);
      ::tcsetpgrp(0, ::getpid());
      ::signal(SIGTTOU, SIG_DFL);
      note(Note::kFront, ::getpid());
      be_the_front(!plan_.keeper_leaves);
    }
    ::close(kOracle);
    ::setpgid(front, front);
    ::tcsetpgrp(0, front);
    for (;;) {
      int status = 0;
      ::waitpid(front, &status, WUNTRACED);
      if (!WIFSTOPPED(status)) {
        note(Note::kShellSawExit, status);
        ::_exit(0);
      }
      ::tcsetpgrp(0, ::getpgrp());
      note(Note::kShellSawStop, WSTOPSIG(status));
      char command = 0;
      if (::read(commands_.read.get(), &command, 1) != 1) ::_exit(0);
      ::tcsetpgrp(0, front);
      ::kill(-front, SIGCONT);
    }
  }

  [[noreturn]] void be_the_front(bool terminal) {
    notes_pipe_.read.reset();
    commands_.close();
    plan_.before();
    fill_standard_descriptors();
    const InheritedSignals inherited = InheritedSignals::capture();
    SignalReader signals(inherited);
    plan_.after_capture();
    const JobSpec spec{plan_.argv, plan_.environment, inherited, terminal ? ::getpgrp() : 0};
    KeeperLink link;
    link.set_deadline(BootClock::now() + plan_.lease);
    const Keeper keeper = fork_keeper(
        link, terminal, [&](int front_pidfd) { return keep(spec, link, signals, front_pidfd); });
    detach_from_caller();
    const KeeperEnd end = watch_keeper(keeper, link, signals, terminal, plan_.grace, *plan_.duty);
    plan_.at_the_end(signals);
    if (!end.last_word) ::_exit(kLostStatus);
    const JobStatus status = end.last_word->status;
    note(Note::kEnd, static_cast<int>(status.kind), status.value);
    if (status.kind == JobStatus::Kind::kSignaled) die_of(status.value);
    ::_exit(status.kind == JobStatus::Kind::kExited ? status.value : 71);
  }

  int keep(const JobSpec& spec, KeeperLink& link, SignalReader& signals, int front_pidfd) {
    note(Note::kKeeper, ::getpid());
    Poller poller;
    Tree tree;
    if (plan_.keeper_leaves) leave_session();
    plan_.in_keeper();
    Job job = Job::start(spec);
    detach_from_caller();
    if (plan_.exhaust_descriptors) {
      while (::open("/", O_PATH | O_CLOEXEC) >= 0) {
      }
    }
    bool starting = true;
    bool noted = false;
    bool killing = false;
    for (;;) {
      const Time started = BootClock::now();
      link.set_deadline(started + plan_.lease);
      if (!killing) note(Note::kRenewed, 0);
      poller.watch(link.closed() ? -1 : link.fd(), POLLIN);
      poller.watch(killing ? -1 : front_pidfd, POLLIN);
      poller.watch(signals.fd(), POLLIN);
      poller.watch(starting ? job.report_fd() : -1, POLLIN);
      poller.wait(started + (killing ? Duration(5ms) : plan_.lease / 3));
      while (signals.next()) {
      }
      if (!killing && poller.ready(front_pidfd) != 0) killing = true;
      if (starting && job.read_report()) starting = false;
      if (!noted && job.pid() != 0) {
        note(Note::kJob, job.pid());
        noted = true;
      }
      while (const auto message = link.receive()) job.send_signal(message->value);
      const Reaped reaped = tree.reap();
      for (const ChildChange& change : reaped.changes) {
        killing |= job.record_status(change.pid, change.code, change.status);
        if (change.code == CLD_STOPPED && change.pid == job.pid()) {
          link.send({LinkMessage::Kind::kStopped, change.status});
        }
      }
      if (reaped.empty) break;
      if (killing) tree.sweep();
    }
    while (starting && !job.read_report()) {
    }
    link.send({LinkMessage::Kind::kFinished, 0, 7, job.status()});
    return 0;
  }

  void note(Note::Kind kind, int value, int detail = 0) const {
    const Note what{kind, value, detail};
    // The test may no longer read.
    [[maybe_unused]] const ssize_t written = ::write(notes_pipe_.write.get(), &what, sizeof what);
  }

  Plan plan_;
  Pipe notes_pipe_;
  Pipe commands_;
  std::vector<Note> notes_;
  UniqueFd oracle_;
  UniqueFd input_;
  UniqueFd output_;
  UniqueFd terminal_;
  pid_t child_ = 0;  ///< of the test: the front, or the shell over it
  pid_t front_ = 0;
  pid_t keeper_ = 0;
  bool waited_ = false;
  bool timed_out_ = false;
};

}  // namespace cluster_leader::test
