#include "store/file/queue.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "store/percent.h"

namespace cluster_leader {

namespace {

using Json = nlohmann::ordered_json;

/// As in a record.
constexpr std::string_view kPrintable = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~";
constexpr std::int64_t kSameBootMs = 1000;

std::int64_t number(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

Time time(const Json& object, const char* name) { return Time(Duration(number(object, name))); }

std::string text(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return "";
  return percent_decode(found->get_ref<const std::string&>()).value_or("");
}

const FileRecord* record_of(const Standing& standing) {
  return std::get_if<FileRecord>(&standing.found);
}

Token fence_of(const Standing& standing) {
  const FileRecord* record = record_of(standing);
  return record != nullptr ? record->fence : Token{};
}

bool is_free(const Standing& standing) {
  const FileRecord* record = record_of(standing);
  return record == nullptr || time_left(*record, standing.moment) <= Duration::zero();
}

/// When the last lease ended, if that is known.
std::optional<Time> end_of_lease(const Standing& standing) {
  const FileRecord* record = record_of(standing);
  if (record == nullptr || record->holder.value.empty()) return std::nullopt;
  if (record->boot_id != standing.moment.boot_id) return std::nullopt;
  return record->until;
}

void stand(Queue& queue, const Standing& standing) {
  const Moment& moment = standing.moment;
  queue.stand(standing.candidacy.holder, standing.candidate.ttl, moment.now, moment.wall_ms);
}

/// The key is held: the candidate waits in line for it.
void wait_in_line(Queue& queue, Busy& busy, const Standing& standing) {
  const Candidate& candidate = standing.candidate;
  const FileRecord* record = record_of(standing);
  queue.sweep(standing.moment.now);
  if (!candidate.listens) return;
  stand(queue, standing);
  const Queue::Pause pause =
      queue.pause_of(standing.candidacy.holder, busy.retry_after, candidate.ttl);
  busy.place = pause.ahead + 1;
  const bool is_ours = record != nullptr && is_parked_for(candidate, *record);
  if (!is_ours) busy.retry_after = pause.length;
}

/// The key is free: it is the candidate's only if it is its turn. True if those who are next must
/// be woken.
bool take_turn(Queue& queue, Decision& decision, const Standing& standing) {
  const HolderId& holder = standing.candidacy.holder;
  const Candidate& candidate = standing.candidate;
  const Time now = standing.moment.now;
  const Token fence = fence_of(standing);
  const bool has_swept = queue.sweep(now);
  if (candidate.listens) stand(queue, standing);
  const std::size_t ahead = queue.ahead_of(holder);
  bool wakes = false;
  if (ahead > 0) {
    if (!queue.late_at(fence, now)) {
      queue.note_free(fence, end_of_lease(standing), now);
      wakes = true;
    } else if (has_swept) {
      queue.note_change(now);
      wakes = true;
    }
    const Duration rest = queue.turn_of(holder, *queue.late_at(fence, now)) - now;
    if (rest > Duration::zero()) {
      Busy busy{.holder = {}, .retry_after = rest, .is_free = true};
      if (candidate.listens) {
        busy.retry_after = std::min(rest, candidate.ttl);
        busy.place = ahead + 1;
      }
      decision = {busy, {}};
      return wakes;
    }
  }
  queue.serve(holder, now);
  return false;
}

/// The candidate no longer waits.
bool leave(Queue& queue, const Standing& standing) {
  const HolderId& holder = standing.candidacy.holder;
  const Time now = standing.moment.now;
  if (!queue.has(holder)) return false;
  queue.leave(holder);
  const bool is_somebody_next = queue.ahead_of(holder) > 0;
  if (!is_free(standing) || !is_somebody_next) return false;
  if (queue.late_at(fence_of(standing), now)) {
    queue.note_change(now);
  } else {
    queue.note_free(fence_of(standing), std::nullopt, now);
  }
  return true;
}

}  // namespace

std::string format_queue(const Queue& queue, const Moment& moment) {
  if (queue.places().empty()) return "";
  Json object = {{"boot_id", percent_encode(moment.boot_id, kPrintable)},
                 {"booted", moment.booted_ms()}};
  if (queue.late()) {
    object["late"] = {{"fence", queue.late()->fence.value},
                      {"at_boottime_ns", queue.late()->at.time_since_epoch().count()}};
  }
  object["places"] = Json::array();
  for (const Place& place : queue.places()) {
    object["places"].push_back({{"holder", percent_encode(place.holder.value, kPrintable)},
                                {"since", place.since_ms},
                                {"lapses_boottime_ns", place.lapses_at.time_since_epoch().count()},
                                {"passed_over", place.is_passed_over}});
  }
  return object.dump() + '\n';
}

Queue parse_queue(std::string_view bytes, const Moment& moment) {
  Queue queue;
  if (bytes.empty()) return queue;
  const Json object = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || !object.contains("places")) return queue;
  const bool is_same_boot = text(object, "boot_id") == moment.boot_id ||
                            std::abs(number(object, "booted") - moment.booted_ms()) <= kSameBootMs;
  if (!is_same_boot || !object["places"].is_array()) return queue;
  std::vector<Place> places;
  for (const Json& place : object["places"]) {
    if (!place.is_object()) continue;
    places.push_back({{text(place, "holder")},
                      number(place, "since"),
                      time(place, "lapses_boottime_ns"),
                      place.value("passed_over", Json()) == true});
  }
  std::optional<Queue::Late> late;
  if (const auto found = object.find("late"); found != object.end() && found->is_object()) {
    late = {{number(*found, "fence")}, time(*found, "at_boottime_ns")};
  }
  queue.restore(std::move(places), late);
  return queue;
}

bool apply_queue(Queue& queue, Decision& decision, const Standing& standing) {
  const Time now = standing.moment.now;
  const FileRecord* record = record_of(standing);
  const HolderId& holder = standing.candidacy.holder;
  // Whoever waited is superseded.
  const bool is_new_era = record != nullptr && decision.write && decision.write->era > record->era;
  if (is_new_era) queue = Queue();
  if (auto* busy = std::get_if<Busy>(&decision.answer)) {
    wait_in_line(queue, *busy, standing);
    return false;
  }
  if (std::holds_alternative<Done>(decision.answer) ||
      std::holds_alternative<Superseded>(decision.answer)) {
    return leave(queue, standing);
  }
  if (std::holds_alternative<Granted>(decision.answer)) {
    if (is_free(standing)) return take_turn(queue, decision, standing);
    // It is the candidate's own, or parked for it.
    queue.leave(holder);
    return false;
  }
  if (!std::holds_alternative<Released>(decision.answer)) return false;
  if (record == nullptr || record->holder != holder) return leave(queue, standing);
  // Whoever releases it again, or keeps it from the others for now, begins no turns.
  const bool is_freed = decision.write && decision.write->until <= now;
  queue.sweep(now);
  if (is_freed && queue.ahead_of(holder) > 0) queue.note_free(record->fence, now, now);
  return false;
}

}  // namespace cluster_leader
