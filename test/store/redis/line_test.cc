#include "store/redis/line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/redis/replies.h"
#include "support/fake_server.h"
#include "support/server.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Purpose = RedisLine::Purpose;
using Stage = RedisLine::Stage;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

const std::string kHello = "%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n";

/// A server that sends `replies[i]` after the i-th packet of a connection, and keeps the packets.
class PacketServer {
 public:
  explicit PacketServer(std::vector<std::string> replies)
      : server_([this, replies = std::move(replies)](int fd) {
          char buffer[65536];
          for (std::size_t i = 0;; ++i) {
            const ssize_t size = ::recv(fd, buffer, sizeof buffer, 0);
            if (size <= 0) return;
            {
              const std::scoped_lock lock(mutex_);
              packets_.emplace_back(buffer, static_cast<std::size_t>(size));
            }
            if (i < replies.size()) {
              ::send(fd, replies[i].data(), replies[i].size(), MSG_NOSIGNAL);
            }
          }
        }) {}

  RedisLocation location() const { return server_.location(); }
  std::vector<std::string> packets() const {
    const std::scoped_lock lock(mutex_);
    return packets_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> packets_;
  FakeServer server_;  ///< its thread ends before the rest
};

class RedisLineTest : public testing::Test {
 protected:
  /// The next event, as a T.
  template <typename T>
  T next(RedisLine& line) {
    auto event = wait(line);
    if (event && std::holds_alternative<T>(*event)) return std::get<T>(std::move(*event));
    ADD_FAILURE() << (event ? "event " + std::to_string(event->index()) : "no event");
    return T{};
  }
  std::optional<RedisLine::Event> wait(RedisLine& line) {
    const Time deadline = BootClock::now() + 5s;
    for (Time now = BootClock::now();;) {
      auto event = line.next();
      if (event || now >= deadline) return event;
      line.watch(poller_);
      now = poller_.wait(std::min(deadline, line.wake_at()));
      line.advance(poller_, now);
    }
  }
  void connect(RedisLine& line) {
    line.open(1s, BootClock::now());
    next<RedisLine::Connected>(line);
  }

  Poller poller_;
};

TEST_F(RedisLineTest, WritesTheLoginAndTheFirstCommandsAtOnce) {
  PacketServer server({kHello + "+PONG\r\n"});
  RedisLine line(server.location());
  EXPECT_EQ(line.stage(), Stage::kClosed);
  connect(line);
  EXPECT_EQ(line.stage(), Stage::kOpen);
  ASSERT_TRUE(line.append(Purpose::kRequest, {"PING"}));
  next<RedisLine::LoggedIn>(line);
  EXPECT_EQ(text_of(*next<RedisLine::Received>(line).reply), "PONG");
  EXPECT_THAT(server.packets(), ElementsAre(AllOf(HasSubstr("HELLO"), HasSubstr("PING"))));
}

TEST_F(RedisLineTest, SaysOfEachCommandWithoutAReplyWhetherItWasWritten) {
  PacketServer server({});
  RedisLine line(server.location());
  connect(line);
  line.flush();
  const std::vector<std::string_view> words = {"PING"};
  ASSERT_TRUE(line.append(Purpose::kRequest, words, 7, 8));
  const auto unanswered = line.close();
  ASSERT_THAT(unanswered, SizeIs(2));
  EXPECT_EQ(unanswered[0].purpose, Purpose::kHello);
  EXPECT_TRUE(unanswered[0].is_written);
  EXPECT_EQ(unanswered[1].candidacy, 7U);
  EXPECT_EQ(unanswered[1].attempt, 8U);
  EXPECT_FALSE(unanswered[1].is_written);
  EXPECT_EQ(line.stage(), Stage::kClosed);
  EXPECT_THAT(line.close(), IsEmpty());
}

TEST_F(RedisLineTest, EndsWithoutAFailureIfTheServerDoesNotKnowHelloAndThenUsesResp2) {
  // It knows neither ROLE nor INFO.
  PacketServer server({"-ERR unknown command 'HELLO'\r\n-ERR unknown command 'INFO'\r\n"});
  RedisLine line(server.location());
  connect(line);
  EXPECT_FALSE(next<RedisLine::Ended>(line).failure);
  line.close();
  connect(line);
  next<RedisLine::LoggedIn>(line);
  EXPECT_TRUE(line.login().speaks_resp2());
}

TEST_F(RedisLineTest, EndsWithTheRefusalOfTheLoginWhenAllCommandsAreAnswered) {
  PacketServer server(
      {"-WRONGPASS invalid username-password pair\r\n-NOAUTH Authentication required.\r\n"
       "+PONG\r\n"});
  RedisLocation location = server.location();
  location.credentials.password = "wrong";
  RedisLine line(location);
  connect(line);
  ASSERT_TRUE(line.append(Purpose::kRequest, {"PING"}));
  next<RedisLine::Received>(line);
  EXPECT_TRUE(line.is_ending());
  const auto ended = next<RedisLine::Ended>(line);
  ASSERT_TRUE(ended.failure);
  EXPECT_EQ(ended.failure->trouble, Trouble::kDenied);
}

TEST_F(RedisLineTest, AcceptsAReplicaOnlyIfAskedTo) {
  const std::string replica = "%1\r\n$4\r\nrole\r\n$7\r\nreplica\r\n";
  PacketServer server({replica});
  RedisLine any(server.location(), RedisLine::Role::kAny);
  connect(any);
  next<RedisLine::LoggedIn>(any);
  EXPECT_TRUE(any.login().wrong_role());
  any.close();
  RedisLine primary(server.location());
  connect(primary);
  const auto ended = next<RedisLine::Ended>(primary);
  ASSERT_TRUE(ended.failure);
  EXPECT_EQ(ended.failure->trouble, Trouble::kNotServing);
}

TEST_F(RedisLineTest, EndsAfterTheLastReplyOnceItIsRetired) {
  PacketServer server({kHello, "+1\r\n", "+2\r\n"});
  RedisLine line(server.location());
  connect(line);
  next<RedisLine::LoggedIn>(line);
  ASSERT_TRUE(line.append(Purpose::kRequest, {"ONE"}));
  line.flush();
  line.retire();
  EXPECT_TRUE(line.is_ending());
  EXPECT_EQ(text_of(*next<RedisLine::Received>(line).reply), "1");
  EXPECT_FALSE(next<RedisLine::Ended>(line).failure);
  line.close();
  connect(line);
  EXPECT_FALSE(line.is_ending());
}

TEST_F(RedisLineTest, SaysWhyItCannotConnect) {
  RedisLocation location;
  location.host = "127.0.0.1";
  location.port = free_port();
  RedisLine line(location);
  line.open(1s, BootClock::now());
  const auto ended = next<RedisLine::Ended>(line);
  ASSERT_TRUE(ended.failure);
  EXPECT_EQ(ended.failure->trouble, Trouble::kUnreachable);
  EXPECT_FALSE(ended.failure->unknown);
  EXPECT_EQ(line.stage(), Stage::kConnecting);
  EXPECT_THAT(line.close(), IsEmpty());
  EXPECT_EQ(line.stage(), Stage::kClosed);
}

}  // namespace
}  // namespace cluster_leader
