#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "histories/world.h"
#include "support/cluster_world.h"

namespace cluster_leader::histories {

/// A Cluster of three primaries with a replica each. One fault of the servers happens at a time.
/// Candidates and servers reach each other directly.
class ClusterGroup : public World {
 public:
  explicit ClusterGroup(const Plan& plan);

  std::vector<std::string> options(int candidate) const override;
  bool begin(const Fault& fault) override;
  void end(const Fault& fault) override;

 private:
  struct Move {
    std::size_t from;
    std::size_t to;
  };
  /// The node that has the slot of the key by the word of the others; size() if they do not know.
  std::size_t owner() const;
  bool set_slot(std::size_t node, const std::string& what, std::size_t other) const;
  bool begin_move();
  void end_move();

  ClusterWorld nodes_;
  const std::uint16_t slot_;
  std::optional<std::size_t> harmed_;  ///< the node that is frozen or down
  std::optional<Move> move_;
};

}  // namespace cluster_leader::histories
