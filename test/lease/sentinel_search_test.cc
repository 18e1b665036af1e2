// Visits every order of events around a failover by Sentinels: a holder renews, a rival asks, a
// replica is promoted and the Sentinels come to name it one after the other, while the old primary
// goes on as before, and anybody may be cut off from any Sentinel. Servers are ModelServers, what
// counts is what a Majority says, and time passes in sixths of the ttl.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lease/majority.h"
#include "lease/overlap_search.h"
#include "support/model_server.h"

namespace cluster_leader {
namespace {

using Verdict = ModelServer::Verdict;

constexpr int kTtl = ModelServer::kTtl;
/// The longest that Timeline::fault() allows.
constexpr int kHeartbeat = kTtl / 3;
/// How long a request may take; then it is cancelled.
constexpr int kAttempt = 1;
constexpr std::size_t kSentinels = 3;

/// Rules that a test can switch off, to see that the search would find the overlap.
struct Rules {
  bool needs_majority = true;          ///< one Sentinel is not enough
  bool renewals_are_confirmed = true;  ///< they count only if the server is named afterwards
  bool grants_are_confirmed = true;    ///< the same for grants
  bool promotion_is_noticed = true;
};

/// A client of one of the two servers, and of the Sentinels.
struct Client {
  int server = -1;  ///< at the end of its line; -1: none
  /// The request that is on its way, or whose answer is held back.
  bool is_pending = false;
  bool is_executed = false;
  int sent_at = 0;
  /// What each Sentinel has answered in this round; -1: nothing yet.
  std::array<int, kSentinels> answers = {-1, -1, -1};
};

class World {
 public:
  explicit World(const Rules& rules) : rules_(rules) {
    servers_[0].execute({.kind = RequestKind::kAcquire, .id = kHolder}, ++last_number_);
    holder_.server = 0;
  }

  struct Step {
    std::string name;
    std::function<void(World&)> take;
  };

  /// Everything that can happen now.
  std::vector<Step> steps() const {
    std::vector<Step> steps;
    // Its job is dead and does not start again.
    if (!holder_lives()) return steps;
    const auto add = [&](std::string name, std::function<void(World&)> take) {
      steps.push_back({std::move(name), std::move(take)});
    };
    add_servers(add);
    add_holder(add);
    add_rival(add);
    const bool must_end = is_late(holder_) || is_late(rival_);
    const bool must_renew =
        holder_lives() && !holder_.is_pending && now_ - renewed_at_ >= kHeartbeat;
    if (!must_end && !must_renew) {
      add("time passes", [](World& w) {
        ++w.now_;
        for (ModelServer& server : w.servers_) server.tick();
      });
    }
    return steps;
  }

  bool overlaps() const { return holder_lives() && rival_lives(); }

  /// Without the time, so that the search ends though time does not.
  std::string encode() const {
    std::string text;
    const auto number = [&](int n) { text.push_back(static_cast<char>(n)); };
    // The holder's token is 1. All later ones are the same to it.
    const auto token = [&](int n) { number(std::min(n, 2)); };
    for (const ModelServer& server : servers_) server.encode(text, number, token);
    for (const Client* one : {&holder_, &rival_}) {
      number(one->server);
      number(one->is_pending ? 1 + int{one->is_executed} + 2 * (now_ - one->sent_at) : 0);
    }
    // Sentinels have no names.
    std::array<int, kSentinels> sentinels{};
    for (std::size_t i = 0; i < kSentinels; ++i) {
      sentinels[i] = 9 * int{names_[i]} + 3 * answer(holder_, i) + answer(rival_, i);
    }
    std::sort(sentinels.begin(), sentinels.end());
    for (const int n : sentinels) number(n);
    for (const int n : {int{is_promoted_}, now_ - renewed_at_, int{holder_is_lost_},
                        rival_runs_ ? now_ - rival_granted_at_ : -1}) {
      number(n);
    }
    return text;
  }

 private:
  static constexpr int kHolder = 1;
  static constexpr int kRival = 2;

  static int answer(const Client& client, std::size_t sentinel) {
    return client.is_pending ? client.answers[sentinel] + 1 : 0;
  }

  bool holder_lives() const { return !holder_is_lost_ && now_ - renewed_at_ < kTtl; }
  bool rival_lives() const { return rival_runs_ && now_ - rival_granted_at_ < kTtl; }
  bool is_late(const Client& client) const {
    return client.is_pending && now_ - client.sent_at >= kAttempt;
  }

  /// The server that a majority has named in this round.
  std::optional<int> named(const Client& client) const {
    Majority majority(kSentinels);
    for (std::size_t i = 0; i < kSentinels; ++i) {
      if (client.answers[i] < 0) continue;
      if (!rules_.needs_majority) return client.answers[i];
      majority.record(std::to_string(i), std::to_string(client.answers[i]), kSentinels, 1);
    }
    const auto agreed = majority.agreed(1);
    return agreed ? std::optional(std::stoi(*agreed)) : std::nullopt;
  }

  template <typename Add>
  void add_servers(const Add& add) const {
    if (!is_promoted_) {
      add("the replica is promoted", [](World& w) {
        w.is_promoted_ = true;
        if (w.rules_.promotion_is_noticed) {
          w.servers_[1].promote(w.servers_[0]);
        } else {
          w.servers_[1] = w.servers_[0];
        }
        // It has not heard of the lease.
        w.servers_[1].lose_data();
        if (w.rules_.promotion_is_noticed) w.servers_[1].promote(w.servers_[1]);
      });
    }
    for (std::size_t i = 0; i < kSentinels; ++i) {
      if (!is_promoted_ || names_[i]) continue;
      add("a Sentinel names it", [i](World& w) { w.names_[i] = true; });
    }
  }

  template <typename Add>
  void add_answers(const Add& add, Client World::*who, const char* whom) const {
    for (std::size_t i = 0; i < kSentinels; ++i) {
      if ((this->*who).answers[i] >= 0) continue;
      add(std::string("a Sentinel answers ") + whom, [i, who](World& w) {
        (w.*who).answers[i] = int{w.names_[i]};
        who == &World::holder_ ? w.follow_holder() : w.follow_rival();
      });
    }
  }

  template <typename Add>
  void add_holder(const Add& add) const {
    if (holder_lives() && !holder_.is_pending && now_ > renewed_at_) {
      add("the holder renews", [](World& w) {
        w.holder_ = {.server = w.holder_.server, .is_pending = true, .sent_at = w.now_};
        w.execute_renewal();
        if (!w.rules_.renewals_are_confirmed) w.count_renewal();
      });
    }
    if (!holder_.is_pending) return;
    add_answers(add, &World::holder_, "the holder");
    add("the holder's attempt ends", [](World& w) { w.holder_.is_pending = false; });
  }

  template <typename Add>
  void add_rival(const Add& add) const {
    if (rival_runs_) return;
    if (!rival_.is_pending) {
      // It may have been connected for long, or asks where to go.
      if (rival_.server >= 0) {
        add("the rival asks for the key", [](World& w) {
          w.rival_ = {.server = w.rival_.server, .is_pending = true, .sent_at = w.now_};
        });
      }
      add("the rival looks for the server",
          [](World& w) { w.rival_ = {.server = -1, .is_pending = true, .sent_at = w.now_}; });
      return;
    }
    if (rival_.server >= 0 && !rival_.is_executed) {
      add("the key is asked for", [](World& w) { w.execute_acquire(); });
    }
    if (rival_.server < 0 || rival_.is_executed) add_answers(add, &World::rival_, "the rival");
    add("the rival's attempt ends", [](World& w) { w.rival_.is_pending = false; });
  }

  void execute_renewal() {
    // The token is that of the only lease so far.
    const ModelServer::Request request{.kind = RequestKind::kRenew, .id = kHolder, .token = 1};
    auto& server = servers_[static_cast<std::size_t>(holder_.server)];
    if (server.execute(request, 0).verdict == Verdict::kRenewed) {
      holder_.is_executed = true;
    } else {
      holder_is_lost_ = true;
      holder_.is_pending = false;
    }
  }

  void count_renewal() {
    if (!holder_.is_executed) return;
    renewed_at_ = holder_.sent_at;
    holder_.is_pending = false;
  }

  void follow_holder() {
    const auto server = named(holder_);
    if (!server) return;
    if (*server != holder_.server) {
      holder_.server = *server;
      execute_renewal();
    }
    count_renewal();
  }

  void execute_acquire() {
    const ModelServer::Request request{
        .kind = RequestKind::kAcquire, .id = kRival, .node = ModelServer::Node::kRival};
    auto& server = servers_[static_cast<std::size_t>(rival_.server)];
    if (server.execute(request, last_number_ + 1).verdict != Verdict::kGranted) {
      rival_.is_pending = false;
      return;
    }
    rival_.is_executed = true;
    rival_.answers = {-1, -1, -1};
    if (!rules_.grants_are_confirmed) start_rival();
  }

  void follow_rival() {
    const auto server = named(rival_);
    if (!server) return;
    if (rival_.is_executed && *server == rival_.server) return start_rival();
    rival_.server = *server;
    rival_.is_executed = false;
  }

  void start_rival() {
    rival_runs_ = true;
    rival_granted_at_ = rival_.sent_at;
    rival_.is_pending = false;
  }

  Rules rules_;
  std::array<ModelServer, 2> servers_;    ///< the second one is a replica of the first
  std::array<bool, kSentinels> names_{};  ///< whether each names the second one
  int last_number_ = 0;
  int now_ = 0;
  bool is_promoted_ = false;
  Client holder_;
  int renewed_at_ = 0;
  bool holder_is_lost_ = false;
  Client rival_;
  int rival_granted_at_ = 0;
  bool rival_runs_ = false;
};

std::string overlap_under(const Rules& rules, std::size_t* visited = nullptr) {
  return find_overlap(World(rules), visited);
}

TEST(SentinelSearch, AJobNeverLivesBesideTheRivalsAtAFailover) {
  std::size_t visited = 0;
  EXPECT_EQ(overlap_under({}, &visited), "");
  EXPECT_GT(visited, 100'000U) << "the search does not get far";
}

TEST(SentinelSearch, FindsTheOverlapIfOneSentinelIsEnough) {
  EXPECT_NE(overlap_under({.needs_majority = false}), "");
}

TEST(SentinelSearch, FindsTheOverlapIfARenewalCountsWithoutTheSentinels) {
  EXPECT_NE(overlap_under({.renewals_are_confirmed = false}), "");
}

TEST(SentinelSearch, FindsTheOverlapIfAGrantCountsWithoutTheSentinels) {
  EXPECT_NE(overlap_under({.grants_are_confirmed = false}), "");
}

TEST(SentinelSearch, FindsTheOverlapIfAPromotedServerIsNotYoung) {
  EXPECT_NE(overlap_under({.promotion_is_noticed = false}), "");
}

}  // namespace
}  // namespace cluster_leader
