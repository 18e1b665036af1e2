#include "store/file/queue.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "store/file/members.h"

namespace cluster_leader {

namespace {

using Json = nlohmann::ordered_json;

std::int64_t count_in(const Json& object, const char* name) {
  return integer_in(object, name, kLargestCount).value_or(0);
}

Time time_in(const Json& object, const char* name) {
  return Time(Duration(integer_in(object, name, kLargestTime).value_or(0)));
}

void stand(Queue& queue, const Standing& standing) {
  const Moment& moment = standing.moment;
  queue.stand(standing.candidacy.holder, standing.candidate.ttl, moment.now, moment.wall_ms);
}

/// The key is held: the candidate waits in line for it.
void wait_in_line(Queue& queue, SlotDecision& decided, const Standing& standing) {
  const Candidate& candidate = standing.candidate;
  const FileRecord* record = standing.slots[decided.index].record();
  queue.sweep(standing.moment.now);
  if (!candidate.listens) return;
  stand(queue, standing);
  const Queue::Pause pause =
      queue.pause_of(standing.candidacy.holder, decided.rests, candidate.ttl);
  auto& busy = std::get<Busy>(decided.decision.answer);
  busy.place = pause.ahead + 1;
  const bool is_ours = record != nullptr && is_parked_for(candidate, *record);
  if (!is_ours) busy.retry_after = pause.length;
}

/// Notes which slots are free, and returns the one for which the first in line is late first, or
/// will be. `wakes` becomes true if that is new.
Queue::Late note_free(Queue& queue, const std::vector<Opening>& openings, Time now, bool& wakes) {
  Queue::Late first{.fence = {}, .at = kNever};
  for (const Opening& opening : openings) {
    if (!queue.late_at(opening, now)) {
      queue.note_free(opening, now);
      wakes = true;
    }
    const Time at = *queue.late_at(opening, now);
    if (at < first.at) first = {opening.fence, at, opening.slot};
  }
  return first;
}

/// The candidate gets this slot, which is free, rather than the one that was decided.
void decide_again(SlotDecision& decided, std::uint32_t slot, const Standing& standing) {
  decided.index = slot;
  decided.decision = decide(standing.request, standing.candidate, standing.candidacy,
                            standing.slots[slot].found, standing.moment);
}

/// Slots are free: one of them is the candidate's only if it is its turn. True if those who are
/// next must be woken.
bool take_turn(Queue& queue, SlotDecision& decided, const std::vector<Opening>& openings,
               const Standing& standing) {
  const HolderId& holder = standing.candidacy.holder;
  const Candidate& candidate = standing.candidate;
  const Time now = standing.moment.now;
  const bool has_swept = queue.sweep(now);
  if (candidate.listens) stand(queue, standing);
  const bool is_out_of_turn = queue.passed_by(holder, openings.size()) > 0;
  const bool waits_alone = queue.ahead_of({}) == (queue.is_in_line(holder) ? 1 : 0);
  bool wakes = false;
  // Those who are next have one of the other slots.
  if (is_out_of_turn || (openings.size() > 1 && !waits_alone)) {
    wakes = has_swept;
    const Queue::Late first = note_free(queue, openings, now, wakes);
    const Time turn = queue.turn_of(holder, first.at, openings.size());
    if (now < turn) {
      Busy busy{.holder = {}, .retry_after = turn - now, .is_free = true};
      if (candidate.listens) {
        busy.retry_after = std::min(turn - now, candidate.ttl);
        busy.place = queue.ahead_of(holder) + 1;
      }
      decided.decision = {busy, {}};
      return wakes;
    }
    // Those before it may not know this one.
    if (is_out_of_turn) decide_again(decided, first.slot, standing);
  }
  queue.serve(holder, now, standing.slots[decided.index].slot, openings.size());
  return wakes;
}

/// The candidate no longer waits.
bool leave(Queue& queue, const std::vector<Opening>& openings, const Standing& standing) {
  const HolderId& holder = standing.candidacy.holder;
  if (!queue.has(holder)) return false;
  queue.leave(holder);
  const bool is_somebody_next = queue.ahead_of(holder) > 0;
  if (openings.empty() || !is_somebody_next) return false;
  queue.note_change(standing.moment.now);
  for (Opening opening : openings) {
    opening.end.reset();
    if (!queue.late_at(opening, standing.moment.now)) queue.note_free(opening, standing.moment.now);
  }
  return true;
}

}  // namespace

std::string format_queue(const Queue& queue, const Moment& moment) {
  if (queue.places().empty()) return "";
  Json object = {{"boot_id", printable(moment.boot_id)},
                 {"booted", std::max<std::int64_t>(moment.booted_ms(), 0)}};
  for (const Queue::Late& late : queue.late()) {
    Json note = {{"fence", late.fence.value},
                 {"at_boottime_ns", late.at.time_since_epoch().count()}};
    if (late.slot != 0) note["slot"] = late.slot;
    object["late"].push_back(std::move(note));
  }
  object["places"] = Json::array();
  for (const Place& place : queue.places()) {
    object["places"].push_back({{"holder", printable(place.holder.value)},
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
  const bool is_same_boot = text_in(object, "boot_id") == moment.boot_id ||
                            moment.is_of_boot_at(count_in(object, "booted"));
  if (!is_same_boot || !object["places"].is_array()) return queue;
  std::vector<Place> places;
  for (const Json& place : object["places"]) {
    if (!place.is_object()) continue;
    places.push_back({{text_in(place, "holder").value_or("")},
                      count_in(place, "since"),
                      time_in(place, "lapses_boottime_ns"),
                      place.value("passed_over", Json()) == true});
  }
  std::vector<Queue::Late> late;
  if (const auto found = object.find("late"); found != object.end() && found->is_array()) {
    for (const Json& note : *found) {
      if (!note.is_object()) continue;
      const std::int64_t slot = std::min<std::int64_t>(count_in(note, "slot"), kMaxSlots);
      late.push_back({{count_in(note, "fence")},
                      time_in(note, "at_boottime_ns"),
                      static_cast<std::uint32_t>(slot)});
    }
  }
  queue.restore(std::move(places), std::move(late));
  return queue;
}

bool apply_queue(Queue& queue, SlotDecision& decided, const Standing& standing) {
  const Time now = standing.moment.now;
  Decision& decision = decided.decision;
  const FoundSlot& slot = standing.slots[decided.index];
  const FileRecord* record = slot.record();
  const HolderId& holder = standing.candidacy.holder;
  const std::vector<Opening> openings = openings_of(standing.slots, standing.moment);
  // Whoever waited is superseded.
  const bool is_new_era = record != nullptr && decision.write && decision.write->era > record->era;
  if (is_new_era) queue = Queue();
  if (std::holds_alternative<Busy>(decision.answer)) {
    wait_in_line(queue, decided, standing);
    return false;
  }
  if (std::holds_alternative<Done>(decision.answer) ||
      std::holds_alternative<Superseded>(decision.answer)) {
    return leave(queue, openings, standing);
  }
  if (std::holds_alternative<Granted>(decision.answer)) {
    if (is_free(slot, standing.moment)) return take_turn(queue, decided, openings, standing);
    // It is the candidate's own, or parked for it.
    queue.leave(holder);
    return false;
  }
  if (!std::holds_alternative<Released>(decision.answer)) return false;
  if (record == nullptr || record->holder != holder) return leave(queue, openings, standing);
  // Whoever releases it again, or keeps it from the others for now, begins no turns.
  const bool is_freed = decision.write && decision.write->until <= now;
  queue.sweep(now);
  if (is_freed && queue.ahead_of(holder) > 0) queue.note_free({record->fence, now, slot.slot}, now);
  return false;
}

}  // namespace cluster_leader
