#include "store/cluster/registry.h"

#include <algorithm>
#include <iterator>
#include <thread>
#include <tuple>

#include "store/failure.h"

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
    if (!failure) failure = from_server(describe(endpoint), std::get<Failed>(std::move(answered)));
    if (is_permanent(failure->trouble)) break;
  }
  return failure;
}

const SlotRange* ClusterRegistry::range_of(const Key& key) const {
  return range_with(slot_of(key.value), ranges_);
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
    if (failure && !all.failure) all.failure = from_server(describe(primary), *std::move(failure));
  }
  std::sort(all.views.begin(), all.views.end(), [](const LeaseView& one, const LeaseView& other) {
    return std::tie(one.key.value, one.slot) < std::tie(other.key.value, other.slot);
  });
  return all;
}

std::variant<Listing, Failed> ClusterRegistry::show(std::span<const Key> keys, Duration patience) {
  const Time deadline = BootClock::now() + kLongestList * patience;
  if (auto failed = find_slots(patience)) return *std::move(failed);
  // Those of one node together, as long as it answers.
  std::map<std::string, std::vector<Key>> keys_of;
  std::map<std::string, Endpoint> owners;
  for (const Key& key : keys) {
    const SlotRange* const range = range_of(key);
    const std::string owner = range != nullptr ? describe(range->primary) : std::string();
    keys_of[owner].push_back(key);
    if (range != nullptr) owners[owner] = range->primary;
  }
  Listing all;
  for (const auto& [name, group] : keys_of) {
    if (BootClock::now() >= deadline) {
      all.unread += group.size();
      if (!all.failure)
        all.failure = Failed{Trouble::kUnreachable, "reading the keys takes too long"};
    } else if (name.empty()) {
      show_one_by_one(group, patience, deadline, all);
    } else {
      show_at(owners.at(name), group, patience, deadline, all);
    }
  }
  std::vector<LeaseView> in_order;
  for (const Key& key : keys) {
    std::copy_if(all.views.begin(), all.views.end(), std::back_inserter(in_order),
                 [&](const LeaseView& one) { return one.key.value == key.value; });
  }
  all.views = std::move(in_order);
  return all;
}

/// Shows keys that one node has, as far as is known.
void ClusterRegistry::show_at(const Endpoint& owner, const std::vector<Key>& keys,
                              Duration patience, Time deadline, Listing& all) {
  RedisRegistry& node = node_at(owner);
  auto shown = node.show(keys, patience);
  if (node.redirection() || node.is_moving_key()) {
    return show_one_by_one(keys, patience, deadline, all);
  }
  if (auto* failed = std::get_if<Failed>(&shown)) {
    all.unread += keys.size();
    if (!all.failure) all.failure = from_server(describe(owner), std::move(*failed));
    return;
  }
  auto& listing = std::get<Listing>(shown);
  std::move(listing.views.begin(), listing.views.end(), std::back_inserter(all.views));
  all.unread += listing.unread;
  if (listing.failure && !all.failure)
    all.failure = from_server(describe(owner), *std::move(listing.failure));
}

void ClusterRegistry::show_one_by_one(const std::vector<Key>& keys, Duration patience,
                                      Time deadline, Listing& all) {
  for (const Key& key : keys) {
    const Duration left = std::min(patience, deadline - BootClock::now());
    const auto ask = [&](RedisRegistry& node) -> std::variant<Listing, Failed> {
      auto shown = node.show(std::span(&key, 1), left);
      auto* const one = std::get_if<Listing>(&shown);
      if (one != nullptr && one->failure) return *std::move(one->failure);
      return shown;
    };
    auto shown = ask_owner<Listing>(key, left, ask);
    if (auto* failed = std::get_if<Failed>(&shown)) {
      add_to(all, std::move(*failed));
    } else {
      for (LeaseView& view : std::get<Listing>(shown).views) add_to(all, std::move(view));
    }
  }
}

std::variant<Listing, Failed> ClusterRegistry::look(const Key& key, Duration patience) {
  return ask_owner<Listing>(key, patience,
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
  std::optional<Failed> first;  // which says more than where the others send us
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
    is_asking = redirection && !redirection->is_for_good;
    if (!redirection && !first) first = from_server(describe(endpoint), *failed);
    if (redirection && !is_over) {
      endpoint = redirection->node;
    } else if (node.is_moving_key() && !is_over) {
      // Of what we look at, some is here and some is there.
      std::this_thread::sleep_for(kPause);
      endpoint = known.front();
    } else if (!redirection && !is_over && failed->trouble == Trouble::kUnreachable &&
               !failed->unknown && tried < known.size()) {
      endpoint = known[tried++];
    } else if (first) {
      return *std::move(first);
    } else {
      return Failed{
          Trouble::kNotServing,
          "the nodes of the cluster do not agree on which of them has the key: try again"};
    }
  }
}

}  // namespace cluster_leader
