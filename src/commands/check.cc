#include "commands/check.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/exit_code.h"
#include "base/wall_time.h"
#include "commands/lease_text.h"
#include "commands/setup.h"
#include "report/reporter.h"
#include "report/standard_output.h"
#include "report/table.h"
#include "report/wording.h"

namespace cluster_leader {

namespace {

using Json = nlohmann::ordered_json;
using State = LeaseView::State;

bool is_held_by(const LeaseView& view, const Eviction& us) {
  return view.state == State::kHeld && belongs_to(view, us);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

/// `elect` uses the same words.
const char* role_of(const LeaseView& view, const Eviction& us) {
  if (view.state != State::kHeld) return "none";
  return is_held_by(view, us) ? "leader" : "follower";
}

std::string json_line(const std::string& key, const LeaseView& view, const Eviction& us) {
  const bool is_held = view.state == State::kHeld;
  const bool is_timed = is_held && view.remaining;
  const Json object = {
      {"key", key},
      {"state", role_of(view, us)},
      {"node", us.node},
      {"leader", is_held ? text_or_null(view.node) : Json()},
      {"host", is_held ? text_or_null(view.host) : Json()},
      {"pid", is_held && view.pid != 0 ? Json(view.pid) : Json()},
      {"token", is_held && view.token != Token{} ? Json(view.token.value) : Json()},
      {"since", is_held && view.since_ms > 0 ? Json(iso_8601_utc(view.since_ms)) : Json()},
      {"ttl_remaining_ms", is_timed ? Json(ceil_ms(*view.remaining)) : Json()},
  };
  return object.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + '\n';
}

}  // namespace

std::string check_line(const Options& options, const LeaseView& view, const Eviction& us) {
  const std::string& key = options.keys.front();
  switch (options.output) {
    case Options::Output::kNothing:
      break;
    case Options::Output::kText:
      return std::string(role_of(view, us)) + ": " + visible(key) + ' ' + sentence_about(view) +
             (is_held_by(view, us) ? ", which is this node\n" : "\n");
    case Options::Output::kJson:
      return json_line(key, view, us);
  }
  return {};
}

int check(const Options& options) {
  prepare_standard_descriptors();
  Reporter reporter(log_style(options));
  const std::optional<Location> location = make_location(options, reporter);
  if (!location) return kExitConfig;
  const std::string& key = options.keys.front();
  const ServerName server = server_name(options, *location);
  const std::string where = describe_key(key, server);
  const auto looked =
      open_registry(*location)->look(full_key(options, key), options.timeline.connect);
  if (const auto* failed = std::get_if<Failed>(&looked)) {
    reporter.error(describe_failure(key, server, failed->text));
    return exit_status_of(failed->trouble);
  }
  const auto& view = std::get<LeaseView>(looked);
  if (view.state == State::kForeign) {
    reporter.error(where + ": " + view.fault + ": choose another --key or --prefix");
    return kExitConfig;
  }
  const Eviction us = this_node(options);
  reporter.info(where + ": it " + sentence_about(view));
  if (!print(check_line(options, view, us), reporter)) return kExitOs;
  return is_held_by(view, us) ? kExitOk : options.follower_status;
}

}  // namespace cluster_leader
