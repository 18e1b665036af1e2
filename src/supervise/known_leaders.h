#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "lease/election.h"

namespace cluster_leader {

/// What the front of an election knows about its keys, and which leases it would have to release if
/// its keeper died.
class KnownLeaders {
 public:
  explicit KnownLeaders(std::size_t keys) : known_(keys) {}

  std::size_t size() const { return known_.size(); }
  const Leadership& at(std::size_t index) const { return known_[index]; }
  /// How many of the keys we lead.
  std::size_t led() const { return led_; }
  /// Whether something is known about each key.
  bool are_complete() const { return heard_of_ == known_.size(); }

  /// The key with number `index` has this state now.
  void update(std::size_t index, const Leadership& leadership);
  /// We led the key, and nothing says that the lease has been released.
  void record_unreleased(std::size_t index, const Leadership& leadership);
  /// What we have led last, by key, where the keeper may still have the lease: it releases a lease
  /// after it has stopped leading, and may die before. Forgets them.
  std::map<std::size_t, Leadership> take_unreleased();

 private:
  std::vector<Leadership> known_;
  std::map<std::size_t, Leadership> unreleased_;
  std::size_t heard_of_ = 0;
  std::size_t led_ = 0;
};

}  // namespace cluster_leader
