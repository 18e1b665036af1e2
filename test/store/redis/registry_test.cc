// The leases on a server as anybody may read and release them. Their data is written by hand, as
// the heads of the scripts describe it, so that it can be anything.
#include "store/redis/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "store/net/dialer.h"
#include "store/redis/names.h"
#include "store/redis/replies.h"
#include "store/redis/scripts.h"
#include "store/redis/world.h"
#include "support/command.h"
#include "support/server.h"

namespace cluster_leader {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using State = LeaseView::State;

namespace {

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

const std::string kId = "web-1/0123456789abcdef0123456789abcdef";
const std::string kIdentity = "web-1/boot:4026531836";

template <typename Program>
class RedisRegistryTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<Server>(Program::path()); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server().command({"FLUSHALL"}); }

  static Server& server() { return *server_; }

  static std::string now(Duration later = 0s) {
    return std::to_string(wall_clock_ms() + ceil_ms(later));
  }
  void set(const std::string& field, const std::string& value) {
    EXPECT_GE(server().integer({"HSET", record_name(key_), field, value}), 0);
  }
  std::string get(const std::string& field) {
    return server().text({"HGET", record_name(key_), field});
  }
  /// The record of a lease of web-1 for 10 s.
  void record() {
    server().command(
        {"HSET",  record_name(key_), "fence",  "1764",   "until", now(10s), "ttl",   "10000",
         "node",  "web-1",           "host",   "host-1", "pid",   "4711",   "label", "report",
         "since", "1764000000000",   "holder", kId});
  }
  void hold(const std::string& value = kId) {
    server().command({"SET", key_.value, value, "PX", "10000"});
    record();
  }

  LeaseView look() {
    const auto looked = registry_.look(key_, 5s);
    if (const auto* failed = std::get_if<Failed>(&looked)) {
      ADD_FAILURE() << failed->text;
      return {};
    }
    return std::get<Listing>(looked).views.front();
  }
  /// The same with the waiting candidates.
  LeaseView show() {
    const auto shown = registry_.show(std::span(&key_, 1), 5s);
    const auto* listing = std::get_if<Listing>(&shown);
    if (listing == nullptr || listing->views.size() != 1) {
      ADD_FAILURE() << "the key cannot be shown";
      return {};
    }
    return listing->views[0];
  }
  Listing list(const std::string& prefix = "") {
    const auto listed = registry_.list(prefix, 5s);
    if (const auto* failed = std::get_if<Failed>(&listed)) {
      ADD_FAILURE() << failed->text;
      return {};
    }
    return std::get<Listing>(listed);
  }
  std::vector<std::string> keys(const std::string& prefix = "") {
    std::vector<std::string> keys;
    for (const LeaseView& view : list(prefix).views) keys.push_back(view.key.value);
    return keys;
  }
  Evicted evict(const Eviction& us) {
    const auto evicted = registry_.evict(key_, us, 5s);
    if (const auto* failed = std::get_if<Failed>(&evicted)) {
      ADD_FAILURE() << failed->text;
      return {};
    }
    return std::get<Evicted>(evicted);
  }
  static Eviction web_1() { return {"web-1", "host-1", kIdentity, false}; }
  static Eviction web_2() { return {"web-2", "host-2", "web-2/boot:4026531836", false}; }
  static Eviction by_force() { return {"web-2", "host-2", "web-2/boot:4026531836", true}; }

  /// The answer to its holder's next renewal.
  std::string renew(const std::string& token = "1764") {
    const ServerReply reply =
        server().command({"EVAL", std::string(kRenewScript.text), "2", key_.value,
                          record_name(key_), kId, "10000", token, "web-1", "host-1", "4711", "x"});
    return reply->elements == 0 ? std::string(text_of(*reply))
                                : std::string(text_of(*reply->element[0]));
  }

  inline static std::unique_ptr<Server> server_;
  Key key_{"job-a"};
  RedisRegistry registry_{server().tcp()};
};

TYPED_TEST_SUITE(RedisRegistryTest, Programs, NameOfProgram);

TYPED_TEST(RedisRegistryTest, ARecordOfAnEarlierVersionShowsTheNameOfItsCommand) {
  this->hold();
  // An earlier version that acquires after us leaves our label.
  this->set("command", "/data/backup --password s3cret");
  EXPECT_EQ(this->look().label, "backup");
  this->server().command({"HDEL", record_name(this->key_), "label"});
  EXPECT_EQ(this->look().label, "backup");
}

TYPED_TEST(RedisRegistryTest, AnEmptyServerHasNoKeyInUse) {
  EXPECT_THAT(this->list().views, IsEmpty());
  const LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kFree);
  EXPECT_EQ(view.key.value, "job-a");
  EXPECT_EQ(view.holder.value, "");
  EXPECT_EQ(view.token, Token{});
  EXPECT_EQ(view.remaining, std::nullopt);
  EXPECT_EQ(view.waiters, std::nullopt);
  EXPECT_EQ(view.fault, "");
  EXPECT_EQ(this->show().state, State::kFree);
  EXPECT_EQ(this->show().waiters, 0);
  EXPECT_EQ(this->server().text({"DBSIZE"}), "0");
}

TYPED_TEST(RedisRegistryTest, AHeldKeyIsDescribedByItsRecord) {
  this->hold();
  const LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kHeld);
  EXPECT_EQ(view.holder.value, kId);
  EXPECT_EQ(view.node, "web-1");
  EXPECT_EQ(view.host, "host-1");
  EXPECT_EQ(view.pid, 4711);
  EXPECT_EQ(view.label, "report");
  EXPECT_EQ(view.identity, "");
  EXPECT_EQ(view.since_ms, 1764000000000);
  EXPECT_EQ(view.token, Token{1764});
  EXPECT_EQ(view.ttl, 10s);
  ASSERT_TRUE(view.remaining);
  EXPECT_LE(*view.remaining, 10s);
  EXPECT_GT(*view.remaining, 5s);
  EXPECT_EQ(view.fault, "");
  this->set("identity", kIdentity);
  EXPECT_EQ(this->look().identity, kIdentity);
}

TYPED_TEST(RedisRegistryTest, WhatTheNodeRedNodeWroteIsItsHostName) {
  this->server().command({"SET", this->key_.value, "web-7", "NX", "EX", "10"});
  LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kHeld);
  EXPECT_EQ(view.node, "web-7");
  EXPECT_GT(view.remaining, 5s);
  // The record of an earlier lease of ours is not about it.
  this->record();
  view = this->look();
  EXPECT_EQ(view.node, "web-7");
  EXPECT_EQ(view.host, "");
  EXPECT_EQ(view.pid, 0);
  EXPECT_EQ(view.label, "");
  EXPECT_EQ(view.token, Token{});
  EXPECT_EQ(view.ttl, 0s);
  EXPECT_EQ(view.since_ms, 0);
}

TYPED_TEST(RedisRegistryTest, AValueWithoutExpiryHasNoRemainingTime) {
  this->server().command({"SET", this->key_.value, "somebody"});
  EXPECT_EQ(this->look().state, State::kHeld);
  EXPECT_EQ(this->look().remaining, std::nullopt);
}

TYPED_TEST(RedisRegistryTest, AParkedKeyIsForItsIdentity) {
  this->hold("parked:" + kIdentity);
  LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kParked);
  EXPECT_EQ(view.node, "web-1");
  EXPECT_EQ(view.identity, kIdentity);
  EXPECT_EQ(view.host, "host-1");
  EXPECT_EQ(view.token, Token{1764});
  EXPECT_GT(view.remaining, 5s);
  // First nobody's, until the hold ends.
  this->set("hold_until", this->now(4s));
  view = this->look();
  EXPECT_EQ(view.state, State::kCoolingDown);
  EXPECT_LE(view.remaining, 4s);
  EXPECT_EQ(view.node, "web-1");
  // A record of another identity is not about it.
  this->set("identity", "web-9/boot:1");
  EXPECT_EQ(this->look().host, "");
  EXPECT_EQ(this->look().identity, kIdentity);
}

TYPED_TEST(RedisRegistryTest, AKeyCoolsDownForTheRestOfItsHold) {
  this->hold("held:" + kId);
  const LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kCoolingDown);
  EXPECT_EQ(view.node, "web-1");
  EXPECT_EQ(view.host, "host-1");
  EXPECT_GT(view.remaining, 5s);
}

TYPED_TEST(RedisRegistryTest, ANodeMayBeCalledAsAParkedKeyBegins) {
  const std::string id = "parked:me/0123456789abcdef0123456789abcdef";
  this->hold(id);
  this->set("holder", id);
  this->set("node", "parked:me");
  EXPECT_EQ(this->look().state, State::kHeld);
  EXPECT_EQ(this->look().node, "parked:me");
}

TYPED_TEST(RedisRegistryTest, ALockThatIsGoneBeforeItsLeaseEndsHasVanished) {
  this->record();
  LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kVanished);
  EXPECT_EQ(view.holder.value, "");
  EXPECT_EQ(view.node, "web-1");
  EXPECT_GT(view.remaining, 5s);
  EXPECT_THAT(this->keys(), ElementsAre("job-a"));
  // A clock that was put back makes nobody wait for longer than a ttl.
  this->set("until", "9000000000000");
  EXPECT_EQ(this->look().remaining, 10s);
}

TYPED_TEST(RedisRegistryTest, AReleasedKeyIsFreeAndShowsItsLastLease) {
  this->record();
  this->server().command({"HDEL", record_name(this->key_), "until"});
  const LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kFree);
  EXPECT_EQ(view.token, Token{1764});
  EXPECT_EQ(view.node, "web-1");
  EXPECT_EQ(view.remaining, std::nullopt);
  EXPECT_THAT(this->keys(), IsEmpty());
}

TYPED_TEST(RedisRegistryTest, AKeyThatMustNotRunAgainYetIsDone) {
  this->record();
  this->server().command({"HDEL", record_name(this->key_), "until"});
  this->set("once_until", this->now(100s));
  const LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kDone);
  EXPECT_GT(view.remaining, 90s);
  EXPECT_LE(view.remaining, 100s);
  EXPECT_THAT(this->keys(), ElementsAre("job-a"));
}

TYPED_TEST(RedisRegistryTest, DataOfAnotherTypeIsReportedAndNotChanged) {
  this->server().command({"LPUSH", this->key_.value, "x"});
  LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kForeign);
  EXPECT_THAT(view.fault, HasSubstr("key holds data of another type"));
  // With a record, it is listed.
  this->record();
  EXPECT_THAT(this->keys(), ElementsAre("job-a"));
  EXPECT_EQ(this->list().views[0].state, State::kForeign);
  const auto evicted = this->registry_.evict(this->key_, this->by_force(), 5s);
  ASSERT_TRUE(std::holds_alternative<Failed>(evicted));
  EXPECT_EQ(std::get<Failed>(evicted).trouble, Trouble::kMisconfigured);
  EXPECT_EQ(this->server().text({"TYPE", this->key_.value}), "list");
}

TYPED_TEST(RedisRegistryTest, ARecordOfAnotherTypeIsReported) {
  for (const auto& command :
       std::vector<std::vector<std::string>>{{"SET", "x"}, {"LPUSH", "x"}, {"SADD", "x"}}) {
    this->server().command({"FLUSHALL"});
    this->server().command({"SET", this->key_.value, kId});
    this->server().command({command[0], record_name(this->key_), command[1]});
    const LeaseView view = this->look();
    EXPECT_EQ(view.state, State::kForeign) << command[0];
    EXPECT_EQ(view.holder.value, kId);
    EXPECT_EQ(view.node, "web-1");
    EXPECT_THAT(view.fault, HasSubstr("record is data of another type"));
    EXPECT_THAT(this->keys(), ElementsAre("job-a"));
  }
}

TYPED_TEST(RedisRegistryTest, ARecordWithInvalidNumbersIsReported) {
  for (const std::string field :
       {"fence", "until", "ttl", "pid", "since", "hold_until", "once_until"}) {
    for (const auto& value :
         std::vector<std::string>{"x", "-1", "1e12", "nan", "99999999999999999999", "", "12 ",
                                  std::string(5000, '9'), "\xff\xfe"}) {
      this->server().command({"FLUSHALL"});
      this->set(field, value);
      LeaseView view = this->look();
      EXPECT_EQ(view.state, State::kForeign) << field << "=" << value;
      EXPECT_THAT(view.fault, HasSubstr(field));
      EXPECT_THAT(this->keys(), ElementsAre("job-a"));
      // A lease is none the less for it.
      this->hold();
      this->set(field, value);
      view = this->look();
      EXPECT_EQ(view.state, State::kHeld) << field << "=" << value;
      EXPECT_THAT(view.fault, HasSubstr(field));
    }
  }
}

TYPED_TEST(RedisRegistryTest, ValuesThatAreNoHolderAreReported) {
  this->server().command({"SET", this->key_.value, ""});
  EXPECT_EQ(this->look().state, State::kForeign);
  EXPECT_THAT(this->look().fault, HasSubstr("empty"));
  this->server().command({"SET", this->key_.value, std::string(3 << 20, 'x')});
  const LeaseView view = this->look();
  EXPECT_EQ(view.state, State::kForeign);
  EXPECT_THAT(view.fault, HasSubstr("3145728 bytes"));
  EXPECT_LT(view.holder.value.size(), 1025U);
}

TYPED_TEST(RedisRegistryTest, BytesThatAreNotTextAreNotChanged) {
  const std::string id = "caf\xe9\x1b[2J\n/0123456789abcdef0123456789abcdef";
  this->hold(id);
  this->set("holder", id);
  this->set("node", "caf\xe9\x1b[2J\n");
  EXPECT_EQ(this->look().state, State::kHeld);
  EXPECT_EQ(this->look().node, "caf\xe9\x1b[2J\n");
  EXPECT_EQ(this->look().holder.value, id);
}

TYPED_TEST(RedisRegistryTest, LongTextsAreCutOff) {
  this->hold();
  this->set("label", std::string(1 << 20, 'x'));
  EXPECT_EQ(this->look().label, std::string(1024, 'x'));
}

TYPED_TEST(RedisRegistryTest, InAQuorumWaitersAreTheSubscribersWithoutTheHolder) {
  this->hold();
  RedisCaller first(this->server().tcp());
  RedisCaller second(this->server().tcp());
  const RedisCaller::Command subscribe = {"SUBSCRIBE", events_channel(this->key_)};
  RedisRegistry registry(this->server().tcp(), RedisCaller::Role::kPrimary,
                         RedisRegistry::Waiters::kSubscribed);
  const auto waiters = [&] {
    return std::get<Listing>(registry.show(std::span(&this->key_, 1), 5s)).views.at(0).waiters;
  };
  EXPECT_EQ(waiters(), 0);
  const auto subscribed = first.call(std::span(&subscribe, 1), BootClock::now() + 5s);
  ASSERT_TRUE(std::holds_alternative<RedisCaller::Replies>(subscribed));
  EXPECT_EQ(waiters(), 1);
  this->set("listens", "1");
  EXPECT_EQ(waiters(), 0);
  ASSERT_TRUE(std::holds_alternative<RedisCaller::Replies>(
      second.call(std::span(&subscribe, 1), BootClock::now() + 5s)));
  EXPECT_EQ(waiters(), 1);
  EXPECT_EQ(std::get<Listing>(registry.list("", 5s)).views[0].waiters, 1);
  // Its former holder does not hold it any more.
  this->server().command({"SET", this->key_.value, "held:" + kId});
  EXPECT_EQ(waiters(), 2);
}

TYPED_TEST(RedisRegistryTest, ListsTheKeysOfAPrefixInTheirOrder) {
  const std::vector<std::string> keys = {"a",
                                         "a*b",
                                         "a[b]",
                                         "ab",
                                         "a\\b",
                                         "a?",
                                         "{a}b",
                                         "b{a}",
                                         "{a",
                                         "\xc3\xa4\xff",
                                         "a b\nc",
                                         "{a}[x",
                                         std::string(512, 'z')};
  for (const std::string& key : keys) {
    this->server().command({"SET", key, "web-1", "PX", "10000"});
    this->server().command({"HSET", record_name({key}), "fence", "1"});
  }
  // Not ours, though they look like it.
  for (const std::string& name :
       {std::string("cluster-leader:record:{}"), std::string("cluster-leader:record::q"),
        std::string("cluster-leader:record:x"), std::string("cluster-leader:record:{a\0}", 25),
        "cluster-leader:record:{" + std::string(513, 'y') + "}"}) {
    this->server().command({"HSET", name, "fence", "x"});
  }
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(this->keys(), sorted);
  EXPECT_THAT(this->keys("a*"), ElementsAre("a*b"));
  EXPECT_THAT(this->keys("a["), ElementsAre("a[b]"));
  EXPECT_THAT(this->keys("a?"), ElementsAre("a?"));
  EXPECT_THAT(this->keys("a\\"), ElementsAre("a\\b"));
  EXPECT_THAT(this->keys("{a"), ElementsAre("{a", "{a}[x", "{a}b"));
  EXPECT_THAT(this->keys("{a}"), ElementsAre("{a}[x", "{a}b"));
  EXPECT_THAT(this->keys("b"), ElementsAre("b{a}"));
  EXPECT_THAT(this->keys("nothing"), IsEmpty());
}

TYPED_TEST(RedisRegistryTest, ListsTwoThousandKeysAmongManyOthersWithoutKeys) {
  this->server().command({"EVAL",
                          "for i = 1, 2000 do"
                          "  redis.call('SET', 'job-' .. i, 'web-1/x', 'PX', 60000)"
                          "  redis.call('HSET', 'cluster-leader:record:{job-' .. i .. '}', 'fence',"
                          "    '5', 'holder', 'web-1/x', 'node', 'web-1') "
                          "end "
                          "for i = 1, 20000 do redis.call('SET', 'other-' .. i, 'x') end",
                          "0"});
  const long long all_keys = this->server().calls("keys");
  const Time begin = BootClock::now();
  const Listing listing = this->list("job-");
  EXPECT_LT(BootClock::now() - begin, 5s);
  EXPECT_EQ(listing.views.size(), 2000U);
  EXPECT_EQ(listing.unread, 0U);
  for (const LeaseView& view : listing.views) EXPECT_EQ(view.token, Token{5});
  EXPECT_EQ(this->server().calls("keys"), all_keys);
}

TYPED_TEST(RedisRegistryTest, ReleasesItsOwnLease) {
  this->hold();
  this->set("once_until", "77");
  const Evicted evicted = this->evict(this->web_1());
  EXPECT_EQ(evicted.kind, Evicted::Kind::kReleased);
  EXPECT_EQ(evicted.before.state, State::kHeld);
  EXPECT_EQ(evicted.before.label, "report");
  EXPECT_EQ(this->look().state, State::kFree);
  EXPECT_EQ(this->get("fence"), "1764");
  EXPECT_EQ(this->get("until"), "(nil)");
  EXPECT_EQ(this->get("once_until"), "77");
  EXPECT_EQ(this->renew(), "lost");
  EXPECT_EQ(this->look().state, State::kFree);
  EXPECT_EQ(this->evict(this->web_1()).kind, Evicted::Kind::kNobodys);
}

TYPED_TEST(RedisRegistryTest, DoesNotReleaseAnothersLease) {
  this->hold();
  const Evicted evicted = this->evict(this->web_2());
  EXPECT_EQ(evicted.kind, Evicted::Kind::kOthers);
  EXPECT_EQ(evicted.before.node, "web-1");
  EXPECT_EQ(this->look().state, State::kHeld);
  // A node of the same names that is another one.
  this->set("identity", "web-1/another-boot:1");
  EXPECT_EQ(this->evict(this->web_1()).kind, Evicted::Kind::kOthers);
  this->set("identity", kIdentity);
  EXPECT_EQ(this->evict(this->web_1()).kind, Evicted::Kind::kReleased);
}

TYPED_TEST(RedisRegistryTest, ForceReleasesAnyLease) {
  this->hold();
  EXPECT_EQ(this->evict(this->by_force()).before.node, "web-1");
  EXPECT_EQ(this->renew(), "lost");
  this->server().command({"SET", this->key_.value, "web-7"});
  Eviction web_7{"web-7", "", "", false};
  EXPECT_EQ(this->evict(web_7).kind, Evicted::Kind::kOthers);
  web_7.force = true;
  EXPECT_EQ(this->evict(web_7).kind, Evicted::Kind::kReleased);
  EXPECT_EQ(this->server().text({"GET", this->key_.value}), "(nil)");
}

TYPED_TEST(RedisRegistryTest, ParkedKeysAndKeysThatCoolDownAreReleasedByTheirNode) {
  this->hold("parked:" + kIdentity);
  this->set("hold_until", this->now(5s));
  EXPECT_EQ(this->evict(this->web_2()).kind, Evicted::Kind::kOthers);
  EXPECT_EQ(this->evict(this->web_1()).kind, Evicted::Kind::kReleased);
  EXPECT_EQ(this->look().state, State::kFree);
  EXPECT_EQ(this->get("hold_until"), "(nil)");
  this->hold("held:" + kId);
  EXPECT_EQ(this->evict(this->web_2()).kind, Evicted::Kind::kOthers);
  EXPECT_EQ(this->evict(this->web_1()).kind, Evicted::Kind::kReleased);
  EXPECT_EQ(this->look().state, State::kFree);
}

TYPED_TEST(RedisRegistryTest, AVanishedLeaseIsReleasedToo) {
  this->record();
  EXPECT_EQ(this->evict(this->web_2()).kind, Evicted::Kind::kOthers);
  EXPECT_EQ(this->look().state, State::kVanished);
  const Evicted evicted = this->evict(this->web_1());
  EXPECT_EQ(evicted.kind, Evicted::Kind::kReleased);
  EXPECT_EQ(evicted.before.state, State::kVanished);
  EXPECT_EQ(this->look().state, State::kFree);
  EXPECT_EQ(this->renew(), "lost");
}

TYPED_TEST(RedisRegistryTest, AnEvictedHolderDoesNotComeBackThoughItsRecordWasLost) {
  this->hold();
  this->server().command({"DEL", record_name(this->key_)});
  EXPECT_EQ(this->evict(this->by_force()).kind, Evicted::Kind::kReleased);
  EXPECT_EQ(this->renew(), "lost");
  EXPECT_GT(this->server().integer({"PTTL", record_name(this->key_)}), 0);
  this->hold();
  this->server().command({"HSET", record_name(this->key_), "holder", "web-9/x"});
  EXPECT_EQ(this->evict(this->by_force()).kind, Evicted::Kind::kReleased);
  EXPECT_EQ(this->renew(), "lost");
}

TYPED_TEST(RedisRegistryTest, OnlyTheInspectedLeaseIsReleased) {
  this->hold();
  const auto evict = [&](const std::string& value, const std::string& fence) {
    const ServerReply reply =
        this->server().command({"EVAL", std::string(kEvictScript.text), "2", this->key_.value,
                                record_name(this->key_), value, fence, events_channel(this->key_)});
    return reply->elements == 0 ? std::string(text_of(*reply))
                                : std::string(text_of(*reply->element[0]));
  };
  EXPECT_EQ(evict("web-2/x", "1764"), "changed");
  EXPECT_EQ(evict(kId, "1763"), "changed");
  EXPECT_EQ(evict("", "1764"), "changed");
  EXPECT_EQ(evict(kId, ""), "changed");
  EXPECT_EQ(this->look().state, State::kHeld);
  EXPECT_EQ(evict(kId, "1764"), "released");
}

TYPED_TEST(RedisRegistryTest, SubscribersAreNotifiedOfAReleaseByHand) {
  this->hold();
  const auto listener = [&] {
    Dialer dialer(this->server().tcp(), 5s, BootClock::now());
    Poller poller;
    for (const Poller* waited = nullptr;; waited = &poller) {
      if (auto result = dialer.advance(waited, BootClock::now())) {
        return RedisConnection::open(PlainStream::open(std::get<UniqueFd>(std::move(*result))));
      }
      dialer.watch(poller);
      poller.wait(dialer.wake_at());
    }
  }();
  ASSERT_TRUE(listener->append(RedisConnection::Purpose::kSubscribe,
                               {"SUBSCRIBE", events_channel(this->key_)}));
  listener->flush();
  ASSERT_TRUE(eventually([&] {
    return this->server()
               .command({"PUBSUB", "NUMSUB", events_channel(this->key_)})
               ->element[1]
               ->integer == 1;
  }));
  this->evict(this->web_1());
  std::string event;
  EXPECT_TRUE(eventually([&] {
    listener->read();
    while (const auto received = listener->receive()) {
      if (received->reply->elements == 3) event = text_of(*received->reply->element[2]);
    }
    return event == "broken";
  })) << event;
}

TYPED_TEST(RedisRegistryTest, RightsThatOnlyPeopleNeedMayBeMissing) {
  this->hold();
  RedisLocation location = this->server().tcp();
  location.credentials = {"least", "p", ""};
  const auto give = [&](const std::vector<std::string>& rights) {
    this->server().command({"ACL", "SETUSER", "least", "reset"});
    EXPECT_EQ(this->server().text(acl_words<TypeParam>(
                  {"ACL", "SETUSER", "least", "on", ">p", "~job-*", "~cluster-leader:record:*",
                   "~cluster-leader:slot:*", "~cluster-leader:slot-record:*",
                   "~cluster-leader:queue:*", "&cluster-leader:events:*"})),
              "OK");
    for (const std::string& right : rights) {
      EXPECT_EQ(this->server().text({"ACL", "SETUSER", "least", "+" + right}), "OK");
    }
    return RedisRegistry(location);
  };
  const auto looked = [&](RedisRegistry registry) {
    return std::get<Listing>(registry.look(this->key_, 5s)).views.front();
  };
  // What check needs.
  const std::vector<std::string> look = {"eval", "get", "pttl", "hmget", "time"};
  this->server().command({"ACL", "LOG", "RESET"});
  EXPECT_EQ(looked(give(look)).state, State::kHeld);
  EXPECT_EQ(this->server().command({"ACL", "LOG"})->elements, 0U);
  for (const std::string& right : look) {
    std::vector<std::string> others = look;
    std::erase(others, right);
    const auto failed = give(others).look(this->key_, 5s);
    ASSERT_TRUE(std::holds_alternative<Failed>(failed)) << right;
    EXPECT_EQ(std::get<Failed>(failed).trouble, Trouble::kDenied) << std::get<Failed>(failed).text;
  }
  // What status needs.
  std::vector<std::string> list = look;
  list.insert(list.end(), {"zcount", "zscore", "zrangebyscore", "evalsha", "scan"});
  this->server().command({"SET", "job-b", "web-1"});
  this->server().command({"HSET", record_name({"job-b"}), "fence", "1"});
  EXPECT_EQ(std::get<Listing>(give(list).list("", 5s)).views.size(), 2U);
  EXPECT_EQ(std::get<Listing>(give(list).list("", 5s)).views[0].waiters, 0);
  list.pop_back();
  const auto failed = give(list).list("", 5s);
  ASSERT_TRUE(std::holds_alternative<Failed>(failed));
  EXPECT_EQ(std::get<Failed>(failed).trouble, Trouble::kDenied);
  EXPECT_THAT(std::get<Failed>(failed).text, HasSubstr("scan"));
  // What release needs; publish is a comfort.
  std::vector<std::string> release = look;
  release.insert(release.end(), {"del", "hdel"});
  const auto evicted = give(release).evict(this->key_, this->web_1(), 5s);
  ASSERT_TRUE(std::holds_alternative<Evicted>(evicted)) << std::get<Failed>(evicted).text;
  EXPECT_EQ(this->look().state, State::kFree);
  this->server().command({"ACL", "DELUSER", "least"});
}

TYPED_TEST(RedisRegistryTest, KeysThatOthersMayReadDoNotHideOurs) {
  this->hold();
  this->server().command({"SET", "secret", "x"});
  this->server().command({"HSET", record_name({"secret"}), "fence", "1"});
  this->server().command({"ACL", "SETUSER", "least", "reset", "on", ">p", "~job-*",
                          "~cluster-leader:record:{job-*", "~cluster-leader:queue:{job-*",
                          "+@all"});
  RedisLocation location = this->server().tcp();
  location.credentials = {"least", "p", ""};
  RedisRegistry registry(location);
  const auto listing = std::get<Listing>(registry.list("", 5s));
  ASSERT_EQ(listing.views.size(), 1U);
  EXPECT_EQ(listing.views[0].key.value, "job-a");
  EXPECT_EQ(listing.unread, 1U);
  ASSERT_TRUE(listing.failure);
  EXPECT_EQ(listing.failure->trouble, Trouble::kDenied);
  this->server().command({"ACL", "DELUSER", "least"});
}

TYPED_TEST(RedisRegistryTest, AKeyThatIsRefusedDoesNotHideTheSlotsOfAnother) {
  this->server().command({"SET", "cluster-leader:slot:{job-b}:2", "web-1/x", "PX", "60000"});
  this->server().command({"ACL", "SETUSER", "least", "reset", "on", ">p", "~job-*",
                          "~cluster-leader:*{job-*", "+@all"});
  RedisLocation location = this->server().tcp();
  location.credentials = {"least", "p", ""};
  RedisRegistry registry(location);
  // The first key's request is refused, so that it does not make the script known.
  this->server().command({"SCRIPT", "FLUSH"});
  const std::vector<Key> keys = {{"secret"}, {"job-b"}};
  const auto listing = std::get<Listing>(registry.show(keys, 5s));
  EXPECT_EQ(listing.unread, 1U);
  ASSERT_EQ(listing.views.size(), 1U);
  EXPECT_EQ(listing.views[0].slot, 2U);
  this->server().command({"ACL", "DELUSER", "least"});
  this->server().command({"DEL", "cluster-leader:slot:{job-b}:2"});
}

TYPED_TEST(RedisRegistryTest, StaysConnectedAndConnectsAgainWhenThatBroke) {
  this->hold();
  this->look();
  const auto connections = [&] {
    const std::string stats = this->server().text({"INFO", "stats"});
    const std::string field = "total_connections_received:";
    return std::atoll(stats.c_str() + stats.find(field) + field.size());
  };
  const long long before = connections();
  this->look();
  this->look();
  EXPECT_EQ(connections(), before + 1);
  this->server().command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_EQ(this->look().state, State::kHeld);
}

TYPED_TEST(RedisRegistryTest, ASilentServerFailsInTime) {
  this->look();
  this->server().pause();
  const Time begin = BootClock::now();
  const auto looked = this->registry_.look(this->key_, 200ms);
  EXPECT_LT(BootClock::now() - begin, 5s);
  this->server().resume();
  ASSERT_TRUE(std::holds_alternative<Failed>(looked));
  EXPECT_EQ(std::get<Failed>(looked).trouble, Trouble::kUnreachable);
  EXPECT_EQ(std::get<Failed>(looked).text, "no answer in time (waiting for an answer)");
  EXPECT_EQ(this->look().state, State::kFree);
}

TYPED_TEST(RedisRegistryTest, AReplicaIsRefused) {
  Server replica(TypeParam::path());
  replica.command({"REPLICAOF", "127.0.0.1", std::to_string(this->server().port())});
  const auto looked = RedisRegistry(replica.tcp()).look(this->key_, 5s);
  ASSERT_TRUE(std::holds_alternative<Failed>(looked));
  EXPECT_EQ(std::get<Failed>(looked).trouble, Trouble::kNotServing);
}

TYPED_TEST(RedisRegistryTest, AServerWithoutHelloIsUsedInResp2) {
  Server old(TypeParam::path(), {"--rename-command", "HELLO", "", "--requirepass", "s3cret"});
  RedisLocation location = old.tcp();
  location.credentials.password = "wrong";
  const auto denied = RedisRegistry(location).look(this->key_, 5s);
  ASSERT_TRUE(std::holds_alternative<Failed>(denied));
  EXPECT_EQ(std::get<Failed>(denied).trouble, Trouble::kDenied);
  location.credentials.password = "s3cret";
  location.db = 3;
  RedisRegistry registry(location);
  EXPECT_EQ(std::get<Listing>(registry.look(this->key_, 5s)).views.front().state, State::kFree);
  EXPECT_THAT(std::get<Listing>(registry.list("", 5s)).views, IsEmpty());
}

TEST(LeaseOfRecordTest, IsTheLeaseWhoseRecordItIs) {
  for (const std::string key : {"a", "nodered:leader", "{a}", "{a}b", "b{a}", "{a", "a{", "{", "}",
                                "a}b", "{}", "{}a", "}{", ":a", ":{a}", "\xff\n"}) {
    for (const std::uint32_t slot : {0U, 1U, 63U}) {
      const auto found = lease_of_record(record_name({key}, slot));
      ASSERT_TRUE(found) << key;
      EXPECT_EQ(found->key.value, key);
      EXPECT_EQ(found->slot, slot);
    }
  }
  for (const std::string name :
       {"", "a", "cluster-leader:record:", "cluster-leader:record:{", "cluster-leader:record:{}",
        "cluster-leader:record::", "cluster-leader:record:a", "cluster-leader:record::a",
        "cluster-leader:record:{{a}}", "cluster-leader:record:{a}b", "cluster-leader:events:{a}",
        "xcluster-leader:record:{a}", "cluster-leader:record:{a}:1",
        "cluster-leader:slot-record:{a}", "cluster-leader:slot-record:{a}:0",
        "cluster-leader:slot-record:{a}:64", "cluster-leader:slot-record:{a}:01",
        "cluster-leader:slot-record:{a}:1x", "cluster-leader:slot-record:1"}) {
    EXPECT_FALSE(lease_of_record(name)) << name;
  }
}

}  // namespace
}  // namespace cluster_leader
