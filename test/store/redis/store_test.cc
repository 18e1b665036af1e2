#include "store/redis/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "store/redis/names.h"
#include "store/redis/world.h"
#include "store/store_contract.h"

namespace cluster_leader {

using testing::HasSubstr;
using testing::Not;

namespace {

/// As main() does.
const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

Young expect_young(LoopedStore& store) { return expect<Young>(ask(store, RequestKind::kAcquire)); }

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

}  // namespace

// On a real server.

template <typename World>
class RedisStoreTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }

  static const Server& server() { return world_->server; }
  std::unique_ptr<LoopedStore> open(const std::string& node, bool listening = false) {
    return open_at(server().tcp(), make_contender(key_, node), listening);
  }
  std::string get() { return server().text({"GET", key_.value}); }
  long long traces() { return server().integer({"EXISTS", key_.value, record_name(key_)}); }

  inline static std::unique_ptr<World> world_;
  const Key key_ = fresh_key();
};

using Worlds = testing::Types<RedisWorld, Redis6World, ValkeyWorld>;
struct NameOfWorld {
  template <typename World>
  static std::string GetName(int) {
    return World::kName;
  }
};
TYPED_TEST_SUITE(RedisStoreTest, Worlds, NameOfWorld);

TYPED_TEST(RedisStoreTest, AnUncontendedRunIsOneRoundTripToAcquireAndOneToRelease) {
  const Server& server = this->server();
  // Every connection that is closed counts as a read as well, once the server has noticed.
  const auto reads = [&] {
    std::this_thread::sleep_for(20ms);
    const std::string stats = server.text({"INFO", "stats"});
    const std::string field = "total_reads_processed:";
    return std::atoll(stats.c_str() + stats.find(field) + field.size());
  };
  expect_granted(*this->open("warm"));  // so that the server knows the script
  server.command({"DEL", this->key_.value, record_name(this->key_)});
  RedisLocation location = server.tcp();
  location.db = 3;
  auto a = open_at(location, make_contender(this->key_, "a"), true);
  expect_released(*this->open("warm"));
  const long long evals = server.calls("evalsha");
  const long long first = reads();
  const long long of_statistics = reads() - first;
  const long long before = reads();
  expect_granted(*a);
  const long long between = reads();
  EXPECT_EQ(between - before - of_statistics, 1);
  expect_released(*a);
  EXPECT_EQ(reads() - between - of_statistics, 1);
  EXPECT_EQ(server.calls("evalsha") - evals, 2);
}

TYPED_TEST(RedisStoreTest, ThePlainKeyHoldsThePlainIdAndTheRecordSaysTheRest) {
  const Contender contender = make_contender(this->key_, "a");
  auto a = open_at(this->server().tcp(), contender);
  const Token token = expect_granted(*a).token;
  EXPECT_EQ(this->get(), contender.candidacy.holder.value);
  const auto field = [&](const std::string& name) {
    return this->server().text({"HGET", record_name(this->key_), name});
  };
  EXPECT_EQ(field("fence"), std::to_string(token.value));
  EXPECT_EQ(field("holder"), contender.candidacy.holder.value);
  EXPECT_EQ(field("ttl"), "1000");
  EXPECT_EQ(field("node"), "a");
  EXPECT_EQ(field("host"), "host-of-a");
  EXPECT_EQ(field("pid"), std::to_string(contender.candidate.pid));
  EXPECT_EQ(field("label"), "the job of a");
  EXPECT_NEAR(std::stod(field("since")), static_cast<double>(wall_clock_ms()), 2000);
  EXPECT_EQ(std::stoll(field("until")) - std::stoll(field("since")), 1000);
  expect_released(*a);
  EXPECT_EQ(field("until"), "(nil)");
  EXPECT_EQ(field("fence"), std::to_string(token.value));
  EXPECT_GT(this->server().integer({"PTTL", record_name(this->key_)}), 89LL * 86400 * 1000);
}

TYPED_TEST(RedisStoreTest, LivesWithTheNodeRedNode) {
  const std::string key = this->key_.value;
  EXPECT_EQ(this->server().text({"SET", key, "web-1", "NX", "EX", "10"}), "OK");
  auto a = this->open("a");
  const Busy busy = expect_busy(*a);
  EXPECT_EQ(node_in(busy), "web-1");
  EXPECT_GT(busy.retry_after, 9s);
  EXPECT_EQ(node_in(expect<Lost>(ask(*a, RequestKind::kRenew, Token{1}))), "web-1");
  expect_released(*a);
  EXPECT_EQ(this->get(), "web-1");
  this->server().command({"DEL", key});
  expect_granted(*a);
  EXPECT_EQ(this->server().text({"SET", key, "web-1", "NX", "EX", "10"}), "(nil)");
}

TYPED_TEST(RedisStoreTest, AValueWithoutExpiryIsAskedForAgainAfterOurOwnTtl) {
  this->server().command({"SET", this->key_.value, "somebody"});
  EXPECT_EQ(expect_busy(*this->open("a")).retry_after, 1s);
}

TYPED_TEST(RedisStoreTest, AClockThatWasSetBackDoesNotStretchTheLeaseOfADeadHolder) {
  auto a = this->open("a");
  auto b = this->open("b");
  expect_granted(*a);
  // The expiry is a time of day.
  this->server().command({"PEXPIRE", this->key_.value, "3600000"});
  const Duration wait = expect_busy(*b).retry_after;
  ASSERT_LE(wait, 1004ms);
  EXPECT_LE(this->server().integer({"PTTL", this->key_.value}), 1000);
  EXPECT_FALSE(await_hint(*b, wait));
  expect_granted(*b);
}

TYPED_TEST(RedisStoreTest, AnExpiryInAnotherMillenniumIsJustALongWait) {
  this->server().command({"SET", this->key_.value, "x", "PX", "9000000000000000"});
  EXPECT_GT(expect_busy(*this->open("a")).retry_after, 24h * 365);
}

TYPED_TEST(RedisStoreTest, AWaiterChecksJustBehindTheFifthRenewal) {
  auto a = open_at(this->server().tcp(), make_contender(this->key_, "a", 10s));
  auto b = this->open("b");
  // This server is too young for ten seconds, so that the lease comes by its renewal.
  expect_renewed(*a, Token{wall_clock_ms()});
  const auto rest = [&] {
    return std::chrono::milliseconds(this->server().integer({"PTTL", this->key_.value}));
  };
  const Duration before = rest();
  const Duration wait = expect_busy(*b).retry_after;
  const Duration after = rest();
  EXPECT_GE(wait, after + 2ms + 20ms);
  EXPECT_LE(wait, before + 2ms + 20ms);
}

TYPED_TEST(RedisStoreTest, AnotherConnectionOfTheSameHolderGetsTheSameLease) {
  const Contender contender = make_contender(this->key_, "a");
  const Token token = expect_granted(*open_at(this->server().tcp(), contender)).token;
  EXPECT_EQ(expect_granted(*open_at(this->server().tcp(), contender)).token, token);
}

TYPED_TEST(RedisStoreTest, AnAcquisitionIsNoHintToAskAgain) {
  auto a = this->open("a");
  auto b = this->open("b", true);
  auto first = this->open("first", true);
  expect_granted(*a);
  expect_busy(*first);
  expect_busy(*b);
  expect_released(*a);
  // It may hear of it twice: as everybody does, and as one that is woken.
  EXPECT_TRUE(await_hint(*b));
  static_cast<void>(await_hint(*b, 100ms));
  expect_granted(*first);
  EXPECT_FALSE(await_hint(*b, 100ms));
}

TYPED_TEST(RedisStoreTest, AnIdleConnectionThatBreaksIsAHintAndIsMadeAgain) {
  auto a = this->open("a");
  auto b = this->open("b", true);
  expect_granted(*a);
  expect_busy(*b);
  this->server().command({"CLIENT", "KILL", "TYPE", "pubsub"});
  EXPECT_TRUE(await_hint(*b));
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
  expect_released(*a);
  EXPECT_TRUE(await_hint(*b));
}

TYPED_TEST(RedisStoreTest, GoesOnWhenTheServerForgetsItsScripts) {
  auto a = this->open("a");
  this->server().command({"SCRIPT", "FLUSH"});
  const Token token = expect_granted(*a).token;
  this->server().command({"SCRIPT", "FLUSH"});
  expect_renewed(*a, token);
  this->server().command({"SCRIPT", "FLUSH"});
  expect_released(*a);
}

TYPED_TEST(RedisStoreTest, AReleaseLeavesAnothersLockAlone) {
  auto a = this->open("a");
  expect_granted(*a);
  const std::string lock = this->get();
  // A record that is left would keep others away as well.
  expect_released(*this->open("b"));
  EXPECT_EQ(this->get(), lock);
}

TYPED_TEST(RedisStoreTest, ATokenIsHigherThanTheLastOneAlthoughTheClockWasSetBack) {
  auto a = this->open("a");
  const Token token{expect_granted(*a).token.value + 3'600'000};
  expect_released(*a);
  this->server().command({"HSET", record_name(this->key_), "fence", std::to_string(token.value)});
  EXPECT_GT(expect_granted(*this->open("b")).token, token);
}

TYPED_TEST(RedisStoreTest, SurvivesFlushall) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  const std::string lock = this->get();
  this->server().command({"FLUSHALL"});
  expect_renewed(*a, token);
  EXPECT_EQ(this->get(), lock);
  EXPECT_EQ(node_in(expect_busy(*this->open("b"))), "a");
  std::this_thread::sleep_for(2ms);  // the token then is the server's time in ms
  this->server().command({"FLUSHALL"});
  // Nobody is left to remember the lease, and the token grows all the same.
  EXPECT_GT(expect_granted(*this->open("b")).token, token);
  expect<Lost>(ask(*a, RequestKind::kRenew, token));
}

TYPED_TEST(RedisStoreTest, WithoutMemoryHoldersGoOnAndCandidatesGetNothing) {
  auto a = this->open("a");
  const Token token = expect_granted(*a).token;
  const Key other = fresh_key();
  auto b = open_at(this->server().tcp(), make_contender(other, "b"));
  this->server().command({"CONFIG", "SET", "maxmemory", "1"});
  expect_renewed(*a, token);
  const Failed failed = expect_failed(*b);
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("memory"));
  EXPECT_EQ(this->server().integer({"EXISTS", other.value, record_name(other)}), 0);
  expect_released(*a);
  this->server().command({"CONFIG", "SET", "maxmemory", "0"});
  expect_granted(*b);
}

TYPED_TEST(RedisStoreTest, TooFewReplicasAreNamed) {
  auto a = this->open("a");
  this->server().command({"CONFIG", "SET", "min-replicas-to-write", "1"});
  if (!TypeParam::ServerProgram::kCountsReplicasInScripts) {
    expect_granted(*a);
    expect_released(*a);
    this->server().command({"CONFIG", "SET", "min-replicas-to-write", "0"});
    return;
  }
  const Failed failed = expect_failed(*a);
  this->server().command({"CONFIG", "SET", "min-replicas-to-write", "0"});
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("replicas"));
  EXPECT_EQ(this->traces(), 0);
}

TYPED_TEST(RedisStoreTest, AReplicaKeepsNoLeases) {
  Server server(TypeParam::program());
  auto a = open_at(server.tcp(), make_contender(this->key_, "a"));
  expect_renewed(*a, Token{1});
  server.command({"REPLICAOF", "127.0.0.1", "1"});
  // On the connection that was made before.
  EXPECT_EQ(expect_failed(*a, RequestKind::kRenew, Token{1}).trouble, Trouble::kNotServing);
  // And on one that finds out by the greeting, before the replica can say that the key is busy.
  const Failed failed = expect_failed(*open_at(server.tcp(), make_contender(this->key_, "b")));
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("replica"));
  server.command({"CONFIG", "SET", "replica-read-only", "no"});
  auto c = open_at(server.tcp(), make_contender(fresh_key(), "c"));
  EXPECT_EQ(expect_failed(*c).trouble, Trouble::kNotServing);
}

TYPED_TEST(RedisStoreTest, AYoungServerGrantsNothingToNewCandidates) {
  Server server(TypeParam::program());
  auto a = open_at(server.tcp(), make_contender(this->key_, "a", 2s));
  auto b = open_at(server.tcp(), make_contender(this->key_, "b", 2s));
  const Young young = expect_young(*b);
  EXPECT_GT(young.rest, 1s);
  EXPECT_LE(young.rest, 3002ms);
  EXPECT_LE(young.age + young.rest, 4002ms);
  // The earlier holder comes back; now there is somebody to wait for.
  expect_renewed(*a, Token{wall_clock_ms()});
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
  expect_granted(*a);
  server.command({"DEL", this->key_.value});
  expect_granted(*a);
  expect_released(*a);
  const Duration wait = expect_young(*b).rest;
  EXPECT_FALSE(await_hint(*b, wait));
  expect_granted(*b);
}

TYPED_TEST(RedisStoreTest, AYoungServerGrantsNobodyAParkedKey) {
  // It has come back from a snapshot that is older than the lease whose job still runs.
  Server server(TypeParam::program());
  Contender a = make_contender(this->key_, "a", 2s);
  a.candidate.identity = "a/boot:1";
  server.command({"SET", this->key_.value, parked_for(a.candidate.identity).value, "PX", "60000"});
  server.command({"HSET", record_name(this->key_), "fence", "1", "ttl", "2000", "holder", "a/1"});
  auto store = open_at(server.tcp(), a);
  const Duration wait = expect_young(*store).rest;
  EXPECT_GT(wait, 1s);
  pass(*store, wait);
  expect_granted(*store);
}

TYPED_TEST(RedisStoreTest, ACandidateOnAYoungServerIsNotifiedOfTheHolderThatComesBack) {
  Server server(TypeParam::program());
  const Contender a = make_contender(this->key_, "a");
  auto holder = open_at(server.tcp(), a);
  auto b = open_at(server.tcp(), make_contender(this->key_, "b"), true);
  expect_young(*b);
  const Token token{wall_clock_ms()};
  expect_renewed(*holder, token);
  const auto notice = b->await_notice();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kTaken);
  EXPECT_EQ(notice->holder, a.candidacy.holder);
  EXPECT_EQ(notice->token, token);
  // A renewal that finds its lease is no news.
  expect_renewed(*holder, token);
  EXPECT_FALSE(b->await_notice(50ms));
}

TYPED_TEST(RedisStoreTest, AServerIsYoungForAsLongAsTheLastHoldersTtl) {
  // As a server would remember it from a snapshot that is older than the last renewal.
  this->server().command({"HSET", record_name(this->key_), "until", "1", "ttl", "86400000"});
  EXPECT_GT(expect_young(*this->open("a")).rest, 23h);
  // A lease that was released was over, however long it might have been.
  this->server().command({"HDEL", record_name(this->key_), "until"});
  expect_granted(*this->open("a"));
}

TYPED_TEST(RedisStoreTest, NoRenewalEndsALease) {
  Contender contender = make_contender(this->key_, "a");
  const Token token = expect_granted(*open_at(this->server().tcp(), contender)).token;
  contender.candidate.ttl = Duration::zero();
  expect_failed(*open_at(this->server().tcp(), contender), RequestKind::kRenew, token);
  EXPECT_EQ(this->get(), contender.candidacy.holder.value);
}

TYPED_TEST(RedisStoreTest, ALeaseSurvivesTheRestartOfAServerWithoutPersistence) {
  Server server(TypeParam::program());
  server.grow_up(1s);
  auto a = open_at(server.tcp(), make_contender(this->key_, "a"), true);
  auto b = open_at(server.tcp(), make_contender(this->key_, "b"));
  const Token token = expect_granted(*a).token;
  server.kill();
  EXPECT_TRUE(await_hint(*a));
  EXPECT_EQ(expect_failed(*b).trouble, Trouble::kUnreachable);
  server.start();
  expect_young(*b);
  expect_renewed(*a, token);
  EXPECT_EQ(node_in(expect_busy(*b)), "a");
}

TYPED_TEST(RedisStoreTest, AClockThatWasSetBackDoesNotLockTheKeyForYears) {
  auto a = this->open("a");
  auto b = this->open("b");
  expect_granted(*a);
  this->world_->lose_lease(this->key_);
  this->server().command({"HSET", record_name(this->key_), "until", "9000000000000"});
  const Duration wait = expect_busy(*b).retry_after;
  ASSERT_LE(wait, 1004ms);
  EXPECT_FALSE(await_hint(*b, wait));
  expect_granted(*b);
}

TYPED_TEST(RedisStoreTest, AWrongPasswordIsDeniedAndNotShown) {
  Server server(TypeParam::program());
  server.command({"CONFIG", "SET", "requirepass", "right"});
  RedisLocation location = server.tcp();
  const Contender contender = make_contender(this->key_, "a");
  const Failed none = expect_failed(*open_at(location, contender));
  EXPECT_EQ(none.trouble, Trouble::kDenied);
  EXPECT_THAT(none.text, HasSubstr("requires a password"));
  location.credentials.password = "s3cret";
  for (const bool listening : {false, true}) {
    const Failed wrong = expect_failed(*open_at(location, contender, listening));
    EXPECT_EQ(wrong.trouble, Trouble::kDenied);
    EXPECT_THAT(wrong.text, Not(HasSubstr("s3cret")));
  }
  location.credentials.password = "right";
  expect_renewed(*open_at(location, contender), Token{1});
  location.credentials.user = "default";
  expect_renewed(*open_at(location, contender), Token{1});
}

TYPED_TEST(RedisStoreTest, ThePasswordFileIsReadForEveryConnection) {
  Server server(TypeParam::program(), {"--requirepass", "one"});
  RedisLocation location = server.tcp();
  location.credentials.password = "neither";
  location.credentials.password_file = server.folder() + "/password";
  auto a = open_at(location, make_contender(this->key_, "a"));
  const Failed missing = expect_failed(*a);
  EXPECT_EQ(missing.trouble, Trouble::kMisconfigured);
  EXPECT_THAT(missing.text, HasSubstr("No such file"));
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  // The socket gets the last descriptor.
  const int next = ::dup(0);
  ::close(next);
  const rlimit few{static_cast<rlim_t>(next) + 1, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const Failed exhausted = expect_failed(*a);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(exhausted.trouble, Trouble::kExhausted);
  EXPECT_THAT(exhausted.text, HasSubstr("Too many open files"));
  write_file(location.credentials.password_file, "two\n");
  EXPECT_EQ(expect_failed(*a).trouble, Trouble::kDenied);
  write_file(location.credentials.password_file, "one\n");
  expect_renewed(*a, Token{1});
}

TYPED_TEST(RedisStoreTest, AWrongLoginLeavesNothingBehindOnAnOpenServer) {
  RedisLocation location = this->server().tcp();
  location.credentials.user = "nobody";
  location.credentials.password = "s3cret";
  for (const bool listening : {false, true}) {
    auto a = open_at(location, make_contender(this->key_, "a"), listening);
    const Failed failed = expect_failed(*a);
    EXPECT_EQ(failed.trouble, Trouble::kDenied);
    EXPECT_FALSE(failed.unknown);
    EXPECT_EQ(this->get(), "(nil)");
    expect_granted(*this->open("b"));
    this->server().command({"DEL", this->key_.value, record_name(this->key_)});
  }
}

TYPED_TEST(RedisStoreTest, AMissingDatabaseLeavesNothingBehind) {
  RedisLocation location = this->server().tcp();
  location.db = 99;
  for (const bool listening : {false, true}) {
    const Failed failed =
        expect_failed(*open_at(location, make_contender(this->key_, "a"), listening));
    EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
    EXPECT_THAT(failed.text, HasSubstr("99"));
    EXPECT_EQ(this->get(), "(nil)");
    expect_granted(*this->open("b"));
    this->server().command({"DEL", this->key_.value, record_name(this->key_)});
  }
}

TYPED_TEST(RedisStoreTest, AFailedLoginDoesNotUndoARenewal) {
  Contender contender = make_contender(this->key_, "a");
  const Token token = expect_granted(*open_at(this->server().tcp(), contender)).token;
  RedisLocation location = this->server().tcp();
  location.credentials.user = "nobody";
  const Failed failed = expect_failed(*open_at(location, contender), RequestKind::kRenew, token);
  EXPECT_EQ(failed.trouble, Trouble::kDenied);
  EXPECT_TRUE(failed.unknown);
  EXPECT_EQ(this->get(), contender.candidacy.holder.value);
}

TYPED_TEST(RedisStoreTest, DatabasesAreKeptApart) {
  RedisLocation location = this->server().tcp();
  location.db = 5;
  auto a = open_at(location, make_contender(this->key_, "a"));
  expect_granted(*a);
  EXPECT_EQ(this->get(), "(nil)");
  expect_granted(*this->open("b"));
}

TYPED_TEST(RedisStoreTest, DataOfAnotherTypeIsNotChanged) {
  this->server().command({"LPUSH", this->key_.value, "x"});
  auto a = this->open("a");
  EXPECT_EQ(expect_failed(*a).trouble, Trouble::kMisconfigured);
  EXPECT_EQ(expect_failed(*a, RequestKind::kRenew, Token{1}).trouble, Trouble::kMisconfigured);
  EXPECT_EQ(this->server().text({"TYPE", this->key_.value}), "list");
  this->server().command({"DEL", this->key_.value});
  this->server().command({"SET", record_name(this->key_), "x"});
  EXPECT_EQ(expect_failed(*a).trouble, Trouble::kMisconfigured);
  EXPECT_EQ(this->get(), "(nil)");
}

TYPED_TEST(RedisStoreTest, AnyBytesMakeAKey) {
  const std::string unique = fresh_key().value;
  for (const std::string& name :
       {unique + " a b", unique + "\r\n$3\r\nfoo\r\n", unique + "{", unique + "}", unique + "{}",
        "{" + unique + "}", unique + "{a}", unique + "\xc3\xa4\xf0\x9f\x90\xb3",
        unique + std::string(512 - unique.size(), 'x'), unique + "\xff\xfe", unique + "'\"\\*?["}) {
    auto a = open_at(this->server().tcp(), make_contender({name}, "a"));
    auto b = open_at(this->server().tcp(), make_contender({name}, "b"), true);
    const Token token = expect_granted(*a).token;
    EXPECT_EQ(node_in(expect_busy(*b)), "a") << name;
    expect_renewed(*a, token);
    expect_released(*a);
    EXPECT_TRUE(await_hint(*b)) << name;
  }
}

TYPED_TEST(RedisStoreTest, AKeyInBracesIsNotTheKeyWithin) {
  const std::string name = this->key_.value;
  auto a = this->open("a");
  auto b = open_at(this->server().tcp(), make_contender({"{" + name + "}"}, "b"));
  expect_granted(*a);
  expect_granted(*b);
  this->world_->lose_lease(this->key_);
  EXPECT_EQ(node_in(expect_busy(*this->open("c"))), "a");
}

/// The rights that the manual asks for. Logging in needs none. `select` is for a database other
/// than 0; `subscribe` and `publish` are for waking candidates, which otherwise wake by the timer.
const std::vector<std::string> kRights = {"eval",    "evalsha", "get",   "set",  "del",  "pttl",
                                          "pexpire", "hset",    "hmget", "hdel", "time", "info"};
const std::vector<std::string> kComforts = {"publish", "subscribe", "select"};

TYPED_TEST(RedisStoreTest, TheManualsRightsAreEnoughAndNoneIsTooMany) {
  const Server& server = this->server();
  RedisLocation location = server.tcp();
  location.credentials.user = "least";
  location.credentials.password = "p";
  const auto make_user = [&](const std::string& but) {
    server.command({"ACL", "SETUSER", "least", "reset"});
    EXPECT_EQ(
        server.text(acl_words<typename TypeParam::ServerProgram>(
            {"ACL", "SETUSER", "least", "on", ">p", "~test-*", "~cluster-leader:record:*",
             "~cluster-leader:queue:*", "~cluster-leader:primary", "&cluster-leader:events:*"})),
        "OK");
    for (const auto& list : {kRights, kComforts}) {
      for (const std::string& right : list) {
        if (right != but) server.command({"ACL", "SETUSER", "least", "+" + right});
      }
    }
    server.command({"CLIENT", "KILL", "USER", "least"});
  };
  /// Everything that a store does; the first failure, or "".
  const auto life = [&](int db) -> std::string {
    location.db = db;
    const Key key = fresh_key();
    auto a = open_at(location, make_contender(key, "a"));
    auto b = open_at(location, make_contender(key, "b"), true);
    const auto step = [](LoopedStore& store, RequestKind kind, Token token = {}) -> std::string {
      const auto answer = ask(store, kind, token);
      // Without INFO, the candidate watches the server for a ttl.
      const auto* young = answer ? std::get_if<Young>(&*answer) : nullptr;
      if (young != nullptr) return describe(*young);
      const auto* failed = answer ? std::get_if<Failed>(&*answer) : nullptr;
      if (failed == nullptr) return "";
      EXPECT_EQ(failed->trouble, Trouble::kDenied) << failed->text;
      return failed->text;
    };
    server.command({"SCRIPT", "FLUSH"});
    std::string text = step(*a, RequestKind::kAcquire);
    if (!text.empty()) {
      EXPECT_EQ(server.integer({"EXISTS", key.value}), 0) << "half a grant: " << text;
      return text;
    }
    text = step(*a, RequestKind::kAcquire) + step(*b, RequestKind::kAcquire);
    server.command({"DEL", key.value});
    text += step(*a, RequestKind::kRenew, Token{wall_clock_ms() + 1000});
    text += step(*a, RequestKind::kRenew, Token{wall_clock_ms() + 1000});
    return text + step(*a, RequestKind::kRelease);
  };
  make_user("");
  EXPECT_EQ(life(0), "");
  EXPECT_EQ(life(4), "");
  for (const std::string& right : kRights) {
    make_user(right);
    EXPECT_NE(life(0), "") << right << " is not needed";
    // Redis 7.0 does not say which right a script lacks; then all are named.
    EXPECT_THAT(life(0), HasSubstr(right));
  }
  for (const std::string right : {"publish", "subscribe"}) {
    make_user(right);
    EXPECT_EQ(life(0), "") << right;
  }
  make_user("select");
  EXPECT_THAT(life(4), HasSubstr("select"));
  server.command({"ACL", "DELUSER", "least"});
}

TYPED_TEST(RedisStoreTest, AUnixSocketWorksAndItsFaultsAreNamed) {
  auto a = open_at(this->server().unix_socket(), make_contender(this->key_, "a"), true);
  expect_granted(*a);
  expect_released(*a);
  RedisLocation location;
  location.socket_path = this->server().folder() + "/nothing";
  const Failed missing = expect_failed(*open_at(location, make_contender(this->key_, "a")));
  EXPECT_EQ(missing.trouble, Trouble::kUnreachable);
  EXPECT_THAT(missing.text, HasSubstr("does not exist"));
  location.socket_path = "/" + std::string(200, 'x');
  EXPECT_EQ(expect_failed(*open_at(location, make_contender(this->key_, "a"))).trouble,
            Trouble::kMisconfigured);
}

TYPED_TEST(RedisStoreTest, LocalhostIsFoundWithoutANameServerAndItsAddressesAreTriedInTurn) {
  RedisLocation location = this->server().tcp();
  location.host = "localhost";
  auto a = open_at(location, make_contender(this->key_, "a"), true);
  expect_granted(*a);
}

TYPED_TEST(RedisStoreTest, AFrozenServerIsOnlySilentAndALargeRequestWaitsForRoom) {
  Server server(TypeParam::program());
  Contender contender = make_contender(this->key_, "a");
  contender.candidate.label = std::string(20 << 20, 'x');
  auto a = open_at(server.tcp(), contender);
  server.pause();
  a->send(RequestKind::kRenew, Token{1});
  EXPECT_FALSE(await_answer(*a, 200ms));
  EXPECT_EQ(a->stage(), "waiting for an answer");
  server.resume();
  expect<Renewed>(await_answer(*a));
  EXPECT_EQ(server.integer({"HSTRLEN", record_name(this->key_), "label"}), 20 << 20);
}

TYPED_TEST(RedisStoreTest, AReplyAfterCancelIsNeverTheAnswerToTheNextRequest) {
  Server server(TypeParam::program());
  auto a = open_at(server.tcp(), make_contender(this->key_, "a"));
  expect_renewed(*a, Token{4});
  expect_released(*a);
  expect_renewed(*a, Token{5});  // the server knows both scripts now
  server.pause();
  a->send(RequestKind::kRelease);
  EXPECT_FALSE(await_answer(*a, 50ms));
  a->cancel();
  a->send(RequestKind::kRenew, Token{5});
  EXPECT_FALSE(await_answer(*a, 50ms));
  server.resume();
  // The release was executed, so that the renewal finds a lease that has ended.
  expect<Lost>(await_answer(*a));
}

TYPED_TEST(RedisStoreTest, AbandoningDuringAnAcquireReleasesWhatItMayGet) {
  for (const bool listening : {false, true}) {
    auto a = this->open("a", listening);
    a->send(RequestKind::kAcquire);
    // Until the request is written.
    EXPECT_FALSE(await_answer(*a, 0ms));
    a->abandon();
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(this->get(), "(nil)");
  }
}

TYPED_TEST(RedisStoreTest, ARedis5IsUsedInResp2) {
  // What HELLO is to Redis 5: an unknown command.
  Server server(TypeParam::program(), {"--rename-command", "HELLO", "", "--requirepass", "s3cret"});
  RedisLocation location = server.tcp();
  for (const bool listening : {false, true}) {
    const Token token{listening ? 8 : 7};
    location.credentials.password = "wrong-s3cret";
    const Failed failed =
        expect_failed(*open_at(location, make_contender(this->key_, "a"), listening));
    EXPECT_EQ(failed.trouble, Trouble::kDenied);
    EXPECT_THAT(failed.text, Not(HasSubstr("s3cret")));
    location.credentials.password = "s3cret";
    location.db = 2;
    auto a = open_at(location, make_contender(this->key_, "a"), listening);
    expect_renewed(*a, token);
    expect_renewed(*a, token);
    EXPECT_EQ(expect_granted(*a).token, token);
    expect_released(*a);
  }
}

TYPED_TEST(RedisStoreTest, ARedis5WithoutPasswordIsUsedInResp2) {
  Server server(TypeParam::program(), {"--rename-command", "HELLO", ""});
  server.grow_up(1s);
  for (const bool listening : {false, true}) {
    auto a = open_at(server.tcp(), make_contender(this->key_, "a"), listening);
    const Token token = expect_granted(*a).token;
    expect_renewed(*a, token);
    // Its own lease is no news; that its events are subscribed to is.
    EXPECT_EQ(a->await_notice(listening ? 5s : 0s).has_value(), listening);
    expect_released(*a);
    EXPECT_FALSE(a->take_notice());
  }
}

}  // namespace cluster_leader
