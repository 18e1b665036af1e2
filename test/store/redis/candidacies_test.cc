#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/redis/names.h"
#include "store/redis/store.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/fake_server.h"
#include "support/full_port.h"

// Many candidacies on one connection to one server.

namespace cluster_leader {

using testing::HasSubstr;

namespace {

/// As main() does.
const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

/// A store with candidacies for keys of their own.
struct Crowd {
  Crowd(const RedisLocation& location, const Candidate& candidate, std::size_t size)
      : store(std::make_unique<RedisStore>(location, candidate)) {
    for (std::size_t candidacy = 0; candidacy < size; ++candidacy) {
      candidacies.push_back({fresh_key(), fresh_holder(candidate.node)});
      store.add(candidacies.back());
    }
  }

  void send_all(RequestKind kind) {
    for (std::size_t candidacy = 0; candidacy < candidacies.size(); ++candidacy)
      store.send(kind, token, candidacy);
  }
  template <typename T>
  void expect_all() {
    for (std::size_t candidacy = 0; candidacy < candidacies.size(); ++candidacy) {
      expect<T>(store.await_answer(kPatience, candidacy));
    }
  }
  /// A lease comes by its renewal on a server that is too young to grant one.
  void acquire_all() {
    send_all(RequestKind::kRenew);
    expect_all<Renewed>();
  }

  std::vector<Candidacy> candidacies;
  LoopedStore store;
  Token token{wall_clock_ms()};  ///< of renewals
};

/// As `elect`, which hears all that happens to its keys.
Candidate listener(const std::string& node = "a") {
  Candidate candidate = make_candidate(node);
  candidate.listens = true;
  candidate.identity = node + "/identity";
  return candidate;
}

}  // namespace

template <typename World>
class RedisCandidaciesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }

  static const Server& server() { return world_->server; }
  static long long statistic(const std::string& name) {
    const std::string stats = server().text({"INFO", "stats"});
    return std::atoll(stats.c_str() + stats.find(name + ":") + name.size() + 1);
  }
  static bool exists(const Key& key) { return server().integer({"EXISTS", key.value}) != 0; }
  /// How many connections stores have.
  static int connections() {
    const std::string clients = server().text({"CLIENT", "LIST"});
    const std::string ours = " name=cluster-leader ";
    int count = 0;
    for (std::size_t at = 0; (at = clients.find(ours, at)) != clients.npos; ++at) ++count;
    return count;
  }
  /// The server notices a little later that a connection was closed.
  static bool connections_become(int count) {
    for (const Time end = BootClock::now() + 5s; BootClock::now() < end;) {
      if (connections() == count) return true;
    }
    return false;
  }
  static void publish(const Key& key, const std::string& event) {
    server().command({"PUBLISH", events_channel(key), event});
  }

  inline static std::unique_ptr<World> world_;
};

using Worlds = testing::Types<RedisWorld, Redis6World, ValkeyWorld>;
struct NameOfWorld {
  template <typename World>
  static std::string GetName(int) {
    return World::kName;
  }
};
TYPED_TEST_SUITE(RedisCandidaciesTest, Worlds, NameOfWorld);

TYPED_TEST(RedisCandidaciesTest, AThousandCandidaciesAreAskedForInFewPacketsOverOneConnection) {
  ASSERT_TRUE(this->connections_become(0));
  this->server().command({"SCRIPT", "FLUSH"});
  Crowd crowd(this->server().tcp(), listener(), 1000);
  const auto reads = [this] { return this->statistic("total_reads_processed"); };
  const long long by_text = this->server().calls("eval");
  const long long by_name = this->server().calls("evalsha");
  long long before = reads();
  crowd.send_all(RequestKind::kAcquire);
  crowd.template expect_all<Granted>();
  // The server reads 16 KiB at a time.
  EXPECT_LT(reads() - before, 150);
  EXPECT_EQ(this->server().calls("eval") - by_text, 1) << "the first one teaches the script";
  EXPECT_EQ(this->server().calls("evalsha") - by_name, 999) << "which the others need not find out";
  EXPECT_EQ(this->connections(), 1);
  crowd.acquire_all();
  before = reads();
  crowd.acquire_all();
  EXPECT_LT(reads() - before, 50);
  EXPECT_EQ(this->connections(), 1);
}

TYPED_TEST(RedisCandidaciesTest, OfManyRequestsOneSendsTheMissingScript) {
  Crowd crowd(this->server().tcp(), make_candidate("a"), 50);
  crowd.acquire_all();
  for (int round = 0; round < 3; ++round) {
    this->server().command({"SCRIPT", "FLUSH"});
    const long long by_text = this->server().calls("eval");
    crowd.acquire_all();
    EXPECT_EQ(this->server().calls("eval") - by_text, 1);
  }
}

TYPED_TEST(RedisCandidaciesTest, ARenewalIsShort) {
  Candidate candidate = make_candidate("a");
  candidate.label = std::string(100'000, 'x');
  Crowd crowd(this->server().tcp(), candidate, 1);
  const Token token = expect_granted(crowd.store).token;
  const auto bytes = [this] { return this->statistic("total_net_input_bytes"); };
  const long long before = bytes();
  expect_renewed(crowd.store, token);
  // A lock that was evicted is set again; the record is there.
  this->server().command({"DEL", crowd.candidacies[0].key.value});
  expect_renewed(crowd.store, token);
  EXPECT_LT(bytes() - before, 3000);
}

TYPED_TEST(RedisCandidaciesTest, ARenewalThatMustRewriteTheRecordSendsAllFields) {
  Candidate candidate = listener();
  candidate.identity = "a/boot:1";
  Crowd crowd(this->server().tcp(), candidate, 1);
  const Key& key = crowd.candidacies[0].key;
  const auto record = [&] {
    std::string text;
    for (const char* name :
         {"fence", "ttl", "node", "host", "pid", "label", "holder", "identity", "listens"}) {
      text += this->server().text({"HGET", record_name(key), name}) + "\n";
    }
    return text;
  };
  const Token token = expect_granted(crowd.store).token;
  const std::string granted = record();
  EXPECT_THAT(granted, HasSubstr("\na/boot:1\n1\n"));
  this->server().command({"DEL", key.value, record_name(key)});
  expect_renewed(crowd.store, token);
  EXPECT_EQ(record(), granted);
  // The record alone may be lost, too.
  this->server().command({"DEL", record_name(key)});
  expect_renewed(crowd.store, token);
  EXPECT_EQ(record(), granted);
  EXPECT_EQ(this->server().text({"GET", key.value}), crowd.candidacies[0].holder.value);
}

TYPED_TEST(RedisCandidaciesTest, ALeaseRemovesTheCommandLineOfAnEarlierVersion) {
  Crowd crowd(this->server().tcp(), make_candidate("a"), 1);
  const Key& key = crowd.candidacies[0].key;
  const auto field = [&](const char* name) {
    return this->server().text({"HGET", record_name(key), name});
  };
  this->server().command({"HSET", record_name(key), "command", "backup --password s3cret"});
  const Token token = expect_granted(crowd.store).token;
  EXPECT_EQ(field("command"), "(nil)");
  EXPECT_EQ(field("label"), "the job of a");
  // So does a renewal that writes the whole record.
  this->server().command({"DEL", record_name(key)});
  this->server().command({"HSET", record_name(key), "command", "backup --password s3cret"});
  expect_renewed(crowd.store, token);
  EXPECT_EQ(field("command"), "(nil)");
  EXPECT_EQ(field("label"), "the job of a");
}

TYPED_TEST(RedisCandidaciesTest, ACandidateThatDoesNotListenSaysSo) {
  Crowd crowd(this->server().tcp(), make_candidate("a"), 1);
  expect_granted(crowd.store);
  const std::string record = record_name(crowd.candidacies[0].key);
  EXPECT_EQ(this->server().text({"HGET", record, "listens"}), "");
  EXPECT_EQ(this->server().text({"HGET", record, "identity"}), "");
}

TYPED_TEST(RedisCandidaciesTest, CancellingOneFailsAllThatWaitAndWakesAllThatListen) {
  Server server(TypeParam::program());
  Crowd crowd(server.tcp(), listener(), 4);
  crowd.acquire_all();
  server.pause();
  for (const std::size_t candidacy : {0, 1, 2}) {
    crowd.store.send(RequestKind::kRenew, crowd.token, candidacy);
  }
  EXPECT_FALSE(crowd.store.await_answer(50ms));
  crowd.store.cancel(0);
  for (const std::size_t candidacy : {1, 2}) {
    const auto failed = expect<Failed>(crowd.store.await_answer(0s, candidacy));
    EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
    EXPECT_TRUE(failed.unknown);
    EXPECT_THAT(failed.text, HasSubstr("did not answer in time"));
    EXPECT_FALSE(crowd.store.take_notice(candidacy)) << "a failure has its own pause";
  }
  const auto notice = crowd.store.await_notice(0s, 3);
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kFree);
  EXPECT_FALSE(crowd.store.take_notice(0));
  EXPECT_FALSE(crowd.store.await_answer(0s, 0));
  server.resume();
  crowd.acquire_all();
  EXPECT_FALSE(crowd.store.take_notice(0));
  // All of them listen again.
  for (std::size_t candidacy = 0; candidacy < 4; ++candidacy) {
    server.command({"PUBLISH", events_channel(crowd.candidacies[candidacy].key), "released"});
    EXPECT_TRUE(crowd.store.await_notice(2s, candidacy)) << candidacy;
  }
}

TYPED_TEST(RedisCandidaciesTest, AnAnswerThatIsTakenTooLateNamesItsOwnRequest) {
  RedisStore store(this->server().tcp(), make_candidate("a"));
  for (const std::size_t candidacy : {0, 1}) {
    EXPECT_EQ(store.add(fresh_key()), candidacy);
    store.set_holder(candidacy, fresh_holder("a"));
    store.send(candidacy, {RequestKind::kAcquire, 1, {}, {}, {}}, BootClock::now());
  }
  Poller poller;
  // Something was received, and nothing else is pending.
  for (const Time end = BootClock::now() + 300ms; BootClock::now() < end;) {
    store.watch(poller);
    store.advance(poller, poller.wait(end));
  }
  store.abandon(0);
  store.set_holder(0, fresh_holder("a"));
  store.send(0, {RequestKind::kAcquire, 2, {}, {}, {}}, BootClock::now());
  for (const std::size_t candidacy : {0, 1}) {
    const auto event = store.next();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->candidacy, candidacy);
    EXPECT_EQ(std::get<Answered>(event->what).attempt, 1U);
  }
  EXPECT_FALSE(store.next());
}

TYPED_TEST(RedisCandidaciesTest, ARequestThatWasNotWrittenIsNotUnknown) {
  Server server(TypeParam::program());
  Candidate candidate = make_candidate("a");
  candidate.label = std::string(20 << 20, 'x');
  Crowd crowd(server.tcp(), candidate, 3);
  expect_released(crowd.store);
  server.pause();
  crowd.store.send(RequestKind::kRelease, {}, 0);
  crowd.store.send(RequestKind::kAcquire, {}, 1);
  crowd.store.send(RequestKind::kRelease, {}, 2);
  EXPECT_FALSE(crowd.store.await_answer(50ms));
  server.kill();
  for (const std::size_t candidacy : {0, 1, 2}) {
    const auto failed = expect<Failed>(crowd.store.await_answer(kPatience, candidacy));
    EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
    EXPECT_EQ(failed.unknown, candidacy != 2) << candidacy;
  }
}

TYPED_TEST(RedisCandidaciesTest, ABrokenConnectionIsReportedToEveryCandidacy) {
  Server server(TypeParam::program());
  Crowd crowd(server.tcp(), listener(), 3);
  crowd.acquire_all();
  server.pause();
  crowd.store.send(RequestKind::kRenew, crowd.token, 1);
  EXPECT_FALSE(crowd.store.await_answer(50ms, 1));
  server.kill();
  EXPECT_TRUE(expect<Failed>(crowd.store.await_answer(kPatience, 1)).unknown);
  for (const std::size_t candidacy : {0, 2}) {
    const auto notice = crowd.store.await_notice(2s, candidacy);
    ASSERT_TRUE(notice);
    EXPECT_EQ(notice->kind, Notice::Kind::kFree);
  }
  EXPECT_FALSE(crowd.store.await_notice(20ms, 1));
  // Nothing is reported twice.
  EXPECT_FALSE(crowd.store.await_notice(20ms, 0));
}

TYPED_TEST(RedisCandidaciesTest, AFailedLoginLeavesNothingOfAnyCandidacyBehind) {
  RedisLocation location = this->server().tcp();
  location.credentials.user = "nobody";
  location.credentials.password = "s3cret";
  for (const bool listens : {false, true}) {
    Candidate candidate = make_candidate("a");
    candidate.listens = listens;
    Crowd crowd(location, candidate, 20);
    for (int round = 0; round < 2; ++round) {
      crowd.send_all(RequestKind::kAcquire);
      for (std::size_t candidacy = 0; candidacy < crowd.candidacies.size(); ++candidacy) {
        const auto failed = expect<Failed>(crowd.store.await_answer(kPatience, candidacy));
        EXPECT_EQ(failed.trouble, Trouble::kDenied);
        EXPECT_FALSE(failed.unknown);
        EXPECT_FALSE(this->exists(crowd.candidacies[candidacy].key));
        EXPECT_FALSE(crowd.store.take_notice(candidacy)) << "it would ask again at once";
      }
    }
  }
}

TYPED_TEST(RedisCandidaciesTest, AFailedLoginLeavesNothingOfACandidacyThatWasAbandonedBehind) {
  RedisLocation location = this->server().tcp();
  location.credentials.user = "nobody";
  Crowd crowd(location, make_candidate("a"), 3);
  crowd.send_all(RequestKind::kAcquire);
  // Until the requests are written.
  while (crowd.store.stage() == "connecting") crowd.store.turn(BootClock::now() + 5s);
  crowd.store.abandon(1);
  expect<Failed>(crowd.store.await_answer(kPatience, 0));
  expect<Failed>(crowd.store.await_answer(kPatience, 2));
  EXPECT_FALSE(crowd.store.await_answer(20ms, 1));
  for (const Candidacy& candidacy : crowd.candidacies) EXPECT_FALSE(this->exists(candidacy.key));
}

TYPED_TEST(RedisCandidaciesTest, AServerThatBecameAReplicaTellsEveryCandidacy) {
  Server server(TypeParam::program());
  Crowd crowd(server.tcp(), listener(), 4);
  crowd.acquire_all();
  server.command({"REPLICAOF", "127.0.0.1", "1"});
  for (const std::size_t candidacy : {0, 1, 2}) {
    crowd.store.send(RequestKind::kRenew, crowd.token, candidacy);
  }
  for (const std::size_t candidacy : {0, 1, 2}) {
    const auto failed = expect<Failed>(crowd.store.await_answer(kPatience, candidacy));
    EXPECT_EQ(failed.trouble, Trouble::kNotServing) << candidacy;
    EXPECT_FALSE(failed.unknown) << candidacy;
    EXPECT_FALSE(crowd.store.take_notice(candidacy)) << "it would ask again at once";
  }
  // The connection was closed, with the events that it would have delivered.
  ASSERT_TRUE(crowd.store.await_notice(2s, 3));
  server.command({"REPLICAOF", "NO", "ONE"});
  crowd.acquire_all();
}

TYPED_TEST(RedisCandidaciesTest, AForbiddenKeyDoesNotDisturbOthers) {
  RedisLocation location = this->server().tcp();
  location.credentials.user = "narrow";
  location.credentials.password = "p";
  EXPECT_EQ(
      this->server().text(acl_words<typename TypeParam::ServerProgram>(
          {"ACL", "SETUSER", "narrow", "on", ">p", "~test-*", "~cluster-leader:record:{test-*",
           "~cluster-leader:queue:{test-*", "~cluster-leader:primary", "&*", "+@all"})),
      "OK");
  Crowd crowd(location, listener(), 1);
  crowd.store.add({{"other-" + fresh_key().value}, fresh_holder("a")});
  const Token token = expect_granted(crowd.store).token;
  const auto failed = expect<Failed>(crowd.store.ask(RequestKind::kAcquire, {}, 5s, 1));
  EXPECT_EQ(failed.trouble, Trouble::kDenied) << failed.text;
  EXPECT_FALSE(crowd.store.await_notice(50ms)) << "the connection was given up";
  expect_renewed(crowd.store, token);
  this->server().command({"ACL", "DELUSER", "narrow"});
}

TYPED_TEST(RedisCandidaciesTest, Resp2SupportsManyCandidacies) {
  Server server(TypeParam::program(), {"--rename-command", "HELLO", ""});
  server.grow_up(1s);
  for (const bool listens : {false, true}) {
    Candidate candidate = make_candidate("a");
    candidate.listens = listens;
    Crowd crowd(server.tcp(), candidate, 20);
    crowd.send_all(RequestKind::kAcquire);
    crowd.template expect_all<Granted>();
    EXPECT_EQ(server.text({"HGET", record_name(crowd.candidacies[7].key), "listens"}),
              listens ? "2" : "");
    crowd.send_all(RequestKind::kRelease);
    crowd.template expect_all<Released>();
    EXPECT_EQ(server.integer({"EXISTS", crowd.candidacies[7].key.value}), 0);
  }
}

TYPED_TEST(RedisCandidaciesTest, AbandoningOneLeavesTheOthersTheirConnectionAndTheLastClosesIt) {
  ASSERT_TRUE(this->connections_become(0));
  Crowd crowd(this->server().tcp(), listener(), 3);
  crowd.send_all(RequestKind::kAcquire);
  crowd.template expect_all<Granted>();
  crowd.store.abandon(1);
  EXPECT_EQ(this->connections(), 1);
  this->publish(crowd.candidacies[0].key, "broken");
  EXPECT_TRUE(crowd.store.await_notice());
  EXPECT_TRUE(this->exists(crowd.candidacies[0].key));
  EXPECT_FALSE(this->exists(crowd.candidacies[1].key));
  crowd.store.abandon(0);
  crowd.store.abandon(2);
  EXPECT_TRUE(this->connections_become(0));
  EXPECT_FALSE(this->exists(crowd.candidacies[2].key));
  EXPECT_FALSE(crowd.store.await_notice(0s, 2));
  // One that has nothing standing costs nobody a connection.
  crowd.store.abandon(2);
  for (const std::size_t candidacy : {0, 1, 2})
    crowd.store.set_holder(fresh_holder("a"), candidacy);
  crowd.send_all(RequestKind::kAcquire);
  crowd.template expect_all<Granted>();
}

TYPED_TEST(RedisCandidaciesTest, EventsOfTheChannelAreNoticesOfTheirKind) {
  Crowd crowd(this->server().tcp(), listener(), 2);
  crowd.acquire_all();
  const Key& key = crowd.candidacies[1].key;
  const auto notice = [&]() -> std::optional<Notice> { return crowd.store.await_notice(2s, 1); };
  // Without an id, as earlier versions say it.
  for (const char* event : {"released", "parked", "released b/1", "parked b/1"}) {
    this->publish(key, event);
    const auto received = notice();
    ASSERT_TRUE(received) << event;
    EXPECT_EQ(received->kind, Notice::Kind::kFree) << event;
  }
  this->publish(key, "acquired b/1 2");
  const auto taken = notice();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->kind, Notice::Kind::kTaken);
  EXPECT_EQ(taken->holder.value, "b/1");
  EXPECT_EQ(taken->token.value, 2);
  this->publish(key, "broken");
  EXPECT_EQ(notice()->kind, Notice::Kind::kBroken);
  const std::string own = crowd.candidacies[1].holder.value;
  for (const std::string& event : {std::string(), std::string("acquired"), std::string("gone b/1"),
                                   "released " + own, "parked " + own, "acquired " + own}) {
    this->publish(key, event);
  }
  EXPECT_FALSE(crowd.store.await_notice(50ms, 1));
  EXPECT_FALSE(crowd.store.take_notice(0));
}

// Without a server.

TEST(RedisCandidaciesFaultTest, ADelayedEventOfAnEarlierTermIsIgnored) {
  const Key key{"k"};
  const HolderId first = fresh_holder("a");
  const std::string channel = "$25\r\ncluster-leader:events:{k}\r\n";
  const auto message = [&](const std::string& event) {
    return ">3\r\n$7\r\nmessage\r\n" + channel + "$" + std::to_string(event.size()) + "\r\n" +
           event + "\r\n";
  };
  // As Redis 7.4 and Valkey 8 may do it: the reply first, and what it caused behind it.
  const std::vector<std::string> answers = {
      "%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n>3\r\n$9\r\nsubscribe\r\n" + channel +
          ":1\r\n*2\r\n$7\r\ngranted\r\n$2\r\n42\r\n",
      "*1\r\n$8\r\nreleased\r\n",
      message("acquired " + first.value + " 42") + message("released " + first.value) +
          message("released b/1") + "*2\r\n$7\r\ngranted\r\n$2\r\n43\r\n"};
  FakeServer server([&](int fd) {
    char buffer[65536];
    for (const std::string& answer : answers) {
      if (::recv(fd, buffer, sizeof buffer, 0) <= 0) return;
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
  });
  LoopedStore store(std::make_unique<RedisStore>(server.location(), listener()));
  store.add({key, first});
  expect_granted(store);
  expect_released(store);
  store.set_holder(fresh_holder("a"));
  expect_granted(store);
  const auto notice = store.take_notice();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kFree) << "b has released it";
  EXPECT_FALSE(store.take_notice());
}

TEST(RedisCandidaciesFaultTest, ALookupContinuesForCandidaciesThatStillWait) {
  RedisLocation location;
  location.host = "no-such-name.invalid";
  Crowd crowd(location, make_candidate("a"), 2);
  crowd.send_all(RequestKind::kAcquire);
  crowd.store.turn(BootClock::now());
  if (crowd.store.stage(1) == "looking up no-such-name.invalid") crowd.store.cancel(0);
  const auto failed = expect<Failed>(crowd.store.await_answer(20s, 1));
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_THAT(failed.text, HasSubstr("host name"));
}

TEST(RedisCandidaciesFaultTest, CancellingWhileConnectingFailsAllThatWaitAndNothingWasExecuted) {
  const FullPort full;
  RedisLocation location;
  location.host = "127.0.0.1";
  location.port = full.number();
  Crowd crowd(location, listener(), 3);
  crowd.store.send(RequestKind::kAcquire, {}, 0);
  crowd.store.send(RequestKind::kAcquire, {}, 1);
  EXPECT_FALSE(crowd.store.await_answer(50ms));
  ASSERT_EQ(crowd.store.stage(1), "connecting");
  crowd.store.cancel(0);
  const auto failed = expect<Failed>(crowd.store.await_answer(0s, 1));
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_FALSE(failed.unknown);
  EXPECT_FALSE(crowd.store.await_answer(0s, 0));
  EXPECT_FALSE(crowd.store.take_notice(2));
}

TEST(RedisCandidaciesFaultTest, AnImmediateFailureIsReportedToAllThatWait) {
  RedisLocation location;
  location.socket_path = "/nowhere/at/all";
  Crowd crowd(location, make_candidate("a"), 100);
  crowd.send_all(RequestKind::kAcquire);
  crowd.store.cancel(5);
  for (std::size_t candidacy = 0; candidacy < 100; ++candidacy) {
    if (candidacy == 5) continue;
    EXPECT_EQ(expect<Failed>(crowd.store.await_answer(0s, candidacy)).trouble,
              Trouble::kUnreachable);
  }
  EXPECT_FALSE(crowd.store.await_answer(0s, 5));
}

TEST(RedisCandidaciesFaultTest, WhileNobodyAnswersCandidaciesDoNotConnectSeparately) {
  RedisLocation location;
  location.socket_path = "/nowhere/at/all";
  Crowd crowd(location, make_candidate("a"), 3);
  const Time begin = BootClock::now();
  for (std::size_t candidacy = 0; candidacy < 3; ++candidacy) {
    crowd.store.send(RequestKind::kAcquire, {}, candidacy);
    expect<Failed>(crowd.store.await_answer(kPatience, candidacy));
  }
  EXPECT_GE(BootClock::now() - begin, 200ms);
}

TEST(RedisCandidaciesFaultTest, WithoutDescriptorsAllLearnThatTheMachineIsExhausted) {
  RedisLocation location;
  location.host = "127.0.0.1";
  Crowd crowd(location, make_candidate("a"), 3);
  crowd.send_all(RequestKind::kAcquire);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  // All that are below the next one are in use.
  const int next = ::dup(0);
  ::close(next);
  const rlimit full{static_cast<rlim_t>(next), old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &full), 0);
  crowd.store.turn(BootClock::now());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  for (std::size_t candidacy = 0; candidacy < 3; ++candidacy) {
    const auto failed = expect<Failed>(crowd.store.await_answer(0s, candidacy));
    EXPECT_EQ(failed.trouble, Trouble::kExhausted);
    EXPECT_EQ(failed.text, "cannot connect: Too many open files");
    EXPECT_FALSE(failed.unknown);
  }
}

}  // namespace cluster_leader
