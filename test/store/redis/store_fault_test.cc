// A RedisStore on servers that behave as no real one can be made to.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "store/redis/store.h"
#include "store/redis/world.h"
#include "store/store_contract.h"
#include "support/fake_server.h"
#include "support/resp_proxy.h"

namespace cluster_leader {

using testing::HasSubstr;
using testing::Not;

namespace {

/// As main() does.
const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

}  // namespace

namespace {

const Contender kContender = make_contender({"k"}, "a");
const std::string kHello = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";
const std::string kGranted = "*2\r\n$7\r\ngranted\r\n$2\r\n42\r\n";

}  // namespace

/// A server that grants what it is asked for, in whatever database. On the first connection it
/// refuses to select one, and does nothing else: it stays silent, or closes when the next request
/// comes (`closes`). On a later one it first answers to the release of the id of kContender, if
/// there is one.
FakeServer::Play grants_before_the_login(bool closes, std::atomic<bool>& released_again) {
  return [closes, &released_again, is_first = true](int fd) mutable {
    const bool refuses = std::exchange(is_first, false);
    char buffer[65536];
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    const std::string_view request(buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    std::string reply = kHello + (refuses ? "-ERR DB index is out of range\r\n" : "+OK\r\n");
    if (!refuses && request.find(kContender.candidacy.holder.value) != request.npos) {
      released_again = true;
      reply += "*1\r\n$8\r\nreleased\r\n";
    }
    reply += kGranted;
    ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
    while (::recv(fd, buffer, sizeof buffer, 0) > 0 && !(closes && refuses)) {
    }
  };
}

/// A location with another database than the first.
RedisLocation database_of(const FakeServer& server) {
  RedisLocation location = server.location();
  location.db = 1;
  return location;
}

TEST(RedisStoreFaultTest, AnIdWhoseReleaseMayBeOnItsWayAcquiresNothing) {
  std::atomic<bool> released_again = false;
  FakeServer server(grants_before_the_login(false, released_again));
  auto store = open_at(database_of(server), kContender);
  // Granted without a login, so that it is released, which is not answered.
  EXPECT_FALSE(ask(*store, RequestKind::kAcquire, {}, 200ms));
  store->cancel();
  const Failed failed = expect_failed(*store);
  EXPECT_TRUE(failed.id_spent);
  EXPECT_FALSE(failed.unknown);
  EXPECT_EQ(server.connections(), 1);
  store->set_holder(fresh_holder("a"));
  expect_granted(*store);
  EXPECT_TRUE(released_again) << "or the candidate waits for what it has acquired itself";
}

TEST(RedisStoreFaultTest, AConnectionThatEndsDuringAReleaseSaysThatTheIdIsSpent) {
  std::atomic<bool> released_again = false;
  FakeServer server(grants_before_the_login(true, released_again));
  auto store = open_at(database_of(server), kContender);
  const Failed failed = expect_failed(*store);
  EXPECT_TRUE(failed.id_spent);
  EXPECT_TRUE(failed.unknown);
  store->set_holder(fresh_holder("a"));
  expect_granted(*store);
  EXPECT_TRUE(released_again);
}

TEST(RedisStoreFaultTest, ARefusedConnectionIsUnreachable) {
  RedisLocation location;
  location.host = "127.0.0.1";
  location.port = free_port();
  const Failed failed = expect_failed(*open_at(location, kContender));
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_FALSE(failed.unknown);
  EXPECT_THAT(failed.text, HasSubstr("refused"));
  location.host = "::1";
  EXPECT_EQ(expect_failed(*open_at(location, kContender)).trouble, Trouble::kUnreachable);
}

TEST(RedisStoreFaultTest, AnImmediateFailureIsNotReportedAfterCancel) {
  RedisLocation location;
  location.socket_path = "/nowhere/at/all";
  auto store = open_at(location, kContender);
  store->send(RequestKind::kAcquire);
  store->cancel();
  EXPECT_FALSE(await_answer(*store, 20ms));
  expect_failed(*store);
}

TEST(RedisStoreFaultTest, AnUnknownNameIsUnreachable) {
  RedisLocation location;
  location.host = "no-such-name.invalid";
  auto store = open_at(location, kContender);
  store->send(RequestKind::kAcquire);
  const Failed failed = expect<Failed>(await_answer(*store, 20s));
  EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
  EXPECT_FALSE(failed.unknown);
  EXPECT_THAT(failed.text, HasSubstr("host name"));
}

TEST(RedisStoreFaultTest, APortThatSpeaksHttpIsMisconfigured) {
  FakeServer server(FakeServer::answers("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  const Failed failed = expect_failed(*open_at(server.location(), kContender));
  EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
  EXPECT_THAT(failed.text, HasSubstr("not a Redis"));
}

TEST(RedisStoreFaultTest, CancelClosesTheConnectionToASilentServer) {
  FakeServer server(FakeServer::answers(""));
  auto store = open_at(server.location(), kContender);
  EXPECT_FALSE(ask(*store, RequestKind::kAcquire, {}, 100ms));
  EXPECT_EQ(store->stage(), "waiting for an answer");
  store->cancel();
  EXPECT_FALSE(ask(*store, RequestKind::kAcquire, {}, 100ms));
  store->cancel();
  EXPECT_EQ(server.connections(), 2);
}

TEST(RedisStoreFaultTest, RepliesMayComeByteByByte) {
  FakeServer server(FakeServer::answers(kHello + kGranted, true));
  EXPECT_EQ(expect_granted(*open_at(server.location(), kContender)).token.value, 42);
}

TEST(RedisStoreFaultTest, MessagesMayComeBetweenReplies) {
  const std::string channel = "$25\r\ncluster-leader:events:{k}\r\n";
  const std::string message = ">3\r\n$7\r\nmessage\r\n" + channel + "$8\r\nreleased\r\n";
  const std::string confirmation = ">3\r\n$9\r\nsubscribe\r\n" + channel + ":1\r\n";
  FakeServer server(FakeServer::answers(
      kHello + message + confirmation + message + "*1\r\n$7\r\nrenewed\r\n" + message, true));
  auto store = open_at(server.location(), kContender, true);
  expect_renewed(*store, {42});
  EXPECT_TRUE(await_hint(*store));
}

TEST(RedisStoreFaultTest, AConnectionThatEndsInTheMiddleOfAReplyLeavesTheOutcomeUnknown) {
  const std::string whole = kHello + kGranted;
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{3}, kHello.size(), whole.size() - 1}) {
    FakeServer server([&](int fd) {
      char buffer[65536];
      if (::recv(fd, buffer, sizeof buffer, 0) <= 0) return;
      ::send(fd, whole.data(), length, MSG_NOSIGNAL);
    });
    const Failed failed = expect_failed(*open_at(server.location(), kContender));
    EXPECT_EQ(failed.trouble, Trouble::kUnreachable) << length;
    EXPECT_TRUE(failed.unknown) << length;
  }
}

TEST(RedisStoreFaultTest, AConnectionThatIsResetLeavesTheOutcomeUnknown) {
  for (const std::string& before : {std::string(), kHello}) {
    FakeServer server([&](int fd) {
      char buffer[65536];
      if (::recv(fd, buffer, sizeof buffer, 0) <= 0) return;
      ::send(fd, before.data(), before.size(), MSG_NOSIGNAL);
      const linger at_once{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    });
    const Failed failed = expect_failed(*open_at(server.location(), kContender));
    EXPECT_EQ(failed.trouble, Trouble::kUnreachable);
    EXPECT_TRUE(failed.unknown);
    EXPECT_THAT(failed.text, HasSubstr("Connection reset by peer"));
    // A server that answers does not wait for a TLS handshake.
    const auto asks_for_tls = HasSubstr("does it require TLS? Use rediss://");
    if (before.empty()) {
      EXPECT_THAT(failed.text, asks_for_tls);
    } else {
      EXPECT_THAT(failed.text, Not(asks_for_tls));
    }
  }
}

TEST(RedisStoreFaultTest, AServerWithTooManyClientsSaysSoAndHasDoneNothing) {
  FakeServer server(FakeServer::is_full());
  const Failed failed = expect_failed(*open_at(server.location(), kContender));
  EXPECT_EQ(failed.trouble, Trouble::kNotServing);
  EXPECT_THAT(failed.text, HasSubstr("maxclients"));
  EXPECT_FALSE(failed.unknown);
}

TEST(RedisStoreFaultTest, ASentinelIsMisconfigured) {
  FakeServer server(FakeServer::answers(
      "%1\r\n$4\r\nmode\r\n$8\r\nsentinel\r\n-ERR unknown command 'EVALSHA'\r\n"));
  const Failed failed = expect_failed(*open_at(server.location(), kContender));
  EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
  EXPECT_THAT(failed.text, HasSubstr("Sentinel"));
}

TEST(RedisStoreFaultTest, NonsenseIsMisconfiguredAndNeverAGrant) {
  for (const std::string reply :
       {"+OK\r\n", "*0\r\n", "*1\r\n$7\r\ngranted\r\n", "*2\r\n$7\r\ngranted\r\n$1\r\nx\r\n",
        "$-1\r\n", ":1\r\n", "*2\r\n$7\r\ngranted\r\n$2\r\n-1\r\n", "_\r\n", "*-1\r\n"}) {
    FakeServer server(FakeServer::answers(kHello + reply));
    EXPECT_EQ(expect_failed(*open_at(server.location(), kContender)).trouble,
              Trouble::kMisconfigured)
        << reply;
  }
}

/// The connections of this process to servers. A fake server's own sockets are not ours to judge:
/// ours are non-blocking.
std::vector<int> connections_of_stores() {
  std::vector<int> connections;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone);
    if (gone || !target.starts_with("socket:")) continue;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if ((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) connections.push_back(fd);
  }
  return connections;
}

TEST(RedisStoreFaultTest, LeavesNoDescriptorToTheJob) {
  FakeServer server(FakeServer::answers(kHello + kGranted));
  RedisLocation location = server.location();
  location.host = "localhost";
  auto store = open_at(location, kContender);
  expect_granted(*store);
  const std::vector<int> connections = connections_of_stores();
  EXPECT_EQ(connections.size(), 1U);
  for (const int fd : connections) EXPECT_TRUE((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

/// For how long the kernel lets the other end of each connection of a store be silent, in s; empty
/// if it does not ask three times before that.
std::vector<int> longest_silences() {
  std::vector<int> silences;
  for (const int fd : connections_of_stores()) {
    const auto option = [&](int level, int name) {
      int value = -1;
      socklen_t size = sizeof value;
      EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
      return value;
    };
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 30);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
    const int silence = 30 + 3 * option(IPPROTO_TCP, TCP_KEEPINTVL);
    // It takes the place of the number of probes, and must not end the connection before the last.
    EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 1000 * silence);
    silences.push_back(silence);
  }
  return silences;
}

TEST(RedisStoreFaultTest, TheKernelAsksWhetherASilentServerIsStillThere) {
  FakeServer server(FakeServer::answers(kHello + kGranted));
  const std::pair<Duration, int> silences[] = {{1s, 36}, {10s, 36}, {60s, 45}, {24h, 60}};
  for (const auto& [ttl, longest] : silences) {
    Contender contender = kContender;
    contender.candidate.ttl = ttl;
    auto store = open_at(server.location(), contender);
    expect_granted(*store);
    EXPECT_THAT(longest_silences(), testing::ElementsAre(longest)) << ceil_ms(ttl);
  }
}

TEST(RedisStoreFaultTest, TheKernelAsksOnTheConnectionForEventsAsWell) {
  const Server server(REDIS_SERVER);
  RespProxy proxy(server.tcp(), [](int, const RespProxy::Words& words) {
    return words[0] == "HELLO" ? std::optional<std::string>("-ERR unknown command 'HELLO'\r\n")
                               : std::nullopt;
  });
  Contender contender = kContender;
  contender.candidate.ttl = 60s;
  auto store = open_at(proxy.location(), contender, true);
  expect<Young>(ask(*store, RequestKind::kAcquire));
  ASSERT_TRUE(store->await_notice(5s)) << "its events are subscribed to";
  EXPECT_THAT(longest_silences(), testing::ElementsAre(45, 45));
}

TEST(RedisStoreFaultTest, AMissingServerProgramIsAFailure) {
  EXPECT_THROW(Server(""), std::runtime_error);
  EXPECT_THROW(Server("/bin/false"), std::runtime_error);
}

}  // namespace cluster_leader
