#include "commands/looking.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/exit_code.h"
#include "base/machine.h"
#include "commands/table.h"
#include "process/descriptors.h"

namespace cluster_leader {

using State = LeaseView::State;

void prepare_to_look() {
  fill_standard_descriptors();
  ::signal(SIGPIPE, SIG_IGN);
  // Of a file that may not grow (setrlimit(2)): the write that fails says so as well.
  ::signal(SIGXFSZ, SIG_IGN);
}

int exit_status_of(Trouble trouble) {
  switch (trouble) {
    case Trouble::kUnreachable:
    case Trouble::kNotServing:
      return kExitUnavailable;
    case Trouble::kExhausted:
      return kExitOs;
    case Trouble::kDenied:
      return kExitDenied;
    case Trouble::kMisconfigured:
      break;
  }
  return kExitConfig;
}

Eviction this_node(const Options& options) {
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, sizeof host - 1);
  return {options.node, host, machine_identity(options.node), options.force};
}

const char* state_name(State state) {
  switch (state) {
    case State::kFree:
      return "free";
    case State::kHeld:
      return "held";
    case State::kParked:
      return "parked";
    case State::kCoolingDown:
      return "resting";
    case State::kVanished:
      return "vanished";
    case State::kDone:
      return "done";
    case State::kForeign:
      break;
  }
  return "garbage";
}

std::string short_duration(Duration duration) {
  using std::chrono::minutes;
  const std::int64_t ms = std::max<std::int64_t>(ceil_ms(duration), 0);
  const std::int64_t seconds = ms / 1000;
  const auto two_digits = [](std::int64_t n) { return std::to_string(100 + n).substr(1); };
  if (seconds < 60) {
    return std::to_string(seconds) + '.' + std::to_string(ms % 1000 / 100) + 's';
  }
  if (seconds < 3600) return std::to_string(seconds / 60) + 'm' + two_digits(seconds % 60) + 's';
  if (seconds < 86400) {
    return std::to_string(seconds / 3600) + 'h' + two_digits(seconds / 60 % 60) + 'm';
  }
  return std::to_string(seconds / 86400) + 'd' + two_digits(seconds / 3600 % 24) + 'h';
}

std::string holder_of(const LeaseView& view) {
  std::string text = visible(view.node);
  if (view.host.empty()) return text;
  return text + " (" + visible(view.host) +
         (view.pid == 0 ? ")" : ':' + std::to_string(view.pid) + ')');
}

std::string sentence_about(const LeaseView& view) {
  const std::string rest = view.remaining ? " for " + short_duration(*view.remaining) : "";
  switch (view.state) {
    case State::kFree:
      return "is free";
    case State::kHeld:
      return "is held by " + holder_of(view);
    case State::kParked:
      return "is parked for " + visible(view.node) + rest;
    case State::kCoolingDown:
      return "is nobody's" + rest + " after the run of " + visible(view.node);
    case State::kVanished:
      return "has lost its lock, which " + holder_of(view) + " may set again" + rest;
    case State::kDone:
      return "has been run and is not repeated" + rest;
    case State::kForeign:
      break;
  }
  return "is no lease: " + view.fault;
}

bool say(const std::string& text, Reporter& reporter) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const ssize_t written = ::write(STDOUT_FILENO, at, static_cast<std::size_t>(end - at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      reporter.error(std::string("cannot write to standard output: ") + std::strerror(errno));
      return false;
    }
    at += written;
  }
  return true;
}

}  // namespace cluster_leader
