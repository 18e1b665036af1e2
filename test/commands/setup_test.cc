#include "commands/setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "support/command.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// What make_location makes of options, and what it says.
struct Made {
  std::optional<Location> location;
  std::string said;
  std::string origin;

  RedisLocation redis() const {
    const auto* redis = location ? std::get_if<RedisLocation>(&*location) : nullptr;
    EXPECT_NE(redis, nullptr) << said;
    return redis != nullptr ? *redis : RedisLocation{};
  }
};

Made make(const Options& options) {
  Made made;
  Reporter reporter(LogStyle{});
  testing::internal::CaptureStderr();
  made.location = make_location(options, reporter);
  made.said = testing::internal::GetCapturedStderr();
  if (made.location) made.origin = server_name(options, *made.location).origin;
  return made;
}

Options with_url(const std::string& source, const std::string& url) {
  Options options;
  options.server = url;
  options.server_source = source;
  return options;
}

TEST(LocationOfOptionsTest, TheDefaultIsRedis) {
  const Made made = make(Options{});
  EXPECT_EQ(made.redis().host, "redis");
  EXPECT_EQ(made.redis().port, 6379);
  EXPECT_EQ(made.redis().db, 0);
  EXPECT_EQ(made.origin, "the default host");
  EXPECT_EQ(made.said, "");
}

TEST(LocationOfOptionsTest, AnOptionReplacesItsPartOfAUrlOfTheEnvironmentAndNothingElse) {
  const Options url = with_url("REDIS_URL", "rediss://app:s3cret@h:7000/1");
  Options options = url;
  options.db = 2;
  Made made = make(options);
  EXPECT_EQ(describe(*made.location), "rediss://app:***@h:7000/2");
  EXPECT_EQ(made.redis().credentials.password, "s3cret");
  EXPECT_EQ(made.origin, "from REDIS_URL");
  options = url;
  options.port = 7;
  EXPECT_EQ(describe(*make(options).location), "rediss://app:***@h:7/1");
  options.host = "other";
  options.host_source = "--host";
  made = make(options);
  EXPECT_EQ(describe(*made.location), "rediss://app:***@other:7/1");
  EXPECT_EQ(made.redis().credentials.password, "s3cret");
  EXPECT_EQ(made.origin, "from --host");
  options = with_url("CLUSTER_LEADER_SERVER", "unix:///s");
  options.db = 3;
  EXPECT_EQ(describe(*make(options).location), "unix:///s?db=3");
}

TEST(LocationOfOptionsTest, AUrlWithoutThatPartRefusesIt) {
  Options options = with_url("REDIS_URL", "unix:///s");
  options.port = 1;
  EXPECT_EQ(make(options).said,
            "cluster-leader: --port cannot be combined with the URL in REDIS_URL, which has no "
            "port\n");
  options.host = "h";
  EXPECT_THAT(make(options).said, HasSubstr("--host cannot"));
  options = with_url("CLUSTER_LEADER_SERVER", "file:///d");
  options.db = 1;
  EXPECT_THAT(make(options).said, HasSubstr("CLUSTER_LEADER_SERVER, which has no database"));
}

TEST(LocationOfOptionsTest, AHostThatIsNoneIsRefusedAndNotShown) {
  Options options;
  options.host = "redis://:s3cret@h";
  options.host_source = "REDIS_HOST";
  const Made made = make(options);
  EXPECT_FALSE(made.location);
  EXPECT_THAT(made.said, HasSubstr("REDIS_HOST is neither"));
  EXPECT_THAT(made.said, Not(HasSubstr("s3cret")));
}

TEST(LocationOfOptionsTest, AnOptionAlsoReplacesTheLoginOfAUrlOfTheEnvironment) {
  for (const char* source : {"REDIS_URL", "--server"}) {
    Options options = with_url(source, "redis://app:url@h");
    options.user = "job";
    options.password = "variable";
    options.password_file = "/none";
    Credentials login = make(options).redis().credentials;
    EXPECT_EQ(login.user, "app") << source;
    EXPECT_EQ(login.password, "url") << source;
    EXPECT_EQ(login.password_file, "") << source;
    options.user_is_option = options.password_file_is_option = true;
    login = make(options).redis().credentials;
    const bool yields = source != std::string("--server");
    EXPECT_EQ(login.user, yields ? "job" : "app") << source;
    EXPECT_EQ(login.password_file, yields ? "/none" : "") << source;
  }
}

TEST(LocationOfOptionsTest, UnknownParametersAreAWarningInTheSharedVariableAlone) {
  const std::string url = "redis://:pw@h?timeout=s3cret&db=2&ssl=s3cret";
  const Made shared = make(with_url("REDIS_URL", url));
  EXPECT_EQ(shared.redis().db, 2);
  EXPECT_EQ(shared.said,
            "cluster-leader: warning: REDIS_URL: ignoring timeout, ssl: db is the only parameter "
            "that is used\n");
  for (const char* source : {"--server", "CLUSTER_LEADER_SERVER"}) {
    const Made made = make(with_url(source, url));
    EXPECT_FALSE(made.location) << source;
    EXPECT_EQ(made.said, std::string("cluster-leader: ") + source +
                             ": 'redis://***' has a parameter after the ?; only ?db=N is "
                             "allowed\n");
  }
}

TEST(LocationOfOptionsTest, APasswordOnTheCommandLineIsAWarning) {
  EXPECT_THAT(make(with_url("--server", "redis://:s3cret@h")).said,
              testing::StartsWith("cluster-leader: warning: the password in --server "));
  EXPECT_THAT(make(with_url("--server", "redis://h")).said, IsEmpty());
  EXPECT_THAT(make(with_url("REDIS_URL", "redis://:s3cret@h")).said, IsEmpty());
}

TEST(LocationOfOptionsTest, APasswordFileThatOthersMayReadIsAWarningWhereItIsUsed) {
  const TempFolder folder;
  Options options;
  options.password_file = folder.write("password", "s3cret\n", 0644);
  EXPECT_THAT(make(options).said,
              testing::StartsWith("cluster-leader: warning: the password file"));
  options.server = "redis://:other@h";
  options.server_source = "REDIS_URL";
  EXPECT_THAT(make(options).said, IsEmpty());
}

std::string label_of(const std::string& label, const std::vector<std::string>& command) {
  Options options;
  options.label = label;
  options.command = command;
  return make_candidate(options).label;
}

TEST(CandidateTest, TheLabelIsTheNameOfTheCommandUnlessAnotherIsGiven) {
  EXPECT_EQ(label_of("", {"/usr/bin/backup", "--password", "s3cret"}), "backup");
  EXPECT_EQ(label_of("", {"backup"}), "backup");
  EXPECT_EQ(label_of("nightly backup", {"/usr/bin/backup"}), "nightly backup");
  EXPECT_EQ(label_of("", {}), "");
}

TEST(CandidateTest, ALabelIsCutTo200Bytes) {
  const std::string longest(200, 'x');
  EXPECT_EQ(label_of(longest + 'y', {"true"}), longest);
  EXPECT_EQ(label_of("", {"/bin/" + longest + 'y'}), longest);
}

}  // namespace
}  // namespace cluster_leader
