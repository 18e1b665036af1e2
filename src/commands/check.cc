#include "commands/check.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/exit_code.h"
#include "base/list.h"
#include "base/terminal.h"
#include "commands/lease_text.h"
#include "commands/setup.h"
#include "report/json_members.h"
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

/// The leases under which jobs may run.
std::vector<LeaseView> held_of(const std::vector<LeaseView>& views) {
  std::vector<LeaseView> held;
  std::copy_if(views.begin(), views.end(), std::back_inserter(held),
               [](const LeaseView& view) { return view.state == State::kHeld; });
  return held;
}

/// The first lease that this node holds; null: none.
const LeaseView* ours(const std::vector<LeaseView>& views, const Eviction& us) {
  const auto found = std::find_if(views.begin(), views.end(),
                                  [&](const LeaseView& view) { return is_held_by(view, us); });
  return found == views.end() ? nullptr : &*found;
}

/// `elect` uses the same words.
const char* role_of(const std::vector<LeaseView>& views, const Eviction& us) {
  if (ours(views, us) != nullptr) return "leader";
  return held_of(views).empty() ? "none" : "follower";
}

/// "job-a is held by web-1 (host-1:4711)"
std::string text_about(const std::string& key, const std::vector<LeaseView>& views,
                       const Eviction& us) {
  if (const LeaseView* own = ours(views, us)) {
    return lease_name(key, own->slot, have_slots(views)) + ' ' + sentence_about(*own) +
           ", which is this node";
  }
  const std::vector<LeaseView> held = held_of(views);
  if (held.size() < 2) {
    const LeaseView& view = held.empty() ? views.front() : held.front();
    return lease_name(key, view.slot, have_slots(views)) + ' ' + sentence_about(view);
  }
  std::vector<std::string> holders;
  holders.reserve(held.size());
  for (const LeaseView& view : held) holders.push_back(holder_of(view));
  return visible(key) + " is held by " + list_of(holders, kMaxSlots);
}

std::string json_line(const std::string& key, const std::vector<LeaseView>& views,
                      const Eviction& us) {
  // Of several other holders none is the leader.
  const std::vector<LeaseView> held = held_of(views);
  const LeaseView* const own = ours(views, us);
  const LeaseView* const lease = own != nullptr ? own : held.size() == 1 ? &held.front() : nullptr;
  const auto member = [&](const auto& read) {
    return lease != nullptr ? Json(read(*lease)) : Json();
  };
  const Json object = {
      {"key", key},
      {"state", role_of(views, us)},
      {"node", us.node},
      {"slot", member([](const LeaseView& v) { return v.slot; })},
      {"leader", member([](const LeaseView& v) { return text_or_null(v.node); })},
      {"host", member([](const LeaseView& v) { return text_or_null(v.host); })},
      {"pid", member([](const LeaseView& v) { return v.pid != 0 ? Json(v.pid) : Json(); })},
      {"token", member([](const LeaseView& v) {
         return v.token != Token{} ? Json(v.token.value) : Json();
       })},
      {"since", member([](const LeaseView& v) { return time_or_null(v.since_ms); })},
      {"ttl_remaining_ms", member([](const LeaseView& v) {
         return v.remaining ? Json(ceil_ms(*v.remaining)) : Json();
       })},
  };
  return object.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + '\n';
}

}  // namespace

std::string check_line(const Options& options, const std::vector<LeaseView>& views,
                       const Eviction& us) {
  const std::string& key = options.keys.front();
  switch (options.output) {
    case Options::Output::kNothing:
      break;
    case Options::Output::kTerminal:
      if (!terminal_size()) break;
      [[fallthrough]];
    case Options::Output::kText:
      return std::string(role_of(views, us)) + ": " + text_about(key, views, us) + '\n';
    case Options::Output::kJson:
      return json_line(key, views, us);
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
  const auto looked =
      open_registry(*location)->look(full_key(options, key), options.timeline.connect);
  if (const auto* failed = std::get_if<Failed>(&looked)) {
    reporter.error(describe_failure(key, server, failed->text));
    return exit_status_of(failed->trouble);
  }
  const std::vector<LeaseView>& views = std::get<Listing>(looked).views;
  for (const LeaseView& view : views) {
    if (view.state != State::kForeign) continue;
    reporter.error(describe_key(key, server) + ": " + view.fault +
                   ": choose another --key or --prefix");
    return kExitConfig;
  }
  const Eviction us = this_node(options);
  reporter.info(describe_key(key, server) + ": " + text_about(key, views, us));
  if (!print(check_line(options, views, us), reporter)) return kExitOs;
  return ours(views, us) != nullptr ? kExitOk : options.follower_status;
}

}  // namespace cluster_leader
