// A QuorumStore on simulated servers: what it sends to whom, and what it makes of their answers.
#include "store/quorum/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/quorum/simulation.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

constexpr Duration kTtl = 3s;
const Duration kLimit = QuorumStore::limit(kTtl);

/// One candidate without a supervisor.
class Member {
 public:
  Member(Future& future, std::vector<std::unique_ptr<SimulatedServer>>& servers,
         const Network& network, std::mt19937& random, const std::string& name)
      : future_(future), name_(name) {
    std::vector<QuorumStore::Server> stores;
    for (auto& server : servers) {
      auto store = std::make_unique<SimulatedStore>(future, *server, network, random);
      to_.push_back(store.get());
      stores.push_back({"server-" + std::to_string(to_.size()), std::move(store)});
    }
    Candidate candidate;
    candidate.ttl = kTtl;
    store_ = std::make_unique<QuorumStore>(std::move(stores), candidate, random());
    store_->add({"job"});
    use_new_id();
  }

  void use_new_id() { store_->set_holder(0, {id_ = name_ + "/" + std::to_string(++ids_)}); }
  const std::string& id() const { return id_; }
  SimulatedStore& to(std::size_t server) { return *to_[server - 1]; }
  QuorumStore& store() { return *store_; }

  void send(RequestKind kind, Token token = {}) {
    answer_.reset();
    asked_at_ = future_.now();
    store_->send(0, {kind, ++attempt_, token, {}, {}}, asked_at_);
  }
  void turn(const Poller& poller) {
    store_->advance(poller, future_.now());
    while (const auto event = store_->next()) {
      if (const auto* answered = std::get_if<Answered>(&event->what)) {
        answer_ = answered->answer;
        took_ = future_.now() - asked_at_;
      } else {
        notices.push_back(std::get<Notice>(event->what));
      }
    }
  }
  Time wake_at() const { return store_->wake_at(); }
  const std::optional<Answer>& answer() const { return answer_; }
  Duration took() const { return took_; }

  std::vector<Notice> notices;

 private:
  Future& future_;
  const std::string name_;
  std::string id_;
  int ids_ = 0;
  std::vector<SimulatedStore*> to_;
  std::unique_ptr<QuorumStore> store_;
  std::uint64_t attempt_ = 0;
  Time asked_at_;
  std::optional<Answer> answer_;
  Duration took_{};
};

class QuorumStoreTest : public testing::Test {
 protected:
  explicit QuorumStoreTest(std::size_t servers = 3) {
    for (std::size_t i = 0; i < servers; ++i) {
      servers_.push_back(std::make_unique<SimulatedServer>(
          SimulatedServer{QuorumModel(kTtl, static_cast<int>(i) * 100ms)}));
    }
  }

  Member& join(const std::string& name) {
    members_.push_back(std::make_unique<Member>(future_, servers_, network_, random_, name));
    return *members_.back();
  }
  /// The server with this number, from 1 on.
  SimulatedServer& server(std::size_t number) { return *servers_[number - 1]; }
  const std::string& lock(std::size_t number) { return server(number).model.lock(); }

  void pass(Duration time) {
    const Poller poller;
    const Time end = future_.now() + time;
    for (Time next{}; next < end;) {
      next = std::min(end, future_.next_at());
      for (const auto& member : members_) next = std::min(next, member->wake_at());
      future_.advance(std::max(next, future_.now()));
      for (const auto& member : members_) {
        if (member->wake_at() <= future_.now()) member->turn(poller);
      }
    }
  }
  /// The answer to a request, which must come within 10 s of simulated time.
  template <typename T>
  T ask(Member& member, RequestKind kind, Token token = {}) {
    member.send(kind, token);
    for (const Time end = future_.now() + 10s; !member.answer() && future_.now() < end;) pass(1ms);
    if (member.answer() && std::holds_alternative<T>(*member.answer())) {
      return std::get<T>(*member.answer());
    }
    ADD_FAILURE() << "answer "
                  << (member.answer() ? static_cast<int>(member.answer()->index()) : -1);
    return T{};
  }
  Token grant(Member& member) { return ask<Granted>(member, RequestKind::kAcquire).token; }

  std::mt19937 random_{1};
  Network network_;
  Future future_;
  std::vector<std::unique_ptr<SimulatedServer>> servers_;
  std::vector<std::unique_ptr<Member>> members_;
};

class QuorumOfFiveTest : public QuorumStoreTest {
 protected:
  QuorumOfFiveTest() : QuorumStoreTest(5) {}
};

TEST_F(QuorumStoreTest, GrantsWhatAMajorityGrantsAndThatMajorityHasTheToken) {
  Member& one = join("one");
  server(3).is_up = false;
  const Token token = grant(one);
  for (const std::size_t number : {1U, 2U}) {
    EXPECT_EQ(lock(number), one.id());
    EXPECT_EQ(server(number).model.fence(), token.value);
  }
}

TEST_F(QuorumOfFiveTest, GrantsWithTwoServersDownAndSaysWhichIfThereAreThree) {
  Member& one = join("one");
  server(1).is_up = server(4).is_up = false;
  grant(one);
  server(3).is_up = false;
  Member& other = join("other");
  const Failed failed = ask<Failed>(other, RequestKind::kAcquire);
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_THAT(failed.text, AllOf(HasSubstr("no majority: 3 of 5 servers gave no usable answer"),
                                 HasSubstr("server-1: connection refused")));
}

TEST_F(QuorumStoreTest, TheNextTokenIsLargerThoughTheFastestClockIsMissing) {
  Member& one = join("one");
  server(1).is_up = false;
  const Token first = grant(one);
  ask<Released>(one, RequestKind::kRelease);
  server(1).is_up = true;
  server(3).is_up = false;
  Member& other = join("other");
  EXPECT_GT(grant(other), first);
}

TEST_F(QuorumStoreTest, AVoteThatDidNotWinLeavesNothingBehind) {
  Member& one = join("one");
  server(3).is_up = false;
  grant(one);
  server(3).is_up = true;
  Member& other = join("other");
  const Busy busy = ask<Busy>(other, RequestKind::kAcquire);
  EXPECT_EQ(busy.holder.value, one.id());
  EXPECT_EQ(lock(3), "");
  EXPECT_EQ(server(3).model.fence(), 0);
}

TEST_F(QuorumStoreTest, ARenewalGivesTheLeaseToEveryServerThatLacksIt) {
  Member& one = join("one");
  server(3).is_up = false;
  const Token token = grant(one);
  server(3).is_up = true;
  server(1).model.lose_data();
  ask<Renewed>(one, RequestKind::kRenew, token);
  pass(100ms);
  for (const std::size_t number : {1U, 2U, 3U}) {
    EXPECT_EQ(lock(number), one.id());
    EXPECT_EQ(server(number).model.fence(), token.value);
  }
}

TEST_F(QuorumStoreTest, ARenewalCountsIfAMajorityHasRenewedAndIsLostIfAMajorityHasSomebodyElse) {
  Member& one = join("one");
  const Token token = grant(one);
  const auto give_to_another = [&](std::size_t number) {
    server(number).model.lose_data();
    server(number).model.execute({RequestKind::kVote, 0, {}, {}, {}}, "other/1", future_.now());
  };
  give_to_another(1);
  ask<Renewed>(one, RequestKind::kRenew, token);
  give_to_another(2);
  EXPECT_EQ(ask<Lost>(one, RequestKind::kRenew, token).holder.value, "other/1");
}

TEST_F(QuorumStoreTest, ARenewalThatAMinorityAnswersHasFailedAndMayHaveBeenExecuted) {
  Member& one = join("one");
  const Token token = grant(one);
  server(1).frozen_until = server(2).frozen_until = future_.now() + 10s;
  const Failed failed = ask<Failed>(one, RequestKind::kRenew, token);
  EXPECT_TRUE(failed.unknown);
  EXPECT_FALSE(failed.id_spent);
  EXPECT_LE(one.took(), kLimit + 5ms);
}

TEST_F(QuorumStoreTest, AFrozenServerDelaysNobodyWhomItDoesNotDecideAbout) {
  Member& one = join("one");
  server(1).frozen_until = future_.now() + 10s;
  const Token token = grant(one);
  EXPECT_LE(one.took(), 10ms);
  ask<Renewed>(one, RequestKind::kRenew, token);
  EXPECT_LE(one.took(), 10ms);
  Member& other = join("other");
  ask<Busy>(other, RequestKind::kAcquire);
  EXPECT_LE(other.took(), 10ms);
  ask<Released>(one, RequestKind::kRelease);
  EXPECT_LE(one.took(), kLimit + 5ms);
}

TEST_F(QuorumStoreTest, AVoteThatComesAfterTheDecisionIsReturned) {
  Member& one = join("one");
  server(1).is_up = false;
  grant(one);
  server(1).is_up = true;
  Member& other = join("other");
  server(1).frozen_until = future_.now() + 1s;
  ask<Busy>(other, RequestKind::kAcquire);
  // It executes the vote of a connection that was given up.
  bool has_voted = false;
  for (int ms = 0; ms < 8'000; ++ms) {
    pass(1ms);
    has_voted = has_voted || lock(1) == other.id();
    if (has_voted && lock(1).empty()) break;
  }
  EXPECT_TRUE(has_voted);
  EXPECT_EQ(lock(1), "");
}

TEST_F(QuorumStoreTest, WhoLosesASplitVoteTakesANewIdAndAsksOneServerFirst) {
  Member& one = join("one");
  Member& other = join("other");
  Member& third = join("third");
  // Each has one vote.
  const Member* const voters[] = {&one, &other, &third};
  for (std::size_t number : {1U, 2U, 3U}) {
    server(number).model.execute({RequestKind::kVote, 0, {}, {}, {}}, voters[number - 1]->id(),
                                 future_.now());
  }
  const Failed failed = ask<Failed>(one, RequestKind::kAcquire);
  EXPECT_TRUE(failed.id_spent);
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("split"));
  EXPECT_GE(failed.retry_after, 5ms);
  EXPECT_LE(failed.retry_after, 2s);
  EXPECT_EQ(lock(1), "") << "its vote was not returned";

  // Now the first server has somebody else's vote.
  server(1).model.execute({RequestKind::kVote, 0, {}, {}, {}}, "fourth/1", future_.now());
  one.use_new_id();
  const int before = one.to(2).requests() + one.to(3).requests();
  ask<Failed>(one, RequestKind::kAcquire);
  EXPECT_EQ(one.to(2).requests() + one.to(3).requests(), before) << "others were asked";
}

TEST_F(QuorumStoreTest, AVoteThatADeadCandidateLeftOnTheFirstServerBlocksNobody) {
  Member& one = join("one");
  // After a split vote.
  server(1).model.execute({RequestKind::kVote, 0, {}, {}, {}}, "dead/1", future_.now());
  server(2).model.execute({RequestKind::kVote, 0, {}, {}, {}}, "alive/1", future_.now());
  ask<Failed>(one, RequestKind::kAcquire);
  server(2).model.execute({RequestKind::kRelease, 0, {}, {}, {}}, "alive/1", future_.now());
  int tries = 0;
  for (bool is_granted = false; !is_granted && tries < 10; ++tries) {
    one.use_new_id();
    one.send(RequestKind::kAcquire);
    pass(50ms);
    is_granted = one.answer() && std::holds_alternative<Granted>(*one.answer());
  }
  EXPECT_LE(tries, 3);
  EXPECT_EQ(lock(1), "dead/1");
}

TEST_F(QuorumStoreTest, AYoungServerIsCountedAsOneThatSaysNo) {
  Member& one = join("one");
  server(1).model.start(future_.now() - 1s);
  grant(one);
  ask<Released>(one, RequestKind::kRelease);
  server(2).model.start(future_.now() - 2s);
  Member& other = join("other");
  const Young young = ask<Young>(other, RequestKind::kAcquire);
  EXPECT_LE(young.rest, 2s);
  EXPECT_GT(young.rest, 1s);
  EXPECT_THAT(describe(young),
              testing::MatchesRegex("server-[12]: the server started [12] s ago, .*"));
  EXPECT_EQ(lock(3), "");
}

TEST_F(QuorumStoreTest, AnAcquireAfterALostAnswerGetsTheSameLease) {
  Member& one = join("one");
  for (const std::size_t number : {1U, 2U, 3U}) server(number).frozen_until = future_.now() + 100ms;
  one.send(RequestKind::kAcquire);
  pass(50ms);
  one.store().cancel(0);
  pass(100ms);
  EXPECT_EQ(lock(1), one.id());
  grant(one);
}

TEST_F(QuorumStoreTest, ACandidateMayAskAgainWhileAVoteIsStillToCome) {
  Member& one = join("one");
  Member& other = join("other");
  server(3).frozen_until = future_.now() + 50ms;
  grant(other);
  ask<Busy>(one, RequestKind::kAcquire);
  ask<Busy>(one, RequestKind::kAcquire);
}

TEST_F(QuorumStoreTest, AnIdNeverAcquiresAgainThoughASecondReleaseWasAnswered) {
  Member& one = join("one");
  server(1).is_up = false;
  grant(one);
  server(1).is_up = true;
  // Its first release is given up like the vote before it, and may be executed at any time.
  Member& other = join("other");
  other.to(1).is_cut = true;
  ask<Busy>(other, RequestKind::kAcquire);
  pass(2500ms);
  other.to(1).is_cut = false;
  pass(6s);
  EXPECT_TRUE(ask<Failed>(other, RequestKind::kAcquire).id_spent);
  other.use_new_id();
  grant(other);
}

TEST_F(QuorumStoreTest, TenCandidatesAtOnceHaveOneWinnerSoon) {
  struct Elector {
    Member* member;
    Time asks_at;
  };
  std::vector<Elector> electors;
  for (int i = 0; i < 10; ++i) electors.push_back({&join("c" + std::to_string(i)), future_.now()});
  const Time begin = future_.now();
  int granted = 0;
  while (granted == 0 && future_.now() < begin + 1s) {
    for (Elector& elector : electors) {
      if (elector.asks_at <= future_.now()) {
        elector.asks_at = kNever;
        elector.member->send(RequestKind::kAcquire);
      }
    }
    pass(100us);
    for (Elector& elector : electors) {
      if (elector.asks_at != kNever || !elector.member->answer()) continue;
      const Answer& answer = *elector.member->answer();
      if (std::holds_alternative<Granted>(answer)) ++granted;
      if (const auto* failed = std::get_if<Failed>(&answer)) {
        elector.member->use_new_id();
        elector.asks_at = future_.now() + failed->retry_after;
      }
    }
  }
  EXPECT_EQ(granted, 1);
  EXPECT_LE(future_.now() - begin, 100ms);
  // Everybody else learns that a majority has one holder.
  pass(2s);
}

}  // namespace
}  // namespace cluster_leader
