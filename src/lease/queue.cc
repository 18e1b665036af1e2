#include "lease/queue.h"

#include <algorithm>

namespace cluster_leader {

namespace {

/// How long after the first in line is late somebody with `ahead` before it has its turn.
Duration steps(std::size_t ahead) { return static_cast<int>(ahead) * kStep; }

}  // namespace

std::vector<Place>::const_iterator Queue::find(const HolderId& holder) const {
  return std::find_if(places_.begin(), places_.end(),
                      [&](const Place& place) { return place.holder == holder; });
}

bool Queue::sweep(Time now) {
  return std::erase_if(places_, [&](const Place& place) { return place.lapses_at <= now; }) > 0;
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

Queue::Pause Queue::pause_of(const HolderId& holder, Duration rest, Duration ttl) const {
  const std::size_t ahead = ahead_of(holder);
  // By asking a step before its turn, the second makes sure that the first one is awake.
  if (ahead > 0) rest += kTurn + steps(ahead - 1);
  return {ahead, std::min(rest, ttl)};
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

Time Queue::turn_of(const HolderId& holder, Time late_at) const {
  const std::size_t ahead = ahead_of(holder);
  return ahead == 0 ? Time::min() : late_at + steps(ahead);
}

std::vector<HolderId> Queue::serve(const HolderId& holder, Time now) {
  std::vector<HolderId> passed_over;
  const auto end = find(holder) - places_.cbegin();
  for (auto place = places_.begin(); place != places_.begin() + end; ++place) {
    if (place->is_passed_over) continue;
    place->is_passed_over = true;
    place->lapses_at = std::min(place->lapses_at, now + kGrace);
    passed_over.push_back(place->holder);
  }
  leave(holder);
  return passed_over;
}

std::vector<Queue::Woken> Queue::woken(Time late_at, Time now) const {
  std::vector<Woken> woken;
  for (const Place& place : places_) {
    if (place.is_passed_over) continue;
    if (woken.size() == kWoken) break;
    const Time turn = turn_of(place.holder, late_at);
    woken.push_back({place.holder, std::max(turn, now) - now});
  }
  return woken;
}

std::optional<Time> Queue::late_at(Token fence, Time now) {
  if (!late_ || late_->fence != fence) return std::nullopt;
  // A clock that was set back must not keep everybody waiting.
  late_->at = std::min(late_->at, now + kTurn);
  return late_->at;
}

Time Queue::note_free(Token fence, std::optional<Time> end, Time now) {
  const Time at = end ? std::max(std::min(*end, now) + kTurn, now) : now;
  late_ = {fence, at};
  return at;
}

void Queue::note_change(Time now) {
  if (late_) late_->at = std::max(late_->at, now);
}

}  // namespace cluster_leader
