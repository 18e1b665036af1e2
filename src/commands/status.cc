#include "commands/status.h"

#include <signal.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/exit_code.h"
#include "base/poller.h"
#include "base/terminal.h"
#include "base/wall_time.h"
#include "commands/lease_text.h"
#include "commands/setup.h"
#include "commands/status_screen.h"
#include "report/json_members.h"
#include "report/reporter.h"
#include "report/screen.h"
#include "report/standard_output.h"
#include "report/table.h"

namespace cluster_leader {

namespace {

using Json = nlohmann::ordered_json;
using State = LeaseView::State;

/// A label that is longer makes the table too wide to read.
constexpr std::size_t kWidestLabel = 40;

/// "2 since 2026-11-23T07:00:00Z"
std::string waiters_of(const LeaseView& view) {
  if (!view.waiters) return "";
  const std::string since = second_of(view.waiting_since_ms);
  return std::to_string(*view.waiters) + (since.empty() ? "" : " since " + since);
}

std::vector<Cell> row_of(const Options& options, const LeaseView& view, bool has_slots) {
  const bool held = has_holder(view);
  const std::string about =
      view.fault.empty() ? shortened(view.label, kWidestLabel) : '(' + view.fault + ')';
  std::vector<Cell> row = {{name_of(options, view)},
                           {state_name(view.state)},
                           {held ? view.node : ""},
                           {process_of(view)},
                           {held ? about : ""},
                           {held ? second_of(view.since_ms) : ""},
                           {view.remaining ? short_duration(*view.remaining) : ""},
                           {view.token == Token{} ? "" : std::to_string(view.token.value)},
                           {waiters_of(view)},
                           {last_run_of(view)}};
  if (has_slots) row.insert(row.begin() + 1, {std::to_string(view.slot)});
  return row;
}

/// Those who wait, wait for the key and not for one of its slots: only its first view has them.
std::vector<LeaseView> with_waiters_once(std::vector<LeaseView> views) {
  for (std::size_t i = 1; i < views.size(); ++i) {
    if (views[i].key.value != views[i - 1].key.value) continue;
    views[i].waiters.reset();
    views[i].waiting_since_ms = 0;
  }
  return views;
}

Json count_or_null(std::int64_t count) { return count == 0 ? Json() : Json(count); }

Json object_of(const Options& options, const LeaseView& view) {
  const bool held = has_holder(view);
  const auto& run = view.last_run;
  return {{"key", name_of(options, view)},
          {"slot", view.slot},
          {"state", state_name(view.state)},
          {"node", options.node},
          {"leader", held ? text_or_null(view.node) : Json()},
          {"host", held ? text_or_null(view.host) : Json()},
          {"pid", held ? count_or_null(view.pid) : Json()},
          {"label", held ? text_or_null(view.label) : Json()},
          {"since", held ? time_or_null(view.since_ms) : Json()},
          {"ttl_ms", held ? count_or_null(ceil_ms(view.ttl)) : Json()},
          {"ttl_remaining_ms", view.remaining ? Json(ceil_ms(*view.remaining)) : Json()},
          {"token", count_or_null(view.token.value)},
          {"waiters", view.waiters ? Json(*view.waiters) : Json()},
          {"waiting_since", time_or_null(view.waiting_since_ms)},
          {"last_node", run ? text_or_null(run->node) : Json()},
          {"last_status", run ? Json(run->result.status) : Json()},
          {"last_token", run ? Json(run->token.value) : Json()},
          {"last_started", run ? time_or_null(run->result.started_ms) : Json()},
          {"last_finished", run ? time_or_null(run->result.finished_ms) : Json()},
          {"holder", text_or_null(view.holder.value)},
          {"fault", text_or_null(view.fault)}};
}

/// Ends a --watch, at once and whatever is being waited for.
void end_well(int) { ::_exit(kExitOk); }

void end_well_at(int signo) {
  struct sigaction now {};
  ::sigaction(signo, nullptr, &now);
  if (now.sa_handler == SIG_IGN) return;
  now = {};
  now.sa_handler = end_well;
  ::sigaction(signo, &now, nullptr);
}

class Status {
 public:
  Status(const Options& options, const Location& location, Reporter& reporter)
      : options_(options),
        server_(server_name(options, location)),
        registry_(open_registry(location)),
        reporter_(reporter) {}

  int once() { return show({}, ""); }

  int watch(Duration pause) {
    end_well_at(SIGINT);
    end_well_at(SIGTERM);
    const bool is_json = options_.output == Options::Output::kJson;
    const bool redraws = can_redraw() && !is_json;
    std::string between;
    for (Poller poller;;) {
      const Time begin = BootClock::now();
      // A server that is down for a while is what somebody watches for.
      if (show(redraws ? std::optional(pause) : std::nullopt, between) == kExitOs) return kExitOs;
      if (!is_json && !redraws) between = "\n";
      while (BootClock::now() < begin + pause) poller.wait(begin + pause);
    }
  }

 private:
  /// Reads and shows all, after `between`; if `redraws_after` is given, instead of what is on the
  /// terminal. Returns the exit status.
  int show(std::optional<Duration> redraws_after, const std::string& between) {
    auto listed = read();
    const auto* failed = std::get_if<Failed>(&listed);
    const Listing listing = failed != nullptr ? Listing{} : std::get<Listing>(std::move(listed));
    std::string text = between;
    if (failed == nullptr) text += text_of(listing.views);
    if (redraws_after) {
      text =
          redrawn(heading(*redraws_after) + text, terminal_size().value_or(TerminalSize{}).lines);
    }
    if (!print(text, reporter_)) return kExitOs;
    if (failed != nullptr) {
      reporter_.error(describe_failure(server_, failed->text));
      return exit_status_of(failed->trouble);
    }
    if (!listing.failure) return kExitOk;
    reporter_.error(describe_failure(
        server_,
        (listing.unread == 0   ? "not all keys were read: "
         : listing.unread == 1 ? "1 key was not read: "
                               : std::to_string(listing.unread) + " keys were not read: ") +
            listing.failure->text));
    return exit_status_of(listing.failure->trouble);
  }

  std::string text_of(const std::vector<LeaseView>& views) const {
    if (options_.output == Options::Output::kJson) return status_json(options_, views);
    const auto terminal = terminal_size();
    if (!terminal) return status_table(options_, views);
    return status_screen(options_, with_waiters_once(views), wall_clock_ms(), terminal->columns,
                         wants_colour());
  }

  /// "redis://redis:6379, every 2.0s, 07:00:00 UTC"
  std::string heading(Duration pause) const {
    constexpr std::size_t kDate = 11;
    constexpr std::size_t kTime = 8;
    const std::string text = server_.url + ", every " + short_duration(pause) + ", " +
                             iso_8601_utc(wall_clock_ms()).substr(kDate, kTime) + " UTC";
    const std::size_t width = terminal_size().value_or(TerminalSize{}).columns;
    return painted(shortened(text, width), Paint::kFaint, wants_colour()) + "\n\n";
  }

  std::variant<Listing, Failed> read() {
    const Duration patience = options_.timeline.connect;
    if (options_.keys.empty()) return registry_->list(options_.prefix, patience);
    std::vector<Key> keys;
    keys.reserve(options_.keys.size());
    for (const std::string& key : options_.keys) keys.push_back(full_key(options_, key));
    return registry_->show(keys, patience);
  }

  const Options& options_;
  const ServerName server_;
  const std::unique_ptr<Registry> registry_;
  Reporter& reporter_;
};

}  // namespace

std::string name_of(const Options& options, const LeaseView& view) {
  return view.key.value.substr(options.prefix.size());
}

bool has_holder(const LeaseView& view) {
  return view.state != State::kFree && view.state != State::kDone;
}

std::string process_of(const LeaseView& view) {
  if (view.host.empty() || !has_holder(view)) return "";
  return view.pid == 0 ? view.host : view.host + ':' + std::to_string(view.pid);
}

std::string status_table(const Options& options, const std::vector<LeaseView>& views) {
  const bool has_slots = have_slots(views);
  std::vector<std::vector<Cell>> rows(1);
  for (const char* title : {"KEY", "STATE", "LEADER", "HOST:PID", "LABEL", "SINCE", "REMAINING",
                            "TOKEN", "WAITERS", "LAST RUN"}) {
    rows[0].push_back({title});
  }
  if (has_slots) rows[0].insert(rows[0].begin() + 1, {"SLOT"});
  for (const LeaseView& view : with_waiters_once(views)) {
    rows.push_back(row_of(options, view, has_slots));
  }
  return draw_table(rows, /*coloured=*/false);
}

std::string status_json(const Options& options, const std::vector<LeaseView>& views) {
  Json array = Json::array();
  for (const LeaseView& view : with_waiters_once(views)) {
    array.push_back(object_of(options, view));
  }
  return array.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + '\n';
}

int status(const Options& options) {
  prepare_standard_descriptors();
  Reporter reporter(log_style(options));
  const std::optional<Location> location = make_location(options, reporter);
  if (!location) return kExitConfig;
  Status status(options, *location, reporter);
  return options.watch ? status.watch(*options.watch) : status.once();
}

}  // namespace cluster_leader
