// --min-replicas: an answer counts only once enough replicas have what it is about.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "store/redis/store.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/command.h"
#include "support/grown_server.h"
#include "support/replication.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;

constexpr Duration kTtl = 6s;

class MinReplicasTest : public testing::Test {
 protected:
  MinReplicasTest() { connect(replica_); }

  /// Until it has confirmed something, a replica gets no commands and does not count.
  void connect(const Server& replica) const {
    replicate(primary_, replica);
    primary_.command({"SET", "written", "1"});
    EXPECT_TRUE(eventually([&] {
      const std::string info = primary_.text({"INFO", "replication"});
      const std::string ours = ",port=" + std::to_string(replica.port()) + ",state=online,offset=";
      const std::size_t at = info.find(ours);
      const std::size_t all = info.find("master_repl_offset:");
      return at != info.npos && std::atoll(&info[at + ours.size()]) > 0 &&
             std::atoll(&info[at + ours.size()]) == std::atoll(&info[all + 19]);
    }));
  }

  std::unique_ptr<LoopedStore> open(const std::string& node, int min_replicas,
                                    RedisLocation location) const {
    location.min_replicas = min_replicas;
    Contender contender = make_contender({"k"}, node);
    contender.candidate.ttl = kTtl;
    return open_at(location, contender);
  }
  std::unique_ptr<LoopedStore> open(const std::string& node, int min_replicas) const {
    return open(node, min_replicas, primary_.tcp());
  }

  std::string holder() const { return primary_.text({"GET", "k"}); }

  GrownServer primary_;
  Server replica_{REDIS_SERVER};
};

TEST_F(MinReplicasTest, AGrantAndARenewalCountOnceTheReplicaHasThem) {
  auto store = open("a", 1);
  const Token token = expect_granted(*store).token;
  EXPECT_THAT(replica_.text({"GET", "k"}), testing::StartsWith("a/"));
  expect_renewed(*store, token);
  const long long before = primary_.calls("wait");
  expect_renewed(*store, token);
  EXPECT_EQ(primary_.calls("wait"), before + 1);
  expect_released(*store);
  EXPECT_EQ(primary_.calls("wait"), before + 1) << "a release needs none";
}

TEST_F(MinReplicasTest, WithoutTheOptionNothingIsWaitedFor) {
  auto store = open("a", 0);
  expect_renewed(*store, expect_granted(*store).token);
  EXPECT_EQ(primary_.calls("wait"), 0);
}

TEST_F(MinReplicasTest, OneWaitIsEnoughForAllRequestsOfAPacket) {
  auto store = open("a", 1);
  store->add({{"other"}, {"a/other"}});
  store->send(RequestKind::kAcquire, {}, 0);
  store->send(RequestKind::kAcquire, {}, 1);
  for (const std::size_t candidacy : {0U, 1U}) {
    const auto answer = store->await_answer(kPatience, candidacy);
    EXPECT_TRUE(answer && std::holds_alternative<Granted>(*answer));
  }
  // The first packet found the server without the script.
  EXPECT_EQ(primary_.calls("wait"), 2);
}

TEST_F(MinReplicasTest, AGrantThatTooFewReplicasHaveIsUndone) {
  auto store = open("a", 2);
  const Failed failed = expect_failed(*store);
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("only 1 of 2 replicas have the lease"));
  EXPECT_FALSE(failed.unknown);
  EXPECT_FALSE(failed.id_spent);
  EXPECT_EQ(holder(), "(nil)");
  // The id may acquire again.
  Server second(REDIS_SERVER);
  connect(second);
  expect_granted(*store);
}

TEST_F(MinReplicasTest, ARenewalThatTooFewReplicasHaveDoesNotCount) {
  auto store = open("a", 1);
  const Token token = expect_granted(*store).token;
  replica_.pause();
  const Failed failed = expect_failed(*store, RequestKind::kRenew, token);
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("only 0 of 1 replicas have the lease"));
  EXPECT_TRUE(failed.unknown);
  EXPECT_THAT(holder(), testing::StartsWith("a/")) << "the lease of a running job is left alone";
  replica_.resume();
  expect_renewed(*store, token);
}

TEST_F(MinReplicasTest, AnAnswerThatGrantsNothingIsNotHeldBack) {
  auto holder = open("a", 1);
  const Token token = expect_granted(*holder).token;
  replica_.pause();
  auto other = open("b", 1);
  const Time begin = BootClock::now();
  expect_busy(*other);
  EXPECT_LT(BootClock::now() - begin, kTtl / 12) << "WAIT takes that long here";
  primary_.command({"SET", "k", "b/1"});
  EXPECT_EQ(expect<Lost>(ask(*holder, RequestKind::kRenew, token)).holder.value, "b/1");
  replica_.resume();
}

TEST_F(MinReplicasTest, AServerThatIsDemotedMeanwhileKeepsNoLease) {
  auto store = open("a", 1);
  const Token token = expect_granted(*store).token;
  expect_renewed(*store, token);
  replica_.pause();
  store->send(RequestKind::kRenew, token);
  EXPECT_FALSE(store->await_answer(50ms));
  primary_.command({"REPLICAOF", "127.0.0.1", "1"});
  const auto answer = store->await_answer();
  ASSERT_TRUE(answer);
  const auto* failed = std::get_if<Failed>(&*answer);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->trouble, Trouble::kNotServing);
  EXPECT_THAT(failed->text, HasSubstr("replica"));
  EXPECT_TRUE(failed->unknown);
  replica_.resume();
}

TEST_F(MinReplicasTest, AUserNeedsTheRightToWait) {
  primary_.command({"ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-wait"});
  RedisLocation location = primary_.tcp();
  location.credentials = {"app", "pw", ""};
  auto store = open("a", 1, location);
  const Failed failed = expect_failed(*store);
  EXPECT_EQ(failed.trouble, Trouble::kDenied);
  EXPECT_THAT(failed.text, HasSubstr("needed for --min-replicas: wait"));
  EXPECT_EQ(holder(), "(nil)");
}

TEST_F(MinReplicasTest, AnAnswerThatIsHeldBackEndsWithItsConnection) {
  auto store = open("a", 1);
  const Token token = expect_granted(*store).token;
  expect_renewed(*store, token);
  replica_.pause();
  store->send(RequestKind::kRenew, token);
  EXPECT_FALSE(store->await_answer(50ms));
  primary_.command({"CLIENT", "KILL", "TYPE", "normal"});
  const auto answer = store->await_answer();
  ASSERT_TRUE(answer && std::holds_alternative<Failed>(*answer));
  EXPECT_TRUE(std::get<Failed>(*answer).unknown);
  replica_.resume();
  expect_renewed(*store, token);
}

// Where the server's own setting holds back no scripts.
TEST(MinReplicasBeforeRedis7Test, TooFewReplicasUndoAGrantAsWell) {
  const GrownServer server({"--min-replicas-to-write", "1"}, REDIS_6_SERVER);
  RedisLocation location = server.tcp();
  const Contender contender = make_contender({"k"}, "a", kTtl);
  auto store = open_at(location, contender);
  expect_granted(*store);
  expect_released(*store);
  location.min_replicas = 1;
  store = open_at(location, contender);
  EXPECT_THAT(expect_failed(*store).text, HasSubstr("only 0 of 1 replicas"));
  EXPECT_EQ(server.text({"GET", "k"}), "(nil)");
}

}  // namespace
}  // namespace cluster_leader
