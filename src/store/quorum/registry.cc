#include "store/quorum/registry.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "lease/tally.h"

namespace cluster_leader {

namespace {

using State = LeaseView::State;

/// Whether both views are of the same lease, or of none.
bool agree(const LeaseView& one, const LeaseView& other) {
  const bool is_free = one.holder.value.empty();
  return one.holder == other.holder && (!is_free || one.state == other.state);
}

std::size_t agreeing_with(const LeaseView& view, const std::vector<LeaseView>& views) {
  return static_cast<std::size_t>(std::count_if(
      views.begin(), views.end(), [&](const LeaseView& other) { return agree(view, other); }));
}

/// Longer is later; nothing is without end.
bool ends_later(const LeaseView& one, const LeaseView& other) {
  if (!one.remaining || !other.remaining) return !one.remaining && other.remaining.has_value();
  return *one.remaining > *other.remaining;
}

}  // namespace

LeaseView majority_view(const std::vector<LeaseView>& views, std::size_t servers) {
  const auto best = std::max_element(
      views.begin(), views.end(), [&](const LeaseView& one, const LeaseView& other) {
        const std::size_t of_one = agreeing_with(one, views);
        const std::size_t of_other = agreeing_with(other, views);
        if (of_one != of_other) return of_one < of_other;
        return one.holder.value.empty() && !other.holder.value.empty();
      });
  std::vector<LeaseView> same;
  for (const LeaseView& view : views) {
    if (agree(view, *best)) same.push_back(view);
  }
  std::sort(same.begin(), same.end(), ends_later);
  // A server that has only voted for the holder does not know who that is.
  const auto described = std::max_element(
      same.begin(), same.end(),
      [](const LeaseView& one, const LeaseView& other) { return one.token < other.token; });
  LeaseView view = *described;
  view.remaining = same[std::min(majority_of(servers), same.size()) - 1].remaining;
  for (const LeaseView& other : views) {
    if (other.waiters > view.waiters) view.waiters = other.waiters;
  }
  return view;
}

std::variant<Listing, Failed> QuorumRegistry::list(const std::string& prefix, Duration patience) {
  std::set<std::string> names;
  std::vector<Failed> failures;
  std::size_t unread = 0;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    auto listed = servers_[i].registry->list(prefix, patience);
    if (auto* failed = std::get_if<Failed>(&listed)) {
      failures.push_back(named(i, std::move(*failed)));
      continue;
    }
    const auto& listing = std::get<Listing>(listed);
    for (const LeaseView& view : listing.views) names.insert(view.key.value);
    unread = std::max(unread, listing.unread);
  }
  const std::size_t answered = servers_.size() - failures.size();
  if (answered < majority_of(servers_.size())) return no_majority(answered, failures);
  std::vector<Key> keys;
  keys.reserve(names.size());
  for (const std::string& name : names) keys.push_back({name});
  auto shown = show(keys, patience);
  if (auto* listing = std::get_if<Listing>(&shown)) {
    drop_free_keys(*listing);
    listing->unread += unread;
  }
  return shown;
}

std::variant<Listing, Failed> QuorumRegistry::show(std::span<const Key> keys, Duration patience) {
  std::vector<std::vector<LeaseView>> views(keys.size());
  std::vector<Failed> failures;
  std::optional<Failed> unread_because;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    auto shown = servers_[i].registry->show(keys, patience);
    if (auto* failed = std::get_if<Failed>(&shown)) {
      failures.push_back(named(i, std::move(*failed)));
      continue;
    }
    auto& listing = std::get<Listing>(shown);
    if (listing.failure && !unread_because) unread_because = named(i, *listing.failure);
    for (LeaseView& view : listing.views) {
      const auto key = std::find_if(keys.begin(), keys.end(),
                                    [&](const Key& one) { return one.value == view.key.value; });
      if (key != keys.end()) {
        views[static_cast<std::size_t>(key - keys.begin())].push_back(std::move(view));
      }
    }
  }
  const std::size_t answered = servers_.size() - failures.size();
  if (answered < majority_of(servers_.size())) return no_majority(answered, failures);
  Listing listing;
  for (const std::vector<LeaseView>& of_key : views) {
    if (of_key.size() < majority_of(servers_.size())) {
      const bool is_known = unread_because.has_value();
      add_to(listing, is_known ? *unread_because : no_majority(of_key.size(), failures));
    } else {
      add_to(listing, majority_view(of_key, servers_.size()));
    }
  }
  return listing;
}

std::variant<LeaseView, Failed> QuorumRegistry::look(const Key& key, Duration patience) {
  std::vector<LeaseView> views;
  std::vector<Failed> failures;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    auto looked = servers_[i].registry->look(key, patience);
    if (auto* failed = std::get_if<Failed>(&looked)) {
      failures.push_back(named(i, std::move(*failed)));
      continue;
    }
    views.push_back(std::get<LeaseView>(std::move(looked)));
    if (agreeing_with(views.back(), views) >= majority_of(servers_.size())) break;
  }
  if (views.size() < majority_of(servers_.size())) return no_majority(views.size(), failures);
  return majority_view(views, servers_.size());
}

std::variant<Evicted, Failed> QuorumRegistry::evict(const Key& key, const Eviction& us,
                                                    Duration patience) {
  const auto looked = look(key, patience);
  if (const auto* failed = std::get_if<Failed>(&looked)) return *failed;
  const auto& view = std::get<LeaseView>(looked);
  const auto judgement = judge(view, us);
  if (const auto* failed = std::get_if<Failed>(&judgement)) return *failed;
  const auto kind = std::get<Evicted::Kind>(judgement);
  if (kind != Evicted::Kind::kReleased) return Evicted{kind, view};
  std::size_t free = 0;
  std::vector<Failed> failures;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    auto evicted = servers_[i].registry->evict(key, us, patience);
    if (auto* failed = std::get_if<Failed>(&evicted)) {
      failures.push_back(named(i, std::move(*failed)));
    } else if (std::get<Evicted>(evicted).kind != Evicted::Kind::kOthers) {
      ++free;
    }
  }
  if (free >= majority_of(servers_.size())) return Evicted{kind, view};
  Failed failure = no_majority(free, failures);
  failure.unknown = true;
  return failure;
}

Failed QuorumRegistry::named(std::size_t server, Failed failure) const {
  failure.text.insert(0, servers_[server].name + ": ");
  return failure;
}

Failed QuorumRegistry::no_majority(std::size_t answered,
                                   const std::vector<Failed>& failures) const {
  Failed failure{Trouble::kNotServing, ""};
  for (const Failed& one : failures) {
    if (failure.text.empty() || (is_permanent(failure.trouble) && !is_permanent(one.trouble))) {
      failure = one;
    }
  }
  failure.text = std::to_string(answered) + " of " + std::to_string(servers_.size()) +
                 " servers answered, but " + std::to_string(majority_of(servers_.size())) +
                 " are needed" + (failure.text.empty() ? "" : "; " + failure.text);
  return failure;
}

}  // namespace cluster_leader
