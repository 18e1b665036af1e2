#pragma once

#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "store/registry.h"

namespace cluster_leader {

/// The leases on several independent servers, as a majority of them has them. It connects to all at
/// once, and asks them in the order in which that succeeds, until a majority agrees. So servers
/// that are silent cost no time unless the others disagree, and then `patience` once.
class QuorumRegistry final : public Registry {
 public:
  struct Server {
    std::string name;  ///< for messages
    std::unique_ptr<Registry> registry;
  };

  explicit QuorumRegistry(std::vector<Server> servers) : servers_(std::move(servers)) {}

  /// The keys in use by a majority of the servers; and those that one of them has in use, as far as
  /// it was asked.
  std::variant<Listing, Failed> list(const std::string& prefix, Duration patience) override;
  std::variant<Listing, Failed> show(std::span<const Key> keys, Duration patience) override;
  std::variant<Listing, Failed> look(const Key& key, Duration patience) override;
  /// Releases the key on every server, and waits for `patience` for those that are silent. It is
  /// released if it is then free on a majority.
  std::variant<Evicted, Failed> evict(const Key& key, const Eviction& us,
                                      Duration patience) override;

 private:
  Failed no_majority(std::size_t answered, const std::vector<Failed>& failures) const;

  std::vector<Server> servers_;
};

/// What a majority of `servers` has at one key, by the views of those that have answered: the
/// holder that a majority names, else the one that most of them name. A lease ends when it has no
/// majority any more. REQUIRES: there is a view.
LeaseView majority_view(const std::vector<LeaseView>& views, std::size_t servers);

}  // namespace cluster_leader
