#include "support/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/errors.h"

namespace cluster_leader {

Terminal::Terminal(const std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  for (const std::string& word : argv) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  const winsize size{50, 500, 0, 0};
  const pid_t parent = ::getpid();
  int fd = -1;
  pid_ = check_errno(::forkpty(&fd, nullptr, nullptr, &size), "forkpty");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::setenv("PS1", "ready> ", 1);
    ::setenv("TERM", "dumb", 1);
    ::setenv("HISTFILE", "/dev/null", 1);
    ::execvp(pointers[0], pointers.data());
    ::_exit(127);
  }
  terminal_.reset(fd);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

Terminal::~Terminal() {
  terminal_.reset();
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Terminal::type(const std::string& text) const {
  check_errno(::write(terminal_.get(), text.data(), text.size()), "write");
}

pid_t Terminal::foreground_group() const { return ::tcgetpgrp(terminal_.get()); }

bool Terminal::sees(const std::string& text, Duration bound) {
  const Time end = BootClock::now() + bound;
  for (;;) {
    if (const std::size_t at = screen_.find(text, found_); at != std::string::npos) {
      found_ = at + text.size();
      return true;
    }
    const Duration rest = end - BootClock::now();
    pollfd ready{terminal_.get(), POLLIN, 0};
    if (rest <= Duration::zero() || ::poll(&ready, 1, static_cast<int>(ceil_ms(rest))) != 1)
      return false;
    char part[4096];
    const ssize_t got = ::read(terminal_.get(), part, sizeof part);
    if (got <= 0) return false;
    screen_.append(part, static_cast<std::size_t>(got));
  }
}

}  // namespace cluster_leader
