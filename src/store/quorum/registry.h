#pragma once

#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "store/registry.h"

namespace cluster_leader {

/// The leases on several independent servers, as a majority of them has them. It needs the answers
/// of a majority, and gives each server its `patience`, one after the other.
class QuorumRegistry final : public Registry {
 public:
  struct Server {
    std::string name;  ///< for messages
    std::unique_ptr<Registry> registry;
  };

  explicit QuorumRegistry(std::vector<Server> servers) : servers_(std::move(servers)) {}

  /// The keys that any of the servers that answer has in use.
  std::variant<Listing, Failed> list(const std::string& prefix, Duration patience) override;
  std::variant<Listing, Failed> show(std::span<const Key> keys, Duration patience) override;
  /// Asks no further server once a majority has the same holder.
  std::variant<LeaseView, Failed> look(const Key& key, Duration patience) override;
  /// Releases the key on every server. It is released if it is then free on a majority.
  std::variant<Evicted, Failed> evict(const Key& key, const Eviction& us,
                                      Duration patience) override;

 private:
  Failed no_majority(std::size_t answered, const std::vector<Failed>& failures) const;
  Failed named(std::size_t server, Failed failure) const;

  std::vector<Server> servers_;
};

/// What a majority of `servers` has at one key, by the views of those that have answered: the
/// holder that a majority names, else the one that most of them name. A lease ends when it has no
/// majority any more. REQUIRES: there is a view.
LeaseView majority_view(const std::vector<LeaseView>& views, std::size_t servers);

}  // namespace cluster_leader
