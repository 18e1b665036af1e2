// A RedisRegistry on servers that behave as no real one can be made to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <string>

#include "store/redis/registry.h"
#include "support/fake_server.h"
#include "support/server.h"

namespace cluster_leader {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;
using State = LeaseView::State;

namespace {

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

class HostileRegistryTest : public testing::Test {
 protected:
  /// The failure of a look at a server that answers the handshake properly, and then `bytes`.
  static Failed look_at(const std::string& bytes) {
    FakeServer server(then(bytes));
    const auto looked = RedisRegistry(server.location()).look({"k"}, 500ms);
    const auto* failed = std::get_if<Failed>(&looked);
    EXPECT_NE(failed, nullptr) << bytes;
    return failed != nullptr ? *failed : Failed{};
  }
  static Failed list_at(const std::string& bytes) {
    FakeServer server(then(bytes));
    const auto listed = RedisRegistry(server.location()).list("", 50ms);
    const auto* failed = std::get_if<Failed>(&listed);
    EXPECT_NE(failed, nullptr) << bytes;
    return failed != nullptr ? *failed : Failed{};
  }
  /// Answers whatever comes with the next of both, the last one again and again.
  static FakeServer::Play then(const std::string& bytes) {
    return [bytes](int fd) {
      char buffer[65536];
      std::string answer = "%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n";
      while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
        ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
        answer = bytes;
      }
    };
  }
};

/// So many fields that are missing.
std::string missing(int fields) {
  std::string bytes;
  while (fields-- > 0) bytes += "_\r\n";
  return bytes;
}

TEST_F(HostileRegistryTest, AnswersThatMakeNoSenseAreFailures) {
  for (const std::string& bytes : std::vector<std::string>{
           "+OK\r\n*0\r\n", "*0\r\n*0\r\n", "*1\r\n$5\r\nlease\r\n*0\r\n",
           "*2\r\n$5\r\nother\r\n$1\r\nx\r\n*0\r\n", "*1\r\n$5\r\nother\r\n*0\r\n", ":1\r\n:1\r\n",
           "*31\r\n$5\r\nlease\r\n*0\r\n:1\r\n:1\r\n$1\r\n1\r\n" + missing(24) + ":0\r\n_\r\n",
           "*31\r\n$5\r\nlease\r\n_\r\n$1\r\n1\r\n:1\r\n$1\r\n1\r\n" + missing(24) +
               ":0\r\n_\r\n"}) {
    const Failed failed = look_at(bytes);
    EXPECT_EQ(failed.trouble, Trouble::kMisconfigured) << bytes << failed.text;
    EXPECT_THAT(failed.text, HasSubstr("makes no sense")) << bytes;
  }
  EXPECT_THAT(look_at("HTTP/1.1 400 Bad Request\r\n\r\n").text, HasSubstr("not a Redis"));
}

TEST_F(HostileRegistryTest, NumbersBeyondAllMeasureAreJustLarge) {
  FakeServer server(then(
      "*31\r\n$5\r\nlease\r\n$1\r\nx\r\n:1\r\n:9223372036854775807\r\n$1\r\n0\r\n" + missing(14) +
      // Of the last run: token, status, node, when it began and when it ended; then of another one,
      // with a status that none has.
      "$1\r\n7\r\n$1\r\n0\r\n$1\r\na\r\n$16\r\n9007199254740992\r\n$1\r\nx\r\n"
      "$1\r\n8\r\n$3\r\n256\r\n" +
      missing(3) + ":-9223372036854775808\r\n_\r\n"));
  const Key key{"k"};
  const auto shown = RedisRegistry(server.location()).show(std::span(&key, 1), 5s);
  const LeaseView view = std::get<Listing>(shown).views.at(0);
  EXPECT_EQ(view.state, State::kHeld);
  EXPECT_GT(view.remaining, 24h * 365);
  EXPECT_EQ(view.waiters, std::nullopt);
  ASSERT_TRUE(view.last_run);
  EXPECT_EQ(view.last_run->token, Token{7});
  EXPECT_EQ(view.last_run->result, (RunResult{0, std::int64_t{1} << 43U, 0}));
  EXPECT_EQ(view.fault, "");
}

TEST_F(HostileRegistryTest, AScanThatIsNoneOrNeverEndsIsAFailure) {
  for (const std::string bytes :
       {"+OK\r\n", "*2\r\n$1\r\n0\r\n$1\r\nx\r\n", "*2\r\n$0\r\n\r\n*0\r\n", "*1\r\n*0\r\n",
        "*2\r\n*0\r\n*0\r\n", "*2\r\n$30\r\n123456789012345678901234567890\r\n*0\r\n"}) {
    EXPECT_THAT(list_at(bytes).text, HasSubstr("makes no sense")) << bytes;
  }
  const Time begin = BootClock::now();
  const Failed endless = list_at("*2\r\n$1\r\n1\r\n*0\r\n");
  EXPECT_EQ(endless.trouble, Trouble::kUnreachable);
  // On a busy machine one page alone may take longer than it may.
  EXPECT_THAT(endless.text, AnyOf(HasSubstr("takes too long"), HasSubstr("no answer in time")));
  EXPECT_LT(BootClock::now() - begin, 20s);
}

TEST_F(HostileRegistryTest, AServerThatAcceptsButStaysSilentFailsInTime) {
  FakeServer server([](int fd) {
    char buffer[1024];
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
  });
  const Time begin = BootClock::now();
  const auto looked = RedisRegistry(server.location()).look({"k"}, 200ms);
  const Duration took = BootClock::now() - begin;
  ASSERT_TRUE(std::holds_alternative<Failed>(looked));
  EXPECT_EQ(std::get<Failed>(looked).trouble, Trouble::kUnreachable);
  EXPECT_EQ(std::get<Failed>(looked).text, "no answer in time (waiting for an answer)");
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 5s);
}

TEST_F(HostileRegistryTest, AServerThatNeverStopsSendingFailsInTime) {
  FakeServer server([](int fd) {
    const std::string push = ">3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\ny\r\n";
    while (::send(fd, push.data(), push.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  const Time begin = BootClock::now();
  const auto looked = RedisRegistry(server.location()).look({"k"}, 200ms);
  EXPECT_TRUE(std::holds_alternative<Failed>(looked));
  EXPECT_LT(BootClock::now() - begin, 10s);
}

TEST_F(HostileRegistryTest, AServerThatIsNotThereIsUnreachable) {
  RedisLocation location;
  location.host = "127.0.0.1";
  location.port = free_port();
  const auto looked = RedisRegistry(location).look({"k"}, 5s);
  ASSERT_TRUE(std::holds_alternative<Failed>(looked));
  EXPECT_EQ(std::get<Failed>(looked).trouble, Trouble::kUnreachable);
  EXPECT_THAT(std::get<Failed>(looked).text, HasSubstr("refused"));
}

}  // namespace
}  // namespace cluster_leader
