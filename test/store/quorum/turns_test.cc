// How many candidacies of a QuorumStore vote at the same time, on stores that only record.
#include <gtest/gtest.h>

#include <algorithm>

#include "store/quorum/store.h"
#include "support/recording_store.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class QuorumTurnsTest : public testing::Test {
 protected:
  static constexpr std::size_t kMost = QuorumStore::kMostVoting;
  static constexpr Duration kTtl = 10s;

  QuorumTurnsTest() {
    std::vector<QuorumStore::Server> servers;
    for (int i = 0; i < 3; ++i) {
      auto server = std::make_unique<RecordingStore>();
      servers_.push_back(server.get());
      servers.push_back({"server", std::move(server)});
    }
    Candidate candidate;
    candidate.ttl = kTtl;
    store_ = std::make_unique<QuorumStore>(std::move(servers), candidate, 1);
    for (std::size_t i = 0; i < kMost + 2; ++i) {
      store_->add({"job-" + std::to_string(i)});
      store_->set_holder(i, {"web-1/" + std::to_string(i)});
      acquire(i);
    }
  }

  void acquire(std::size_t candidacy) {
    store_->send(candidacy, {.kind = RequestKind::kAcquire, .attempt = ++attempts_, .token = {}},
                 now_);
  }
  void answer_all(std::size_t candidacy, const Answer& answer) {
    for (RecordingStore* server : servers_) server->answers(candidacy, answer);
    store_->advance(Poller(), now_);
  }
  bool was_asked(std::size_t candidacy) const {
    return servers_[0]->candidacies[candidacy].in_flight.has_value();
  }
  /// Both rounds.
  void grant(std::size_t candidacy) {
    answer_all(candidacy, Voted{.fence = {1}, .server_ms = 2});
    answer_all(candidacy, Granted{{2}});
  }

  const Time now_ = Time(1h);
  std::vector<RecordingStore*> servers_;
  std::unique_ptr<QuorumStore> store_;
  std::uint64_t attempts_ = 0;
};

TEST_F(QuorumTurnsTest, OthersWaitUntilBothRoundsOfOneAreOver) {
  EXPECT_TRUE(was_asked(0));
  EXPECT_TRUE(was_asked(kMost - 1));
  EXPECT_FALSE(was_asked(kMost));
  answer_all(0, Voted{.fence = {1}, .server_ms = 2});
  EXPECT_FALSE(was_asked(kMost)) << "one round is over";
  answer_all(0, Granted{{2}});
  EXPECT_TRUE(was_asked(kMost));
  EXPECT_FALSE(was_asked(kMost + 1));
}

TEST_F(QuorumTurnsTest, OneThatIsCancelledMakesRoom) {
  store_->cancel(3);
  EXPECT_TRUE(was_asked(kMost));
  EXPECT_FALSE(was_asked(kMost + 1));
}

TEST_F(QuorumTurnsTest, OneThatIsCancelledBeforeItsTurnIsSkippedAndOneThatAsksAgainIsNot) {
  store_->cancel(kMost);
  store_->cancel(kMost + 1);
  acquire(kMost + 1);
  grant(0);
  EXPECT_FALSE(was_asked(kMost));
  EXPECT_TRUE(was_asked(kMost + 1));
}

TEST_F(QuorumTurnsTest, ARenewalWaitsForNobody) {
  grant(0);
  store_->send(0, {.kind = RequestKind::kRenew, .attempt = ++attempts_, .token = {2}}, now_);
  EXPECT_TRUE(was_asked(0));
}

}  // namespace
}  // namespace cluster_leader
