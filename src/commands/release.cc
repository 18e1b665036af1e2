#include "commands/release.h"

#include <optional>
#include <string>

#include "base/exit_code.h"
#include "commands/lease_text.h"
#include "commands/setup.h"
#include "report/reporter.h"
#include "report/standard_output.h"
#include "report/table.h"
#include "report/wording.h"

namespace cluster_leader {

namespace {

/// "released job-a: it was held by web-1 (host-1:4711), label report"
std::string line_about(const std::string& key, const LeaseView& before) {
  std::string line = "released " + visible(key) + ": it was ";
  switch (before.state) {
    case LeaseView::State::kParked:
      line += "parked for " + visible(before.node);
      break;
    case LeaseView::State::kCoolingDown:
      line += "kept free after the run of " + holder_of(before);
      break;
    case LeaseView::State::kVanished:
      line += "without its lock, and last held by " + holder_of(before);
      break;
    default:
      line += "held by " + holder_of(before);
      break;
  }
  if (!before.label.empty()) line += ", label " + visible(before.label);
  return line + '\n';
}

/// "asked web-1 (host-1:4711), label report, for job-a: it is free once that job has ended"
std::string line_about_asking(const std::string& key, const LeaseView& before) {
  return "asked " + holder_of(before) +
         (before.label.empty() ? "" : ", label " + visible(before.label) + ',') + " for " +
         visible(key) + ": it is free once that job has ended\n";
}

/// "forgot the run of job-a: 0 on web-1 at 2026-11-23T07:00:00Z; it may run again"
std::string line_about_result(const std::string& key, const LeaseView& before) {
  const std::string run = visible(last_run_of(before));
  return "forgot the run of " + visible(key) + (run.empty() ? "" : ": " + run) +
         "; it may run again\n";
}

}  // namespace

int release(const Options& options) {
  prepare_standard_descriptors();
  Reporter reporter(log_style(options));
  const std::optional<Location> location = make_location(options, reporter);
  if (!location) return kExitConfig;
  const std::string& key = options.keys.front();
  const ServerName server = server_name(options, *location);
  const std::string where = describe_key(key, server);
  const auto evicted = open_registry(*location)->evict(full_key(options, key), this_node(options),
                                                       options.timeline.connect);
  if (const auto* failed = std::get_if<Failed>(&evicted)) {
    // After one whose answer was lost the lease may be gone.
    reporter.error(describe_failure(key, server, failed->text) +
                   (!failed->unknown ? ""
                    : options.asks   ? "; its holder may have been asked"
                                     : "; it may be released"));
    return exit_status_of(failed->trouble);
  }
  const auto& [kind, before] = std::get<Evicted>(evicted);
  switch (kind) {
    case Evicted::Kind::kAsked:
      return print(line_about_asking(key, before), reporter) ? kExitOk : kExitOs;
    case Evicted::Kind::kForgotten:
      return print(line_about_result(key, before), reporter) ? kExitOk : kExitOs;
    case Evicted::Kind::kNobodys:
      if (options.forgets_result) {
        const std::string line =
            "nothing to forget: --once does not keep " + visible(key) + " from running\n";
        return print(line, reporter) ? kExitOk : kExitOs;
      }
      reporter.info(where + ": nothing to release; it " + sentence_about(before));
      return kExitOk;
    case Evicted::Kind::kOthers:
      reporter.error(where + ": it " + sentence_about(before) +
                     ", which is not this node; --ask asks for it, --force releases it anyway");
      return kExitFollower;
    case Evicted::Kind::kReleased:
      break;
  }
  return print(line_about(key, before), reporter) ? kExitOk : kExitOs;
}

}  // namespace cluster_leader
