#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/location.h"
#include "support/grown_server.h"

namespace cluster_leader {

/// A cluster of three primaries, each with a replica unless told otherwise: node 3 replicates node
/// 0, and so on. Node i has the slots from i * 16384 / 3 on. A primary is taken for dead after a
/// second.
class ClusterWorld {
 public:
  struct Settings {
    bool has_replicas = true;
    std::string program = REDIS_SERVER;
    std::vector<std::string> arguments{};  ///< further ones of each server
  };
  ClusterWorld() : ClusterWorld(Settings()) {}
  explicit ClusterWorld(const Settings& settings);

  GrownServer& node(std::size_t number) { return *nodes_[number]; }
  const GrownServer& node(std::size_t number) const { return *nodes_[number]; }
  std::size_t size() const { return nodes_.size(); }

  /// Names the nodes with these numbers.
  std::string url(const std::vector<std::size_t>& numbers = {0}) const;
  ClusterLocation location(const std::vector<std::size_t>& numbers = {0}) const;

  std::uint16_t slot_of(const std::string& key) const;
  /// A key with this beginning whose slot is one of node `number` at first.
  std::string key_on(std::size_t number, const std::string& beginning = "job") const;

  /// The node that has the slot as a primary, as `asked` has it; size() if it does not know.
  std::size_t owner(std::uint16_t slot, std::size_t asked) const;
  std::string id(std::size_t number) const { return nodes_[number]->text({"CLUSTER", "MYID"}); }

  /// CLUSTER FAILOVER by the replica of node `number`. Returns when that has the slots, and when
  /// all nodes know.
  void fail_over(std::size_t number);
  /// Waits until `number` is a primary with slots.
  void await_primary(std::size_t number) const;

  /// Declares that the slot is moved from one primary to another. The keys stay where they are.
  void begin_move(std::uint16_t slot, std::size_t from, std::size_t to);
  /// Moves one key, if it is there.
  void move_key(const std::string& key, std::size_t from, std::size_t to);
  /// The slot is the other node's.
  void end_move(std::uint16_t slot, std::size_t from, std::size_t to);

 private:
  bool is_ready() const;

  std::vector<std::unique_ptr<GrownServer>> nodes_;
};

}  // namespace cluster_leader
