// cluster-leader: flock for clusters. Reads the command line, runs the verb, and turns exceptions
// into statuses. Every status is in base/exit_code.h.
#include <algorithm>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/exit_code.h"
#include "commands/check.h"
#include "commands/doctor.h"
#include "commands/elect.h"
#include "commands/release.h"
#include "commands/run.h"
#include "commands/setup.h"
#include "commands/status.h"
#include "options/options.h"
#include "report/reporter.h"
#include "report/standard_output.h"

namespace cluster_leader {
namespace {

/// Prints what parse_options returned instead of options: to stdout, or to stderr if it is wrong.
int say(const NothingToRun& nothing) {
  Reporter reporter({.json = nothing.log_format == Options::LogFormat::kJson});
  if (nothing.status == kExitOk) return print(nothing.text, reporter) ? kExitOk : kExitOs;
  reporter.error(nothing.text);
  return nothing.status;
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
    const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    hide_passwords(argc, argv);
    auto parsed = parse_options(words);
    if (const auto* nothing = std::get_if<NothingToRun>(&parsed)) return say(*nothing);
    options = std::get<Options>(std::move(parsed));
    return dispatch(options);
  } catch (const std::system_error& error) {
    Reporter(log_style(options))
        .error(std::string("the operating system refused: ") + error.what());
    return kExitOs;
  } catch (const std::bad_alloc&) {
    Reporter(log_style(options)).error("this machine is out of memory");
    return kExitOs;
  } catch (const std::exception& error) {
    Reporter(log_style(options)).error(std::string("a bug of cluster-leader: ") + error.what());
    return kExitBug;
  }
}

}  // namespace
}  // namespace cluster_leader

int main(int argc, char** argv) { return cluster_leader::guarded_main(argc, argv); }
