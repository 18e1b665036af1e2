#include "store/cluster/registry.h"

#include <algorithm>
#include <thread>

namespace cluster_leader {

namespace {

/// A key is looked for on so many nodes at most, and again so often while its slot is being moved.
constexpr int kMostHops = 6;
constexpr Duration kPause = std::chrono::milliseconds(50);

}  // namespace

RedisRegistry& ClusterRegistry::node_at(const Endpoint& endpoint) {
  auto& node = nodes_[describe(endpoint)];
  if (!node) {
    node = std::make_unique<RedisRegistry>(at(location_.node, endpoint), RedisCaller::Role::kNode);
  }
  return *node;
}

Failed ClusterRegistry::at_node(const Endpoint& endpoint, Failed failure) const {
  failure.text = describe(endpoint) + ": " + failure.text;
  return failure;
}

/// Finds out which node has which slots. Returns why no node could be asked; that they do not say
/// is no failure.
std::optional<Failed> ClusterRegistry::find_slots(Duration patience) {
  std::vector<Endpoint> known = location_.nodes;
  for (const SlotRange& range : ranges_) known.push_back(range.primary);
  std::optional<Failed> failure;
  for (const Endpoint& endpoint : known) {
    auto answered = node_at(endpoint).slots(patience);
    if (auto* ranges = std::get_if<std::vector<SlotRange>>(&answered)) {
      ranges_ = std::move(*ranges);
      return std::nullopt;
    }
    if (!failure) failure = at_node(endpoint, std::get<Failed>(std::move(answered)));
    if (is_permanent(failure->trouble)) break;
  }
  return failure;
}

const SlotRange* ClusterRegistry::range_of(const Key& key) const {
  const std::uint16_t slot = slot_of(key.value);
  const auto found = std::find_if(ranges_.begin(), ranges_.end(), [&](const SlotRange& range) {
    return range.first <= slot && slot <= range.last;
  });
  return found == ranges_.end() ? nullptr : &*found;
}

std::variant<Listing, Failed> ClusterRegistry::list(const std::string& prefix, Duration patience) {
  if (auto failed = find_slots(patience)) return *std::move(failed);
  if (ranges_.empty()) {
    return Failed{Trouble::kDenied,
                  "cannot list the keys: no node says which others there are (is the right "
                  "cluster|slots missing?); name the keys"};
  }
  std::vector<Endpoint> primaries;
  for (const SlotRange& range : ranges_) {
    const bool is_known =
        std::find(primaries.begin(), primaries.end(), range.primary) != primaries.end();
    if (!is_known) primaries.push_back(range.primary);
  }
  Listing all;
  for (const Endpoint& primary : primaries) {
    auto listed = node_at(primary).list(prefix, patience);
    std::optional<Failed> failure;
    if (auto* listing = std::get_if<Listing>(&listed)) {
      std::move(listing->views.begin(), listing->views.end(), std::back_inserter(all.views));
      all.unread += listing->unread;
      failure = std::move(listing->failure);
    } else {
      failure = std::get<Failed>(std::move(listed));
    }
    if (failure && !all.failure) all.failure = at_node(primary, *std::move(failure));
  }
  std::sort(all.views.begin(), all.views.end(), [](const LeaseView& one, const LeaseView& other) {
    return one.key.value < other.key.value;
  });
  return all;
}

std::variant<Listing, Failed> ClusterRegistry::show(std::span<const Key> keys, Duration patience) {
  if (auto failed = find_slots(patience)) return *std::move(failed);
  Listing listing;
  for (const Key& key : keys) {
    const auto ask = [&](RedisRegistry& node) -> std::variant<LeaseView, Failed> {
      auto shown = node.show(std::span(&key, 1), patience);
      if (auto* failed = std::get_if<Failed>(&shown)) return std::move(*failed);
      auto& one = std::get<Listing>(shown);
      if (one.failure) return *std::move(one.failure);
      return std::move(one.views.front());
    };
    add_to(listing, ask_owner<LeaseView>(key, patience, ask));
  }
  return listing;
}

std::variant<LeaseView, Failed> ClusterRegistry::look(const Key& key, Duration patience) {
  return ask_owner<LeaseView>(key, patience,
                              [&](RedisRegistry& node) { return node.look(key, patience); });
}

std::variant<Evicted, Failed> ClusterRegistry::evict(const Key& key, const Eviction& us,
                                                     Duration patience) {
  return ask_owner<Evicted>(key, patience,
                            [&](RedisRegistry& node) { return node.evict(key, us, patience); });
}

/// Asks the node that has the key, wherever that is.
template <typename Result>
std::variant<Result, Failed> ClusterRegistry::ask_owner(
    const Key& key, Duration patience,
    const std::function<std::variant<Result, Failed>(RedisRegistry& node)>& ask) {
  const SlotRange* const range = range_of(key);
  std::vector<Endpoint> known = location_.nodes;
  if (range != nullptr) known.insert(known.begin(), range->primary);
  Endpoint endpoint = known.front();
  std::size_t tried = 1;
  bool is_asking = false;
  const Time deadline = BootClock::now() + patience;
  for (int hops = 0;; ++hops) {
    RedisRegistry& node = node_at(endpoint);
    node.set_asking(is_asking);
    auto result = ask(node);
    node.set_asking(false);
    auto* failed = std::get_if<Failed>(&result);
    if (failed == nullptr) return result;
    const auto redirection = node.redirection();
    const bool is_over = hops >= kMostHops || BootClock::now() >= deadline;
    if (redirection && !is_over) {
      endpoint = redirection->node;
      is_asking = !redirection->is_for_good;
    } else if (node.is_moving_key() && !is_over) {
      // Of what we look at, some is here and some is there.
      std::this_thread::sleep_for(kPause);
      endpoint = known.front();
      is_asking = false;
    } else if (failed->trouble == Trouble::kUnreachable && !failed->unknown &&
               tried < known.size()) {
      endpoint = known[tried++];
      is_asking = false;
    } else {
      return at_node(endpoint, std::move(*failed));
    }
  }
}

}  // namespace cluster_leader
