#include "store/quorum/registry.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "base/poller.h"
#include "lease/tally.h"
#include "store/failure.h"

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

/// Whether more views could not change what a majority of `servers` has.
bool is_decided(const std::vector<LeaseView>& views, std::size_t servers) {
  return std::any_of(views.begin(), views.end(), [&](const LeaseView& view) {
    return agreeing_with(view, views) >= majority_of(servers);
  });
}

/// For a server that has had its time to connect: it only says how far it has come.
constexpr Duration kNoPatience = std::chrono::milliseconds(1);

/// The servers in the order in which they can be asked: each once it is connected, or that has
/// failed; those that are silent come last.
class Order {
 public:
  Order(const std::vector<QuorumRegistry::Server>& servers, Duration patience)
      : deadline_(BootClock::now() + patience), patience_(patience) {
    for (const auto& server : servers) {
      server.registry->begin(deadline_);
      rest_.push_back(server.registry.get());
    }
  }

  /// The number of the next server; nothing after the last one.
  std::optional<std::size_t> next() {
    if (taken_ == rest_.size()) return std::nullopt;
    // What has happened already is looked at before it waits.
    for (Time until = Time::min();; until = wake_at()) {
      for (Registry* one : rest_) {
        if (one != nullptr) one->watch(poller_);
      }
      const Time now = poller_.wait(until);
      if (now >= deadline_) patience_ = kNoPatience;
      for (std::size_t i = 0; i < rest_.size(); ++i) {
        if (rest_[i] != nullptr && (rest_[i]->advance(poller_, now) || now >= deadline_)) {
          rest_[i] = nullptr;
          ++taken_;
          return i;
        }
      }
    }
  }

  /// For the answer of the last server.
  Duration patience() const { return patience_; }

 private:
  Time wake_at() const {
    Time at = deadline_;
    for (const Registry* one : rest_) {
      if (one != nullptr) at = std::min(at, one->wake_at());
    }
    return at;
  }

  Poller poller_;
  const Time deadline_;
  Duration patience_;
  std::vector<Registry*> rest_;  ///< null: it was returned
  std::size_t taken_ = 0;
};

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
    if (!other.last_run) continue;
    if (!view.last_run || view.last_run->token < other.last_run->token) {
      view.last_run = other.last_run;
    }
  }
  return view;
}

std::variant<Listing, Failed> QuorumRegistry::list(const std::string& prefix, Duration patience) {
  std::set<std::string> names;
  std::vector<Failed> failures;
  std::size_t unread = 0;
  std::size_t answered = 0;
  Order order(servers_, patience);
  while (const auto i = answered < majority_of(servers_.size()) ? order.next() : std::nullopt) {
    auto listed = servers_[*i].registry->list(prefix, order.patience());
    if (auto* failed = std::get_if<Failed>(&listed)) {
      failures.push_back(from_server(servers_[*i].name, std::move(*failed)));
      continue;
    }
    ++answered;
    const auto& listing = std::get<Listing>(listed);
    for (const LeaseView& view : listing.views) names.insert(view.key.value);
    unread = std::max(unread, listing.unread);
  }
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
  std::size_t answered = 0;
  const auto is_done = [&] {
    return answered >= majority_of(servers_.size()) &&
           std::all_of(views.begin(), views.end(), [&](const std::vector<LeaseView>& of_key) {
             return is_decided(of_key, servers_.size());
           });
  };
  Order order(servers_, patience);
  while (const auto i = is_done() ? std::nullopt : order.next()) {
    auto shown = servers_[*i].registry->show(keys, order.patience());
    if (auto* failed = std::get_if<Failed>(&shown)) {
      failures.push_back(from_server(servers_[*i].name, std::move(*failed)));
      continue;
    }
    ++answered;
    auto& listing = std::get<Listing>(shown);
    if (listing.failure && !unread_because)
      unread_because = from_server(servers_[*i].name, *listing.failure);
    for (LeaseView& view : listing.views) {
      const auto key = std::find_if(keys.begin(), keys.end(),
                                    [&](const Key& one) { return one.value == view.key.value; });
      if (key != keys.end()) {
        views[static_cast<std::size_t>(key - keys.begin())].push_back(std::move(view));
      }
    }
  }
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

std::variant<Listing, Failed> QuorumRegistry::look(const Key& key, Duration patience) {
  std::vector<LeaseView> views;
  std::vector<Failed> failures;
  Order order(servers_, patience);
  while (const auto i = is_decided(views, servers_.size()) ? std::nullopt : order.next()) {
    auto looked = servers_[*i].registry->look(key, order.patience());
    if (auto* failed = std::get_if<Failed>(&looked)) {
      failures.push_back(from_server(servers_[*i].name, std::move(*failed)));
      continue;
    }
    views.push_back(std::get<Listing>(std::move(looked)).views.front());
  }
  if (views.size() < majority_of(servers_.size())) return no_majority(views.size(), failures);
  Listing listing;
  listing.views.push_back(majority_view(views, servers_.size()));
  return listing;
}

std::variant<Evicted, Failed> QuorumRegistry::evict(const Key& key, const Eviction& us,
                                                    Duration patience) {
  const auto looked = look(key, patience);
  if (const auto* failed = std::get_if<Failed>(&looked)) return *failed;
  const LeaseView& view = std::get<Listing>(looked).views.front();
  const auto judgement = judge(view, us);
  if (const auto* failed = std::get_if<Failed>(&judgement)) return *failed;
  const auto kind = std::get<Evicted::Kind>(judgement);
  if (changes_nothing(kind)) return Evicted{kind, view};
  // One that has only voted for the holder does not know whose node that is.
  Eviction eviction = us;
  eviction.holder = view.holder;
  std::size_t done = 0;
  std::vector<Failed> failures;
  Order order(servers_, patience);
  while (const auto i = order.next()) {
    auto evicted = servers_[*i].registry->evict(key, eviction, order.patience());
    if (auto* failed = std::get_if<Failed>(&evicted)) {
      failures.push_back(from_server(servers_[*i].name, std::move(*failed)));
    } else {
      // A server without the lease can tell its holder nothing.
      const auto there = std::get<Evicted>(evicted).kind;
      if (kind == Evicted::Kind::kAsked ? there == kind : there != Evicted::Kind::kOthers) ++done;
    }
  }
  if (done >= majority_of(servers_.size())) return Evicted{kind, view};
  Failed failure = no_majority(done, failures);
  failure.unknown = true;
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
