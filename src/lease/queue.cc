#include "lease/queue.h"

#include <algorithm>

namespace cluster_leader {

namespace {

/// How long after the first in line is late somebody with `ahead` before it has its turn.
Duration steps(std::size_t ahead) { return static_cast<int>(ahead) * kStep; }

bool is_earlier(const Queue::Late& one, const Queue::Late& other) { return one.at < other.at; }

}  // namespace

std::vector<Place>::const_iterator Queue::find(const HolderId& holder) const {
  return std::find_if(places_.begin(), places_.end(),
                      [&](const Place& place) { return place.holder == holder; });
}

bool Queue::sweep(Time now) {
  const bool has_moved =
      std::erase_if(places_, [&](const Place& place) { return place.lapses_at <= now; }) > 0;
  if (has_moved) note_change(now);
  return has_moved;
}

void Queue::stand(const HolderId& holder, Duration ttl, Time now, std::int64_t wall_ms) {
  // It asks once in a ttl. A second more, so that an ask that is a little late is not missed.
  const Time lapses_at = now + 2 * ttl + std::chrono::seconds(1);
  const auto found = find(holder);
  if (found == places_.end()) {
    places_.push_back({holder, wall_ms, lapses_at});
  } else {
    Place& place = places_[static_cast<std::size_t>(found - places_.begin())];
    place.lapses_at = lapses_at;
    place.is_passed_over = false;
  }
}

std::vector<Queue::Late>::iterator Queue::note_of(std::uint32_t slot) {
  return std::find_if(late_.begin(), late_.end(),
                      [&](const Late& late) { return late.slot == slot; });
}

Queue::Pause Queue::pause_of(const HolderId& holder, std::vector<Duration> rests,
                             Duration ttl) const {
  const std::size_t ahead = ahead_of(holder);
  std::sort(rests.begin(), rests.end());
  Duration length = ttl;
  // Once the first lease has ended, the first in line may have it, or the second one, and so on.
  for (std::size_t i = 0; i < rests.size() && i <= ahead; ++i) {
    // By asking a step before its turn, the second makes sure that the first one is awake.
    const Duration turn = i < ahead ? kTurn + steps(ahead - i - 1) : Duration::zero();
    length = std::min(length, rests[i] + turn);
  }
  return {ahead, length};
}

void Queue::leave(const HolderId& holder) {
  const auto found = find(holder);
  if (found != places_.end()) places_.erase(found);
}

bool Queue::is_in_line(const HolderId& holder) const {
  const auto found = find(holder);
  return found != places_.end() && !found->is_passed_over;
}

std::size_t Queue::ahead_of(const HolderId& holder) const {
  return static_cast<std::size_t>(std::count_if(
      places_.begin(), find(holder), [](const Place& place) { return !place.is_passed_over; }));
}

std::size_t Queue::passed_by(const HolderId& holder, std::size_t free_slots) const {
  const std::size_t ahead = ahead_of(holder);
  return ahead < free_slots ? 0 : ahead - free_slots + 1;
}

Time Queue::turn_of(const HolderId& holder, Time late_at, std::size_t free_slots) const {
  const std::size_t passed = passed_by(holder, free_slots);
  return passed == 0 ? Time::min() : late_at + steps(passed);
}

std::vector<HolderId> Queue::serve(const HolderId& holder, Time now, std::uint32_t slot,
                                   std::size_t free_slots) {
  const std::size_t ahead = ahead_of(holder);
  const std::size_t passed = passed_by(holder, free_slots);
  std::vector<HolderId> passed_over;
  for (Place& place : places_) {
    if (passed_over.size() == passed) break;
    if (place.is_passed_over) continue;
    place.is_passed_over = true;
    place.lapses_at = std::min(place.lapses_at, now + kGrace);
    passed_over.push_back(place.holder);
  }
  leave(holder);
  if (late_.empty()) return passed_over;
  // The first in line was woken for the oldest note, the second one for the next, and so on, but
  // they take the slots by their numbers, and whoever knows fewer takes what it finds.
  std::sort(late_.begin(), late_.end(), is_earlier);
  const auto note = note_of(slot);
  const std::size_t own = passed > 0 ? 0 : std::min(ahead, late_.size() - 1);
  late_[own].at = note != late_.end() ? note->at : now + kTurn;
  if (note != late_.end()) late_.erase(note);
  return passed_over;
}

std::vector<Queue::Woken> Queue::woken(Time now) const {
  std::vector<Woken> woken;
  if (late_.empty()) return woken;
  const auto first = std::min_element(late_.begin(), late_.end(), is_earlier);
  for (const Place& place : places_) {
    if (place.is_passed_over) continue;
    if (woken.size() == late_.size() - 1 + kWoken) break;
    const Time turn = turn_of(place.holder, first->at, late_.size());
    woken.push_back({place.holder, std::max(turn, now) - now});
  }
  return woken;
}

std::optional<Time> Queue::late_at(const Opening& opening, Time now) {
  const auto note = note_of(opening.slot);
  if (note == late_.end() || note->fence != opening.fence) return std::nullopt;
  // A clock that was set back must not keep everybody waiting.
  note->at = std::min(note->at, now + kTurn);
  return note->at;
}

Time Queue::note_free(const Opening& opening, Time now) {
  const Time at = opening.end ? std::max(std::min(*opening.end, now) + kTurn, now) : now;
  if (const auto note = note_of(opening.slot); note != late_.end()) late_.erase(note);
  late_.push_back({opening.fence, at, opening.slot});
  return at;
}

void Queue::note_change(Time now) {
  for (Late& late : late_) late.at = std::max(late.at, now);
}

}  // namespace cluster_leader
