#include "commands/release.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/exit_code.h"
#include "commands/lease_text.h"
#include "commands/setup.h"
#include "report/json_members.h"
#include "report/reporter.h"
#include "report/standard_output.h"
#include "report/table.h"
#include "report/wording.h"

namespace cluster_leader {

namespace {

/// "released job-a: it was held by web-1 (host-1:4711), label report"
std::string line_about(const std::string& lease, const LeaseView& before) {
  std::string line = "released " + lease + ": it was ";
  switch (before.state) {
    case LeaseView::State::kParked:
      line += "parked for " + visible(before.node);
      break;
    case LeaseView::State::kCoolingDown:
      line += "kept after the run of " + holder_of(before);
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
std::string line_about_asking(const std::string& lease, const LeaseView& before) {
  return "asked " + holder_of(before) +
         (before.label.empty() ? "" : ", label " + visible(before.label) + ',') + " for " + lease +
         ": it is free once that job has ended\n";
}

/// "forgot the run of job-a: 0 on web-1 at 2026-11-23T07:00:00Z; it may run again"
std::string line_about_result(const std::string& lease, const LeaseView& before) {
  const std::string run = visible(last_run_of(before));
  return "forgot the run of " + lease + (run.empty() ? "" : ": " + run) + "; it may run again\n";
}

/// What happened, in a word.
const char* action_of(Evicted::Kind kind) {
  switch (kind) {
    case Evicted::Kind::kReleased:
      return "released";
    case Evicted::Kind::kAsked:
      return "asked";
    case Evicted::Kind::kForgotten:
      return "forgot";
    case Evicted::Kind::kOthers:
      return "refused";
    case Evicted::Kind::kNobodys:
      break;
  }
  return "none";
}

std::string json_line(const std::string& key, const Evicted& evicted, const std::string& node) {
  using Json = nlohmann::ordered_json;
  const LeaseView& before = evicted.before;
  const Json object = {
      {"key", key},
      {"slot", before.slot},
      {"action", action_of(evicted.kind)},
      {"node", node},
      {"leader", text_or_null(before.node)},
      {"host", text_or_null(before.host)},
      {"pid", before.pid != 0 ? Json(before.pid) : Json()},
      {"label", text_or_null(before.label)},
      {"since", time_or_null(before.since_ms)},
      {"token", before.token != Token{} ? Json(before.token.value) : Json()},
  };
  return object.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + '\n';
}

class Release {
 public:
  Release(const Options& options, const Location& location, Reporter& reporter)
      : options_(options),
        key_(options.keys.front()),
        server_(server_name(options, location)),
        registry_(open_registry(location)),
        reporter_(reporter) {}

  int operator()() {
    auto slots = slots_to_release();
    if (const auto* failed = std::get_if<Failed>(&slots)) return fail(*failed);
    std::vector<Evicted> idle;
    bool has_acted = false;
    for (const std::uint32_t slot : std::get<std::vector<std::uint32_t>>(slots)) {
      Eviction us = this_node(options_);
      us.slot = slot;
      auto evicted = registry_->evict(full_key(options_, key_), us, options_.timeline.connect);
      if (const auto* failed = std::get_if<Failed>(&evicted)) return fail(*failed);
      if (changes_nothing(std::get<Evicted>(evicted).kind)) {
        idle.push_back(std::get<Evicted>(std::move(evicted)));
        continue;
      }
      has_acted = true;
      if (!print(what_became(std::get<Evicted>(evicted)), reporter_)) return kExitOs;
    }
    // That others hold further slots is no failure.
    return has_acted ? kExitOk : end_without_effect(idle);
  }

 private:
  /// The slots that may have something to release.
  std::variant<std::vector<std::uint32_t>, Failed> slots_to_release() {
    if (options_.slot) {
      has_slots_ = true;
      return std::vector{*options_.slot};
    }
    // Neither a quorum nor --once has slots.
    std::vector<std::uint32_t> slots = {0};
    if (!options_.servers.empty() || options_.forgets_result) return slots;
    auto looked = registry_->look(full_key(options_, key_), options_.timeline.connect);
    if (auto* failed = std::get_if<Failed>(&looked)) return std::move(*failed);
    const std::vector<LeaseView>& views = std::get<Listing>(looked).views;
    has_slots_ = have_slots(views);
    slots.clear();
    for (const LeaseView& view : views) slots.push_back(view.slot);
    return slots;
  }

  int fail(const Failed& failed) {
    // After one whose answer was lost the lease may be gone.
    reporter_.error(describe_failure(key_, server_, failed.text) +
                    (!failed.unknown ? ""
                     : options_.asks ? "; its holder may have been asked"
                                     : "; it may be released"));
    return exit_status_of(failed.trouble);
  }

  /// What was done, or that there was nothing to do. What was refused is an error instead, for
  /// people.
  std::string what_became(const Evicted& evicted) const {
    const auto& [kind, before] = evicted;
    if (options_.output == Options::Output::kJson) return json_line(key_, evicted, options_.node);
    const std::string lease = lease_name(key_, before.slot, has_slots_);
    switch (kind) {
      case Evicted::Kind::kReleased:
        return line_about(lease, before);
      case Evicted::Kind::kAsked:
        return line_about_asking(lease, before);
      case Evicted::Kind::kForgotten:
        return line_about_result(lease, before);
      case Evicted::Kind::kOthers:
        return {};
      case Evicted::Kind::kNobodys:
        break;
    }
    if (options_.forgets_result) {
      return "nothing to forget: --once does not keep " + visible(key_) + " from running\n";
    }
    return "nothing to release: " + lease + ' ' + sentence_about(before) + '\n';
  }

  /// Says why nothing was done.
  int end_without_effect(const std::vector<Evicted>& all) {
    int status = kExitOk;
    for (const Evicted& evicted : all) {
      if (!print(what_became(evicted), reporter_)) return kExitOs;
      const auto& [kind, before] = evicted;
      if (kind != Evicted::Kind::kOthers) continue;
      status = kExitFollower;
      const std::string what = has_slots_ ? "slot " + std::to_string(before.slot) + ' ' : "it ";
      reporter_.error(describe_key(key_, server_) + ": " + what + sentence_about(before) +
                      ", which is not this node; --ask asks for it, --force releases it anyway");
    }
    return status;
  }

  const Options& options_;
  const std::string& key_;
  const ServerName server_;
  const std::unique_ptr<Registry> registry_;
  Reporter& reporter_;
  bool has_slots_ = false;  ///< messages say which slot
};

}  // namespace

int release(const Options& options) {
  prepare_standard_descriptors();
  Reporter reporter(log_style(options));
  const std::optional<Location> location = make_location(options, reporter);
  return location ? Release(options, *location, reporter)() : kExitConfig;
}

}  // namespace cluster_leader
