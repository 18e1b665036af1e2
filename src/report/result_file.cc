#include "report/result_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/signal_names.h"
#include "base/wall_time.h"

namespace cluster_leader {

namespace {

using Json = nlohmann::ordered_json;

/// A time, or null if there was none.
Json time_or_null(std::int64_t ms) { return ms > 0 ? Json(iso_8601_utc(ms)) : Json(); }

double seconds(std::int64_t ms) { return static_cast<double>(ms) / 1000.0; }

/// The run that had the key instead of us, and how it ended if that is known.
Json leader_of(const RunEnding& ending) {
  using enum RunEnding::Outcome;
  if (ending.outcome != kFollower && ending.outcome != kJoined && ending.outcome != kSuperseded) {
    return {};
  }
  if (ending.joined) {
    const Done& done = *ending.joined;
    return {{"node", done.node},
            {"token", done.token.value},
            {"status", done.result.status},
            {"started", time_or_null(done.result.started_ms)},
            {"finished", time_or_null(done.result.finished_ms)}};
  }
  return ending.leader.empty() ? Json() : Json{{"node", ending.leader}};
}

}  // namespace

std::optional<std::string> write_result_file(const std::string& path, const RunEnding& ending) {
  const bool has_lease = ending.token != Token{};
  // For a command that could not be executed a process was made, but no job began.
  const bool has_job = ending.outcome != RunEnding::Outcome::kError;
  // The wall clock may have been set back in between.
  const std::int64_t waited_ms = std::max<std::int64_t>(ending.decided_ms - ending.asked_ms, 0);
  const Json result = {
      {"outcome", outcome_name(ending.outcome)},
      {"status", ending.status},
      {"signal", ending.signal != 0 ? Json(signal_name(ending.signal)) : Json()},
      {"key", ending.key},
      {"node", ending.node},
      {"holder", has_lease ? Json(ending.holder.value) : Json()},
      {"token", has_lease ? Json(ending.token.value) : Json()},
      {"slot", has_lease ? Json(ending.slot) : Json()},
      {"started", time_or_null(has_job ? ending.started_ms : 0)},
      {"finished", time_or_null(has_job ? ending.finished_ms : 0)},
      {"waited", seconds(waited_ms)},
      {"leader", leader_of(ending)},
  };
  return write_atomically(
      path, result.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + '\n');
}

}  // namespace cluster_leader
