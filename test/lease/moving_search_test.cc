// Visits every order of events around the move of a name: a holder renews, a rival asks, a replica
// is promoted and the name comes to lead to it, while the old server goes on as before. Servers are
// ModelServers, connections are Freshness, and time passes in sixths of the shortest ttl.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lease/freshness.h"
#include "lease/overlap_search.h"
#include "support/model_server.h"

namespace cluster_leader {
namespace {

using Verdict = ModelServer::Verdict;

constexpr int kTtl = ModelServer::kTtl;
constexpr Duration kTick = Duration(std::chrono::seconds(1)) / kTtl;
/// The longest that Timeline::fault() allows.
constexpr int kHeartbeat = kTtl / 3;
/// After this, nothing new happens: every lock of the old server has ended.
constexpr int kHorizon = 3 * kTtl;

/// Rules that a test can switch off, to see that the search would find the overlap.
struct Rules {
  bool holder_checks = true;
  bool grants_are_checked = true;
  bool promotion_is_noticed = true;
};

/// A connection of a client to one of the two servers.
struct Line {
  int server = 0;
  Freshness freshness{kTtl * kTick};
  /// What `freshness` was told, for encode().
  int confirmed_at = 0;
  bool expects_check = false;
  /// A check that has begun: which server it has found, and when.
  std::optional<std::pair<int, int>> check{};
};

class World {
 public:
  explicit World(const Rules& rules) : rules_(rules) {
    servers_[0].execute({.kind = RequestKind::kAcquire, .id = kHolder}, ++last_number_);
    for (Line* line : {&holder_, &rival_}) line->freshness.confirm(Time{});
    expect_check();
  }

  struct Step {
    std::string name;
    std::function<void(World&)> take;
  };

  /// Everything that can happen now.
  std::vector<Step> steps() const {
    std::vector<Step> steps;
    const auto add = [&](std::string name, std::function<void(World&)> take) {
      steps.push_back({std::move(name), std::move(take)});
    };
    add_holder(add);
    add_rival(add);
    if (is_replicating_) {
      add("the replica stays behind", [](World& w) { w.stop_replication(); });
    } else if (name_ == 0) {
      add("the name moves", [](World& w) { w.name_ = 1; });
    }
    if (now_ < kHorizon && !must_renew() && !must_check() && !must_conclude()) {
      add("time passes", [](World& w) { w.pass(); });
    }
    return steps;
  }

  bool overlaps() const { return holder_lives() && rival_lives(); }

  std::string encode() const {
    std::string text;
    const auto number = [&](int n) { text.push_back(static_cast<char>(n)); };
    for (const ModelServer& server : servers_) server.encode(text, number, number);
    for (const Line* line : {&holder_, &rival_}) {
      number(line->server);
      number(line->confirmed_at);
      number(int{line->expects_check});
      number(line->check ? line->check->first * 64 + line->check->second : -1);
    }
    for (const int n :
         {now_, name_, int{is_replicating_}, renewed_at_, int{holder_is_lost_}, rival_asked_at_,
          int{rival_is_granted_}, int{rival_runs_}, asked_in_tick_}) {
      number(n);
    }
    return text;
  }

 private:
  static constexpr int kHolder = 1;
  static constexpr int kRival = 2;

  Time time() const { return Time{} + now_ * kTick; }

  bool holder_lives() const { return !holder_is_lost_ && now_ - renewed_at_ < kTtl; }
  bool rival_lives() const { return rival_runs_ && now_ - rival_asked_at_ < kTtl; }

  bool must_renew() const { return holder_lives() && now_ - renewed_at_ >= kHeartbeat; }
  bool must_check() const {
    return rules_.holder_checks && holder_lives() && !holder_.check &&
           time() >= holder_.freshness.check_at();
  }
  /// A check takes a tick at most.
  bool must_conclude() const {
    return (holder_.check && now_ > holder_.check->second) ||
           (rival_.check && now_ > rival_.check->second);
  }

  template <typename Add>
  void add_holder(const Add& add) const {
    if (holder_lives() && now_ > renewed_at_) {
      add("the holder renews", [](World& w) { w.renew(); });
    }
    if (must_check()) {
      add("the holder begins a check", [](World& w) {
        w.holder_.freshness.forget_check();
        w.holder_.expects_check = false;
        w.holder_.check = {w.name_, w.now_};
      });
    }
    if (holder_.check) {
      add("the holder ends its check", [](World& w) { w.conclude(w.holder_); });
    }
  }

  template <typename Add>
  void add_rival(const Add& add) const {
    if (rival_runs_) return;
    if (!rival_is_granted_ && asked_in_tick_ < 2) {
      add("the rival asks", [](World& w) { w.ask(); });
    }
    if (!rival_is_granted_ && rival_.server != name_) {
      add("the rival connects anew", [](World& w) {
        w.rival_.server = w.name_;
        w.confirm(w.rival_, w.now_);
      });
    }
    if (!rival_is_granted_) return;
    if (!rival_.check) {
      add("the rival begins a check", [](World& w) { w.rival_.check = {w.name_, w.now_}; });
    } else {
      add("the rival ends its check", [](World& w) {
        const bool is_same = w.rival_.check->first == w.rival_.server;
        w.conclude(w.rival_);
        w.rival_is_granted_ = false;
        if (is_same) {
          w.rival_runs_ = true;
        } else {
          w.ask();
        }
      });
    }
  }

  void pass() {
    ++now_;
    asked_in_tick_ = 0;
    for (ModelServer& server : servers_) server.tick();
  }

  void stop_replication() {
    is_replicating_ = false;
    if (rules_.promotion_is_noticed) {
      servers_[1].promote(servers_[0]);
    } else {
      servers_[1] = servers_[0];
    }
  }

  void renew() {
    // The token is that of the only lease so far.
    const ModelServer::Request request{.kind = RequestKind::kRenew, .id = kHolder, .token = 1};
    if (servers_[static_cast<std::size_t>(holder_.server)].execute(request, 0).verdict ==
        Verdict::kRenewed) {
      renewed_at_ = now_;
      expect_check();
    } else {
      holder_is_lost_ = true;
    }
  }

  void expect_check() {
    if (holder_.check) return;
    holder_.freshness.expect_check();
    holder_.expects_check = true;
  }

  void ask() {
    ++asked_in_tick_;
    const ModelServer::Request request{
        .kind = RequestKind::kAcquire, .id = kRival, .node = ModelServer::Node::kRival};
    auto& server = servers_[static_cast<std::size_t>(rival_.server)];
    if (server.execute(request, last_number_ + 1).verdict != Verdict::kGranted) return;
    rival_asked_at_ = now_;
    if (rival_.freshness.counts(time()) || !rules_.grants_are_checked) {
      rival_runs_ = true;
    } else {
      rival_is_granted_ = true;
    }
  }

  void confirm(Line& line, int at) {
    line.freshness.confirm(Time{} + at * kTick);
    line.confirmed_at = std::max(line.confirmed_at, at);
  }

  void conclude(Line& line) {
    const auto [server, at] = *std::exchange(line.check, std::nullopt);
    line.server = server;
    confirm(line, at);
  }

  Rules rules_;
  std::array<ModelServer, 2> servers_;  ///< the second one has taken over what the first one had
  int last_number_ = 0;
  int now_ = 0;
  int name_ = 0;  ///< the server that the name leads to
  bool is_replicating_ = true;
  Line holder_;
  int renewed_at_ = 0;
  bool holder_is_lost_ = false;
  Line rival_;
  int rival_asked_at_ = 0;
  bool rival_is_granted_ = false;
  bool rival_runs_ = false;
  int asked_in_tick_ = 0;
};

std::string overlap_under(const Rules& rules, std::size_t* visited = nullptr) {
  return find_overlap(World(rules), visited);
}

TEST(MovingSearch, AJobNeverLivesBesideTheRivalsWhenTheNameMoves) {
  std::size_t visited = 0;
  EXPECT_EQ(overlap_under({}, &visited), "");
  EXPECT_GT(visited, 10'000U) << "the search does not get far";
}

TEST(MovingSearch, FindsTheOverlapIfAHolderStaysOnItsConnection) {
  EXPECT_NE(overlap_under({.holder_checks = false}), "");
}

TEST(MovingSearch, FindsTheOverlapIfAGrantOverAnOldConnectionCounts) {
  EXPECT_NE(overlap_under({.grants_are_checked = false}), "");
}

TEST(MovingSearch, FindsTheOverlapIfAPromotedServerIsNotYoung) {
  EXPECT_NE(overlap_under({.promotion_is_noticed = false}), "");
}

}  // namespace
}  // namespace cluster_leader
