#include "report/result_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/signal_names.h"
#include "report/json_members.h"

namespace cluster_leader {

namespace {

using Json = nlohmann::ordered_json;

/// Whether another run had the key instead of ours.
bool has_leader(RunEnding::Outcome outcome) {
  using enum RunEnding::Outcome;
  return outcome == kFollower || outcome == kJoined || outcome == kSuperseded;
}

}  // namespace

std::optional<std::string> write_result_file(const std::string& path, const RunEnding& ending) {
  const bool has_lease = ending.token != Token{};
  // For a command that could not be executed a process was made, but no job began.
  const bool has_job = ending.outcome != RunEnding::Outcome::kError;
  // The wall clock may have been set back in between.
  const std::int64_t waited_ms = std::max<std::int64_t>(ending.decided_ms - ending.asked_ms, 0);
  // The run that had the key instead of us, and how it ended if that is known.
  const bool has_other = has_leader(ending.outcome);
  const Done* const other = has_other && ending.joined ? &*ending.joined : nullptr;
  const std::string leader = other ? other->node : has_other ? ending.leader : "";
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
      {"waited_ms", waited_ms},
      {"leader", leader.empty() ? Json() : Json(leader)},
      {"leader_token", other ? Json(other->token.value) : Json()},
      {"leader_status", other ? Json(other->result.status) : Json()},
      {"leader_started", other ? time_or_null(other->result.started_ms) : Json()},
      {"leader_finished", other ? time_or_null(other->result.finished_ms) : Json()},
  };
  return write_atomically(
      path, result.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + '\n');
}

}  // namespace cluster_leader
