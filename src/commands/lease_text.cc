#include "commands/lease_text.h"

#include <algorithm>

#include "base/wall_time.h"
#include "report/table.h"

namespace cluster_leader {

using State = LeaseView::State;

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

std::string time_since(std::int64_t ms, std::int64_t now_ms) {
  if (ms <= 0) return "";
  const std::int64_t seconds = std::max<std::int64_t>(now_ms - ms, 0) / 1000;
  if (seconds < 60) return std::to_string(seconds) + 's';
  if (seconds < 3600) return std::to_string(seconds / 60) + 'm';
  if (seconds < std::int64_t{2} * 86400) return std::to_string(seconds / 3600) + 'h';
  return std::to_string(seconds / 86400) + 'd';
}

std::string age_of(std::int64_t ms, std::int64_t now_ms) {
  const std::string since = time_since(ms, now_ms);
  if (since.empty()) return "";
  return since == "0s" ? "now" : since + " ago";
}

std::string second_of(std::int64_t ms) {
  constexpr std::size_t kToTheSecond = 19;
  return ms > 0 ? iso_8601_utc(ms).substr(0, kToTheSecond) + 'Z' : "";
}

std::string last_run_of(const LeaseView& view) {
  if (!view.last_run) return "";
  const EndedRun& run = *view.last_run;
  const std::string at = second_of(run.result.finished_ms);
  return std::to_string(run.result.status) + " on " + run.node + (at.empty() ? "" : " at " + at);
}

std::string holder_of(const LeaseView& view) {
  std::string text = visible(view.node);
  if (view.host.empty()) return text;
  return text + " (" + visible(view.host) +
         (view.pid == 0 ? ")" : ':' + std::to_string(view.pid) + ')');
}

std::string lease_name(const std::string& key, std::uint32_t slot, bool has_slots) {
  return (has_slots ? "slot " + std::to_string(slot) + " of " : "") + visible(key);
}

bool have_slots(const std::vector<LeaseView>& views) {
  return std::any_of(views.begin(), views.end(),
                     [](const LeaseView& view) { return view.slot != 0; });
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
      return "is kept" + rest + " after a run on " + visible(view.node);
    case State::kVanished:
      return "has lost its lock; " + holder_of(view) + " may set it again" + rest;
    case State::kDone:
      return "has succeeded and is not run again" + rest;
    case State::kForeign:
      break;
  }
  return "is not a lease: " + view.fault;
}

}  // namespace cluster_leader
