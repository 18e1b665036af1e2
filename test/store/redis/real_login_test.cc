// Logging in to real servers, each with the users that it has been started with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/redis/caller.h"
#include "support/server.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// The parameter is the name of a server, and its program.
class RealLoginTest : public testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  void start(const std::vector<std::string>& arguments) {
    server_ = std::make_unique<Server>(GetParam().second, arguments);
  }
  /// Logs in, and sends a PING. Nothing, or why not.
  std::optional<Failed> fault_of(const Credentials& credentials, int db = 0) {
    RedisLocation location = server_->tcp();
    location.credentials = credentials;
    location.db = db;
    RedisCaller caller(location);
    const std::vector<RedisCaller::Command> ping = {{"PING"}};
    auto answered = caller.call(ping, BootClock::now() + 5s);
    if (const auto* failed = std::get_if<Failed>(&answered)) return *failed;
    EXPECT_EQ(text_of(*std::get<RedisCaller::Replies>(answered).at(0)), "PONG");
    speaks_resp2_ = caller.login().speaks_resp2();
    return std::nullopt;
  }
  void expect_accepted(const Credentials& credentials, int db = 0) {
    const auto fault = fault_of(credentials, db);
    ASSERT_FALSE(fault) << fault->text;
    EXPECT_FALSE(speaks_resp2_);
  }
  void expect_denied(const Credentials& credentials, const std::string& text) {
    const auto fault = fault_of(credentials);
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->trouble, Trouble::kDenied) << fault->text;
    EXPECT_THAT(fault->text, HasSubstr(text));
    EXPECT_THAT(fault->text, testing::Not(HasSubstr("s3cret")));
  }

  std::unique_ptr<Server> server_;
  bool speaks_resp2_ = false;
};

INSTANTIATE_TEST_SUITE_P(On, RealLoginTest,
                         testing::Values(std::pair("Redis", REDIS_SERVER),
                                         std::pair("Redis6", REDIS_6_SERVER),
                                         std::pair("Valkey", VALKEY_SERVER)),
                         [](const auto& server) { return std::string(server.param.first); });

TEST_P(RealLoginTest, AServerWithoutUsersNeedsNoLogin) {
  start({});
  expect_accepted({});
  expect_accepted({}, 3);
}

TEST_P(RealLoginTest, APasswordAloneIsThatOfTheDefaultUser) {
  start({"--requirepass", "s3cret"});
  expect_accepted({"", "s3cret", ""});
  expect_accepted({"default", "s3cret", ""}, 3);
  expect_denied({"", "not s3cret", ""}, "the password is wrong");
  expect_denied({}, "password");
}

// Until 6.2.1, HELLO with AUTH is refused where the default user is disabled.
TEST_P(RealLoginTest, AUserMayLogInWhereTheDefaultUserIsDisabled) {
  start({"--user", "job", "on", ">s3cret", "~*", "+@all", "--user", "default", "off"});
  expect_accepted({"job", "s3cret", ""});
  expect_accepted({"job", "s3cret", ""}, 3);
  expect_denied({"job", "not s3cret", ""}, "the password is wrong");
  expect_denied({"other", "s3cret", ""}, "the password is wrong");
  expect_denied({}, "password");
}

TEST_P(RealLoginTest, AUserWithoutAnyOtherRightMayLogIn) {
  const Credentials job = {"job", "s3cret", ""};
  start({"--user", "job", "on", ">s3cret", "+ping"});
  auto fault = fault_of(job);
  EXPECT_FALSE(fault) << fault->text;
  start({"--user", "job", "on", ">s3cret", "+ping", "--user", "default", "off"});
  fault = fault_of(job);
  EXPECT_FALSE(fault) << fault->text;
  // Redis 6.0 requires a right even to HELLO, without which there is no RESP3.
  start({"--user", "job", "on", ">s3cret", "+ping", "+hello", "--user", "default", "off"});
  expect_accepted(job);
}

}  // namespace
}  // namespace cluster_leader
