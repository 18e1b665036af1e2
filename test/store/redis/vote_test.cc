// A RedisStore as one member of a quorum: votes, and what becomes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/redis/names.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/command.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

template <typename Program>
class VoteTest : public testing::Test {
 protected:
  std::unique_ptr<LoopedStore> open(const std::string& node, Duration ttl = 1s) {
    return open_at(server_.tcp(), make_contender(key_, node, ttl));
  }
  std::string field(const std::string& name) const {
    return server_.text({"HGET", record_name(key_), name});
  }
  std::string lock() const { return server_.text({"GET", key_.value}); }

  const Key key_ = fresh_key();
  const GrownServer server_{{}, Program::path()};
};

TYPED_TEST_SUITE(VoteTest, Programs, NameOfProgram);

TYPED_TEST(VoteTest, AVoteLeavesFenceAndRecordAlone) {
  auto former = this->open("former");
  const Token token = expect_granted(*former).token;
  expect_released(*former);
  const std::string before = this->field("holder");
  auto one = this->open("one");
  const Voted voted = expect<Voted>(ask(*one, RequestKind::kVote));
  EXPECT_EQ(voted.fence, token);
  EXPECT_GE(voted.server_ms, token.value);
  EXPECT_EQ(node_of(this->lock()), "one");
  EXPECT_EQ(this->field("holder"), before);
  EXPECT_EQ(this->field("fence"), std::to_string(token.value));
  EXPECT_EQ(this->field("until"), "(nil)");
  auto other = this->open("other");
  const Busy busy = expect<Busy>(ask(*other, RequestKind::kVote));
  EXPECT_EQ(node_of(busy.holder.value), "one");
  EXPECT_EQ(busy.token, Token{}) << "it is only a vote";
}

TYPED_TEST(VoteTest, ReturningAVoteLeavesTheLeaseBeforeAsItWas) {
  auto former = this->open("former");
  const Token token = expect_granted(*former).token;
  ASSERT_TRUE(eventually([&] { return this->lock() == "(nil)"; }));
  const std::string until = this->field("until");
  EXPECT_NE(until, "(nil)");
  auto one = this->open("one");
  expect<Voted>(ask(*one, RequestKind::kVote));
  expect<Lost>(ask(*former, RequestKind::kRenew, token));
  expect<Released>(ask(*one, RequestKind::kRelease));
  EXPECT_EQ(this->field("until"), until);
  expect<Renewed>(ask(*former, RequestKind::kRenew, token));
}

TYPED_TEST(VoteTest, AVoteIsAdoptedWithTheTokenOfTheQuorum) {
  auto one = this->open("one");
  const Voted voted = expect<Voted>(ask(*one, RequestKind::kVote));
  const Token token{voted.server_ms + 5000};
  EXPECT_EQ(expect<Granted>(ask(*one, RequestKind::kAdopt, token)).token, token);
  EXPECT_EQ(this->field("fence"), std::to_string(token.value));
  expect<Renewed>(ask(*one, RequestKind::kRenew, token));
  expect<Released>(ask(*one, RequestKind::kRelease));
  EXPECT_EQ(this->lock(), "(nil)");
  EXPECT_EQ(this->field("until"), "(nil)");
}

TYPED_TEST(VoteTest, NothingIsAdoptedWithoutTheVoteOrAfterALaterLease) {
  auto one = this->open("one");
  auto other = this->open("other");
  const Voted voted = expect<Voted>(ask(*other, RequestKind::kVote));
  const Token token{voted.server_ms};
  EXPECT_EQ(node_of(expect<Lost>(ask(*one, RequestKind::kAdopt, token)).holder.value), "other");
  expect<Granted>(ask(*other, RequestKind::kAdopt, token));
  expect<Released>(ask(*other, RequestKind::kRelease));
  expect<Lost>(ask(*one, RequestKind::kAdopt, token));
  expect<Voted>(ask(*one, RequestKind::kVote));
  expect<Lost>(ask(*one, RequestKind::kAdopt, token));
  expect<Granted>(ask(*one, RequestKind::kAdopt, {token.value + 1}));
}

}  // namespace
}  // namespace cluster_leader
