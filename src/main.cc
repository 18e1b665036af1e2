// cluster-leader: flock for clusters. Reads the command line, runs the verb, and turns exceptions
// into statuses. Every status is in base/exit_code.h.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "base/exit_code.h"
#include "commands/check.h"
#include "commands/doctor.h"
#include "commands/elect.h"
#include "commands/release.h"
#include "commands/reporter.h"
#include "commands/run.h"
#include "commands/status.h"
#include "options/options.h"

namespace cluster_leader {
namespace {

/// Prints what parse_options returned instead of options: to stdout, or to stderr if it is wrong.
int say(const NothingToRun& nothing) {
  if (nothing.status != kExitOk) {
    Options how;
    how.log_format = nothing.log_format;
    Reporter(how).error(nothing.text);
    return nothing.status;
  }
  const char* at = nothing.text.data();
  const char* const end = at + nothing.text.size();
  while (at != end) {
    const ssize_t written = ::write(STDOUT_FILENO, at, static_cast<std::size_t>(end - at));
    if (written < 0) {
      Reporter({}).error(std::string("cannot write to stdout: ") + std::strerror(errno));
      return kExitOs;
    }
    at += written;
  }
  return kExitOk;
}

int dispatch(const Options& options) {
  switch (options.verb) {
    case Options::Verb::kRun:
      run(options);
    case Options::Verb::kElect:
      return elect(options);
    case Options::Verb::kCheck:
      return check(options);
    case Options::Verb::kStatus:
      return status(options);
    case Options::Verb::kRelease:
      return release(options);
    case Options::Verb::kDoctor:
      return doctor(options);
  }
  return kExitBug;
}

int guarded_main(int argc, char** argv) {
  Options options;
  try {
    auto parsed = parse_options(argc, argv);
    if (const auto* nothing = std::get_if<NothingToRun>(&parsed)) return say(*nothing);
    options = std::get<Options>(std::move(parsed));
    return dispatch(options);
  } catch (const std::system_error& error) {
    Reporter(options).error(std::string("the operating system refused: ") + error.what());
    return kExitOs;
  } catch (const std::bad_alloc&) {
    Reporter(options).error("the operating system refused memory");
    return kExitOs;
  } catch (const std::exception& error) {
    Reporter(options).error(std::string("a bug of cluster-leader: ") + error.what());
    return kExitBug;
  }
}

}  // namespace
}  // namespace cluster_leader

int main(int argc, char** argv) { return cluster_leader::guarded_main(argc, argv); }
