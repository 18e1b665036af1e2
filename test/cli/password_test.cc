// Where a password may come from, and that nobody else sees it.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "support/cli_world.h"
#include "support/elector.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class PasswordTest : public CliTest {
 protected:
  PasswordTest() {
    server_.command({"ACL", "SETUSER", "app", "on", ">Xq7%Zk", "~*", "&*", "+@all"});
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  std::string url() const { return "redis://app:Xq7%25Zk@" + address(); }

  static int count(const std::string& text, const std::string& part) {
    int found = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; ++at) ++found;
    return found;
  }
  static std::string command_line_of(pid_t pid) {
    return content_of("/proc/" + std::to_string(pid) + "/cmdline");
  }

  GrownServer server_;
};

TEST_F(PasswordTest, OfTheCommandLineIsHiddenFromPsAndWarnedAboutOnce) {
  for (const Words& server : {Words{"--server", url()}, Words{"--server=" + url()}}) {
    Elector elector(joined(server, {"--key", "job-a", "--ttl", "2"}), {"sleep", "1000"});
    ASSERT_TRUE(elector.is("leader")) << elector.transcript();
    for (const pid_t pid : {elector.front(), elector.keeper()}) {
      EXPECT_THAT(command_line_of(pid), HasSubstr("redis://app:********@" + address()));
    }
    const Ended ended = elector.stop();
    expect_one_line(ended.err, {"warning: ", "--server", "ps(1)", "--password-file"});
  }
  const Ended quiet =
      run_under_lease({"-q", "--server", url(), "--key", "job-a", "--ttl", "2"}, {"true"}).run();
  EXPECT_EQ(quiet.status(), 0) << quiet;
  EXPECT_EQ(quiet.err, "");
}

TEST_F(PasswordTest, IsReadFromTheFileThatAVariableNames) {
  const Words options = on(server_, {"--key", "job-a", "--ttl", "2", "--user", "app"});
  const std::string file = folder_.write("password", "Xq7%Zk\n", 0600);
  const std::string wrong = folder_.write("wrong", "other\n", 0600);
  const Ended ended = run_under_lease(options, {"true"})
                          .with("REDIS_PASSWORD_FILE", file)
                          .with("REDIS_PASSWORD", "other")
                          .run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(ended.err, "");
  const Ended by_option = run_under_lease(joined(options, {"--password-file", file}), {"true"})
                              .with("REDIS_PASSWORD_FILE", wrong)
                              .run();
  EXPECT_EQ(by_option.status(), 0) << by_option;
}

TEST_F(PasswordTest, InAFileThatOthersMayReadIsWarnedAboutOnce) {
  const std::string file = folder_.write("password", "Xq7%Zk\n", 0644);
  Elector elector(Elector::command(on(server_, {"--key", "job-a", "--ttl", "2", "--user", "app"}))
                      .with("REDIS_PASSWORD_FILE", file));
  ASSERT_TRUE(elector.is("leader")) << elector.transcript();
  // It is read again for the next connection, which the warning is not.
  const auto logins = [&] { return server_.calls("auth") + server_.calls("hello"); };
  const long long before = logins();
  server_.command({"CLIENT", "KILL", "USER", "app"});
  ASSERT_TRUE(eventually([&] { return logins() > before; }));
  const Ended ended = elector.stop();
  EXPECT_EQ(count(ended.err, "password file"), 1) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("warning: the password file " + file + " can be read by all"));
  EXPECT_THAT(ended.err, Not(HasSubstr("Xq7")));
}

TEST_F(PasswordTest, IsNowhereInWhatIsWritten) {
  const std::string nowhere = "redis://app:Xq7%25Zk@127.0.0.1:" + std::to_string(free_port());
  const Words result = {"--result-file", path("result"), "--metrics-file", path("metrics")};
  std::string written;
  const auto write_all = [&](Command command, const std::string& server) {
    const Ended ended = command.with("REDIS_URL", server).run();
    written += ended.out + ended.err + content_of(path("result")) + content_of(path("metrics"));
  };
  for (const std::string& server : {url(), nowhere, url() + "x"}) {
    for (const char* format : {"text", "json"}) {
      const Words options = {"-v",
                             "--log-format",
                             format,
                             "--key",
                             "job-" + std::string(format),
                             "--connect-timeout",
                             "100ms"};
      write_all(run_under_lease(joined(joined(options, result), {"--sticky"}), {"true"}), server);
      for (const char* verb : {"check", "status", "release"}) {
        write_all(Command(joined({CLUSTER_LEADER_BINARY, verb}, options)), server);
      }
    }
    write_all(Command({CLUSTER_LEADER_BINARY, "status", "--json", "-v"}), server);
    write_all(Command({CLUSTER_LEADER_BINARY, "doctor", "-v"}), server);
    write_all(Command({CLUSTER_LEADER_BINARY, "doctor", "--json"}), server);
  }
  // By mistake in other places.
  write_all(Command({CLUSTER_LEADER_BINARY, "status", "--servr", url()}), nowhere);
  write_all(Command({CLUSTER_LEADER_BINARY, "status", "--servr=" + url()}), nowhere);
  write_all(Command({CLUSTER_LEADER_BINARY, "status", url()}), nowhere);
  write_all(Command({CLUSTER_LEADER_BINARY, "status", "--port", url()}), nowhere);
  write_all(Command({CLUSTER_LEADER_BINARY, "status", "--host", url()}), nowhere);
  EXPECT_THAT(written, HasSubstr("job-json"));
  EXPECT_THAT(written, HasSubstr("redis://app:***@" + address()));
  EXPECT_THAT(written, Not(HasSubstr("Xq7")));
  EXPECT_THAT(written, Not(HasSubstr("Zk")));
}

TEST_F(PasswordTest, OfAUrlStaysWhereAnOptionReplacesAnotherPart) {
  const Ended ended = run_under_lease({"--db", "2", "--key", "job-a", "--ttl", "2"}, {"true"})
                          .with("REDIS_URL", url() + "?timeout=5s")
                          .run();
  EXPECT_EQ(ended.status(), 0) << ended;
  expect_one_line(ended.err, {"warning: REDIS_URL: ignoring timeout"});
  EXPECT_THAT(server_.text({"INFO", "keyspace"}), HasSubstr("db2:keys=1"));
}

}  // namespace
}  // namespace cluster_leader
