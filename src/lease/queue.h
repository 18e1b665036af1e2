#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "lease/candidacy.h"

namespace cluster_leader {

/// How long after a key has become free the first in line counts as late.
inline constexpr Duration kTurn = std::chrono::milliseconds(750);

/// After that, each of those behind has so long before the next one may take the key as well. So
/// the second in line takes it one second after it has become free, if the first does not.
inline constexpr Duration kStep = std::chrono::milliseconds(250);

/// How long those who were passed over have to get their places back. Whoever asks no more loses
/// its place by that, and costs the others no second turn.
inline constexpr Duration kGrace = std::chrono::seconds(2);

/// How many are woken when a key becomes free: the first at once, and the ones behind in time for
/// their turn, in case that those before them are dead or do not hear it. Of a key with several
/// slots, so many beside those who were woken for the slots that were free before.
inline constexpr std::size_t kWoken = 10;

/// A candidate's place in a queue.
struct Place {
  HolderId holder;
  std::int64_t since_ms = 0;    ///< since when it waits, by the wall clock, in ms since 1970
  Time lapses_at;               ///< unless it asks again
  bool is_passed_over = false;  ///< somebody behind it took the key, and it has not asked since
  bool operator==(const Place&) const = default;
};

/// A slot of a key that is free.
struct Opening {
  Token fence;                ///< of the last lease there
  std::optional<Time> end{};  ///< when that ended, if it is known
  std::uint32_t slot = 0;
};

/// Who waits for a key, first come, first served. It only decides who tries when: that two never
/// have the key is for the lock to prevent, whatever has become of the queue.
///
/// While a key is free, the first in line may take it. Whoever finds it free out of turn notes when
/// the first ones count as late, and has them woken: at kTurn after the end of the lease, but never
/// before somebody has noticed, or a server that was away for seconds would serve whoever asks
/// first.
///
/// The leases of a key with several (Candidate::slots) have one queue. As many as there are free
/// slots, the first in line, may take one at once; they are woken one by one as slots become free.
/// Of those behind, the first one may take the key as well once somebody before it is late, and
/// passes over only the first in line, as many as had their turn. It takes the slot that is free
/// for the longest, which those before it may not know; and otherwise slots are taken by their
/// numbers.
///
/// On Redis, queue.lua and line.lua in store/redis/scripts follow the same rules.
class Queue {
 public:
  /// After the lease with the token `fence` in that slot, from when on the first in line is late.
  struct Late {
    Token fence;
    Time at;
    std::uint32_t slot = 0;
    bool operator==(const Late&) const = default;
  };

  /// Somebody to be woken, and how long it is to wait before it asks.
  struct Woken {
    HolderId holder;
    Duration delay{};
  };

  /// Removes the places that have lapsed, and returns whether there were any: then note_change().
  bool sweep(Time now);

  /// `holder` asks: it keeps its place, or takes the last one. The place lapses when it has missed
  /// two of its asks.
  void stand(const HolderId& holder, Duration ttl, Time now, std::int64_t wall_ms);

  /// How many are in line before `holder`; and, while the leases of the key have these `rests`
  /// left, when `holder` is to ask again: in time for its turn, but once in a ttl, or its place
  /// would lapse.
  struct Pause {
    std::size_t ahead = 0;
    Duration length{};
  };
  Pause pause_of(const HolderId& holder, std::vector<Duration> rests, Duration ttl) const;

  /// `holder` no longer waits.
  void leave(const HolderId& holder);

  bool has(const HolderId& holder) const { return find(holder) != places_.end(); }

  /// Whether it has a place and was not passed over.
  bool is_in_line(const HolderId& holder) const;

  /// How many are in line before `holder`: all, if it has no place.
  std::size_t ahead_of(const HolderId& holder) const;

  /// How many of those are one too many for `holder` to take one of so many free slots at once.
  std::size_t passed_by(const HolderId& holder, std::size_t free_slots = 1) const;

  /// From when on `holder` may take one of so many free slots, if the first in line is late at
  /// `late_at` for one of them.
  Time turn_of(const HolderId& holder, Time late_at, std::size_t free_slots = 1) const;

  /// `holder` takes one of so many free slots. Those whom it passes over are returned.
  std::vector<HolderId> serve(const HolderId& holder, Time now, std::uint32_t slot = 0,
                              std::size_t free_slots = 1);

  /// Those who are to be woken, by the slots that somebody has noticed, in order.
  std::vector<Woken> woken(Time now) const;

  /// When the first in line is late for that slot; nothing if nobody has noticed that it is free.
  std::optional<Time> late_at(const Opening& opening, Time now);

  /// Somebody notices now that this slot is free. Returns when the first in line is late.
  Time note_free(const Opening& opening, Time now);

  /// Somebody has left the line while a slot is free. Whoever is next by that is not late yet.
  void note_change(Time now);

  /// In order of arrival, with those who were passed over.
  const std::vector<Place>& places() const { return places_; }
  /// At most one for each slot.
  const std::vector<Late>& late() const { return late_; }
  /// What was read from a file.
  void restore(std::vector<Place> places, std::vector<Late> late) {
    places_ = std::move(places);
    late_ = std::move(late);
  }

  bool operator==(const Queue&) const = default;

 private:
  std::vector<Place>::const_iterator find(const HolderId& holder) const;
  std::vector<Late>::iterator note_of(std::uint32_t slot);

  std::vector<Place> places_;
  std::vector<Late> late_;
};

}  // namespace cluster_leader
