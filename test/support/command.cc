#include "support/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <thread>

#include "base/errors.h"

namespace cluster_leader {

namespace {

using namespace std::chrono_literals;

constexpr Duration kPollPause = 2ms;

UniqueFd memory_file(const std::string& text) {
  UniqueFd fd(check_errno(::memfd_create("test", MFD_CLOEXEC), "memfd_create"));
  for (std::size_t at = 0; at < text.size();) {
    at += static_cast<std::size_t>(
        check_errno(::write(fd.get(), text.data() + at, text.size() - at), "write"));
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

/// The whole content of `fd`. Its position is not changed, since the process shares it.
std::string whole(const UniqueFd& fd) {
  std::string text;
  char part[65536];
  ssize_t got = 0;
  while ((got = ::pread(fd.get(), part, sizeof part, static_cast<off_t>(text.size()))) > 0) {
    text.append(part, static_cast<std::size_t>(got));
  }
  return text;
}

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

bool eventually(const std::function<bool()>& condition, Duration bound) {
  const Time end = BootClock::now() + bound;
  for (;;) {
    if (condition()) return true;
    if (BootClock::now() >= end) return condition();
    std::this_thread::sleep_for(kPollPause);
  }
}

TempFolder::TempFolder() {
  char name[] = "/tmp/cluster-leader-test-XXXXXX";
  if (::mkdtemp(name) == nullptr) throw_errno("mkdtemp");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::write(const std::string& name, const std::string& text, mode_t mode) const {
  const std::string path = file(name);
  std::ofstream(path, std::ios::binary) << text;
  ::chmod(path.c_str(), mode);
  return path;
}

std::string content_of(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char part[4096];
  // A file of /proc may disappear at any moment, which ends the loop as well.
  for (ssize_t got = 0; fd && (got = ::read(fd.get(), part, sizeof part)) > 0;) {
    text.append(part, static_cast<std::size_t>(got));
  }
  return text;
}

Pipe::Pipe() {
  int ends[2];
  check_errno(::pipe2(ends, O_CLOEXEC), "pipe2");
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
}

bool LifeLine::anybody_alive() const {
  pollfd end{pipe_.read_end.get(), 0, 0};
  return ::poll(&end, 1, 0) == 0;
}

std::optional<Time> LifeLine::wait_for_death(Duration bound) const {
  pollfd end{pipe_.read_end.get(), 0, 0};
  if (::poll(&end, 1, static_cast<int>(ceil_ms(bound))) != 1) return std::nullopt;
  return BootClock::now();
}

int Ended::status() const {
  return WIFSIGNALED(wait_status) ? kDiedOf + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::ostream& operator<<(std::ostream& out, const Ended& ended) {
  if (WIFSIGNALED(ended.wait_status)) {
    out << "died of signal " << WTERMSIG(ended.wait_status);
  } else {
    out << "exit status " << WEXITSTATUS(ended.wait_status);
  }
  return out << " after " << ceil_ms(ended.took) << " ms\nstdout: " << ended.out
             << "\nstderr: " << ended.err;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      started_(other.started_),
      wait_status_(other.wait_status_) {}

Process::~Process() {
  if (pid_ < 0 || wait_status_) return;
  ::kill(pid_, SIGKILL);
  // A stopped process dies of SIGKILL as well.
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Process::signal(int signo) const {
  if (!wait_status_) check_errno(::kill(pid_, signo), "kill");
}

bool Process::running() {
  if (wait_status_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  wait_status_ = status;
  return false;
}

Ended Process::wait(Duration bound) {
  if (!wait_status_) {
    const UniqueFd pidfd(
        check_errno(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open"));
    pollfd end{pidfd.get(), POLLIN, 0};
    if (::poll(&end, 1, static_cast<int>(ceil_ms(bound))) != 1) {
      ADD_FAILURE() << "process " << pid_ << " did not end; its output:\n" << out() << err();
      ::kill(pid_, SIGKILL);
    }
  }
  Ended ended;
  ended.at = BootClock::now();
  if (!wait_status_) {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    wait_status_ = status;
  }
  ended.wait_status = *wait_status_;
  ended.took = ended.at - started_;
  ended.out = out();
  ended.err = err();
  return ended;
}

std::string Process::out() const { return whole(out_); }
std::string Process::err() const { return whole(err_); }

bool Process::says(const std::string& text, Duration bound) const {
  return eventually(
      [&] {
        return out().find(text) != std::string::npos || err().find(text) != std::string::npos;
      },
      bound);
}

pid_t Process::child() const { return first_child_of(pid_); }

pid_t first_child_of(pid_t pid) {
  const std::string id = std::to_string(pid);
  return std::atoi(content_of("/proc/" + id + "/task/" + id + "/children").c_str());
}

bool watches_a_file(pid_t pid) {
  std::error_code gone;
  const std::string folder = "/proc/" + std::to_string(pid) + "/fdinfo";
  for (const auto& entry : std::filesystem::directory_iterator(folder, gone)) {
    if (content_of(entry.path()).find("inotify wd:") != std::string::npos) return true;
  }
  return false;
}

char state_of(pid_t pid) {
  const std::string stat = content_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t at = stat.rfind(") ");
  return at == std::string::npos ? '\0' : stat[at + 2];
}

Command::Command(std::vector<std::string> argv) : argv_(std::move(argv)) {
  const char* path = std::getenv("PATH");
  environment_["PATH"] = path != nullptr ? path : "/usr/bin:/bin";
}

Command& Command::with(const std::string& name, const std::string& value) {
  environment_[name] = value;
  return *this;
}

Command& Command::in(const std::string& folder) {
  folder_ = folder;
  return *this;
}

Command& Command::input(const std::string& text) {
  input_ = text;
  return *this;
}

Command& Command::give(int ours, int theirs) {
  given_.emplace_back(ours, theirs);
  return *this;
}

Command& Command::without(int theirs) {
  closed_.push_back(theirs);
  return *this;
}

Command& Command::prepare(std::function<void()> preparation) {
  preparation_ = std::move(preparation);
  return *this;
}

Process Command::start() const {
  Process process;
  process.out_ = memory_file("");
  process.err_ = memory_file("");
  // Writes to a file from several processes are appended, as with a pipe.
  ::fcntl(process.out_.get(), F_SETFL, O_APPEND);
  ::fcntl(process.err_.get(), F_SETFL, O_APPEND);
  const UniqueFd in = memory_file(input_);
  std::vector<std::pair<int, int>> wanted = given_;
  const int standard[] = {in.get(), process.out_.get(), process.err_.get()};
  for (int fd = 0; fd <= 2; ++fd) {
    const bool given = std::any_of(given_.begin(), given_.end(),
                                   [&](const auto& pair) { return pair.second == fd; });
    const bool closed = std::find(closed_.begin(), closed_.end(), fd) != closed_.end();
    if (!given && !closed) wanted.emplace_back(standard[fd], fd);
  }
  const pid_t parent = ::getpid();
  process.started_ = BootClock::now();
  process.pid_ = check_errno(::fork(), "fork");
  if (process.pid_ == 0) become(parent, std::move(wanted));
  return process;
}

void Command::become(pid_t parent, std::vector<std::pair<int, int>> wanted) const {
  // The process must not outlive a test that crashes.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::setsid();
  constexpr int kOutOfTheWay = 100;
  for (auto& [ours, theirs] : wanted) ours = ::fcntl(ours, F_DUPFD, kOutOfTheWay);
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  for (const auto& [ours, theirs] : wanted) ::dup2(ours, theirs);
  for (const int fd : closed_) ::close(fd);
  if (!folder_.empty() && ::chdir(folder_.c_str()) != 0) ::_exit(1);
  std::vector<std::string> environment;
  for (const auto& [name, value] : environment_) environment.push_back(name + '=' + value);
  const std::vector<char*> argv = pointers_to(argv_);
  const std::vector<char*> envp = pointers_to(environment);
  if (preparation_) preparation_();
  ::execvpe(argv[0], argv.data(), envp.data());
  std::perror(argv[0]);
  ::_exit(1);
}

Command run_under_lease(std::vector<std::string> options, const std::vector<std::string>& job) {
  const auto is_key = [](const std::string& word) { return word.starts_with("--key"); };
  std::vector<std::string> argv = {CLUSTER_LEADER_BINARY, "run"};
  if (std::none_of(options.begin(), options.end(), is_key))
    argv.insert(argv.end(), {"--key", "job-a"});
  argv.insert(argv.end(), options.begin(), options.end());
  argv.emplace_back("--");
  argv.insert(argv.end(), job.begin(), job.end());
  return Command(std::move(argv));
}

std::string test_program(const std::string& name) {
  return std::string(TEST_PROGRAMS_DIR) + "/" + name;
}

}  // namespace cluster_leader
