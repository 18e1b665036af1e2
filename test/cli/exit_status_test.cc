// The section EXIT STATUS of the manual, on the built binary.
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "support/cli_world.h"
#include "support/fake_server.h"
#include "support/full_port.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class ExitStatusTest : public CliTest {
 protected:
  /// Far longer than it takes to give up where no patience was asked for, on a busy machine as
  /// well.
  static constexpr Duration kSoon = 10s;

  static std::string url_of_port(std::uint16_t port) {
    return "redis://127.0.0.1:" + std::to_string(port);
  }

  /// The holder of "job-a" in this test's folder, until `stdin_of_holder_` is closed.
  Process hold() {
    Process holder = run_under_lease(on_file({"--key", "job-a"}), job_until_stdin_ends())
                         .give(stdin_of_holder_.read_end.get(), 0)
                         .start();
    EXPECT_TRUE(holder.says("runs"));
    return holder;
  }

  Pipe stdin_of_holder_;
};

TEST_F(ExitStatusTest, IsTheJobsOwn) {
  for (const int status : {0, 1, 2, 42, 64, 69, 71, 75, 79, 126, 127, 128, 143, 254, 255}) {
    const Ended ended =
        run_under_lease(on_file(), {"sh", "-c", "exit " + std::to_string(status)}).run();
    EXPECT_EQ(ended.status(), status) << ended;
    EXPECT_EQ(ended.err, "");
  }
}

TEST_F(ExitStatusTest, WeDieOfTheSignalThatKilledTheJob) {
  for (const int signo : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGKILL, SIGSEGV, SIGABRT, SIGPIPE,
                          SIGUSR1, SIGALRM, SIGRTMIN + 3}) {
    const Ended ended =
        run_under_lease(on_file(), {"sh", "-c", "kill -" + std::to_string(signo) + " $$"})
            .in(folder_.path())
            .run();
    EXPECT_EQ(ended.status(), kDiedOf + signo) << ended;
    EXPECT_FALSE(WCOREDUMP(ended.wait_status)) << signo;
    EXPECT_EQ(ended.err, "");
  }
}

TEST_F(ExitStatusTest, TheLeaseIsFreeWhateverTheStatus) {
  run_under_lease(on_file({"--ttl", "60"}), {"sh", "-c", "exit 3"}).run();
  run_under_lease(on_file({"--ttl", "60"}), {"sh", "-c", "kill -9 $$"}).run();
  EXPECT_EQ(run_under_lease(on_file(), {"true"}).run().status(), 0);
}

TEST_F(ExitStatusTest, FollowerIs75AndSilent) {
  Process holder = hold();
  expect_silent_follower(run_under_lease(on_file({"--key", "job-a"}), {"echo", "no"}).run());
  expect_silent_follower(run_under_lease(on_file({"--key", "job-a", "-n"}), {"echo", "no"}).run());
  stdin_of_holder_.write_end.reset();
  EXPECT_EQ(holder.wait().status(), 0);
}

TEST_F(ExitStatusTest, FollowerStatusIsChosenWithE) {
  Process holder = hold();
  const std::pair<Words, int> choices[] = {{{"-E", "0"}, 0},
                                           {{"-E", "3"}, 3},
                                           {{"--conflict-exit-code", "255"}, 255},
                                           {{"--follower-code=7"}, 7}};
  for (const auto& [option, status] : choices) {
    const Words options = joined({"--key", "job-a"}, option);
    const Ended ended = run_under_lease(on_file(options), {"echo", "no"}).run();
    EXPECT_EQ(ended.status(), status) << ended;
    EXPECT_EQ(ended.out + ended.err, "");
  }
}

TEST_F(ExitStatusTest, VerboseFollowerNamesTheLeader) {
  const Process holder =
      run_under_lease(on_file({"--key", "job-a", "--node", "web-1"}), job_until_stdin_ends())
          .give(stdin_of_holder_.read_end.get(), 0)
          .start();
  ASSERT_TRUE(holder.says("runs"));
  const Ended ended = run_under_lease(on_file({"--key", "job-a", "-v"}), {"echo", "no"}).run();
  EXPECT_EQ(ended.status(), 75);
  expect_one_line(ended.err, {"job-a", file_url(), "web-1"});
}

TEST_F(ExitStatusTest, UsageIs64) {
  const std::pair<Words, std::string> lines[] = {
      {{"run", "--key", "k", "--"}, "a command is missing"},
      {{"run", "--key", "k"}, "a command is missing"},
      {{"run", "--key", "k", "echo", "hello"}, "'--'"},
      {{"run", "--key", "", "--", "true"}, "empty"},
      {{"run", "--no-such-option", "--", "true"}, "no-such-option"},
      {{"run", "-E", "256", "--", "true"}, "256"},
      {{"run", "-E", "-1", "--", "true"}, "-1"},
      {{"run", "-E", "x", "--", "true"}, "x"},
      {{"run", "--ttl", "0.5", "--", "true"}, "0.5"},
      {{"run", "--ttl", "2d", "--", "true"}, "ttl"},
      {{"run", "--ttl", "soon", "--", "true"}, "soon"},
      {{"run", "--heartbeat", "4s", "--", "true"}, "heartbeat"},
      {{"run", "--kill-after", "9s", "--", "true"}, "kill-after"},
      {{"run", "--signal", "NOSUCH", "--", "true"}, "NOSUCH"},
      {{"run", "--wait", "1", "--nonblock", "--", "true"}, "--wait"},
      {{"run", "--if-unavailable", "maybe", "--", "true"}, "maybe"},
      {{"run", "--port", "70000", "--", "true"}, "70000"},
      {{"run", "--key", std::string(513, 'k'), "--", "true"}, "512"},
      {{"no-such-verb"}, ""},
      {{}, ""},
  };
  for (const auto& [words, part] : lines) {
    const Ended ended = Command(joined({CLUSTER_LEADER_BINARY}, words)).run();
    SCOPED_TRACE(testing::PrintToString(words));
    expect_failure(ended, 64, {part});
  }
}

TEST_F(ExitStatusTest, RefusedConnectionIs69) {
  const std::string url = url_of_port(free_port());
  const Ended ended = run_under_lease({"--server", url, "--key", "job-a"}, {"echo", "no"}).run();
  expect_failure(ended, 69, {url, "job-a", "refused"});
  EXPECT_LT(ended.took, kSoon);
}

TEST_F(ExitStatusTest, UnknownHostIs69) {
  const Ended ended =
      run_under_lease({"--host", "no-such-host.invalid", "--key", "job-a"}, {"echo"}).run();
  expect_failure(ended, 69, {"no-such-host.invalid", "job-a"});
  EXPECT_LT(ended.took, kSoon);
}

TEST_F(ExitStatusTest, HostThatIsAUrlIs78WithoutItsPassword) {
  for (const std::string verb : {"run", "elect", "check"}) {
    std::vector<std::string> words = {
        CLUSTER_LEADER_BINARY, verb, "--key", "job-a", "--host", "redis://:s3cret@127.0.0.1:6379"};
    if (verb == "run") words.insert(words.end(), {"--", "true"});
    const Ended ended = Command(words).run();
    expect_failure(ended, 78, {"--host", "--server"});
    EXPECT_THAT(ended.err, Not(HasSubstr("s3cret")));
  }
}

TEST_F(ExitStatusTest, FloodIs78AndTakesNeitherMemoryNorTime) {
  FakeServer flood([](int fd) {
    const std::string begin = "$999999999999\r\n";
    const std::string more(1 << 16, 'x');
    ssize_t sent = ::send(fd, begin.data(), begin.size(), MSG_NOSIGNAL);
    while (sent > 0) sent = ::send(fd, more.data(), more.size(), MSG_NOSIGNAL);
  });
  const std::string url = url_of_port(flood.location().port);
  const Ended ended = run_under_lease({"--server", url, "--key", "job-a"}, {"echo", "no"}).run();
  expect_failure(ended, 78, {url, "job-a"});
}

TEST_F(ExitStatusTest, HelpThatCannotBeWrittenIs71) {
  for (const std::string words : {"--help", "run --help", "--version"}) {
    const Ended ended =
        Command({"/bin/sh", "-c", "'" CLUSTER_LEADER_BINARY "' " + words + " >/dev/full"}).run();
    expect_failure(ended, 71, {"standard output", "No space left"});
  }
}

TEST_F(ExitStatusTest, UsageErrorIsAJsonObjectIfAsked) {
  const std::string json = R"(","level":"error","message":"--ttl)";
  EXPECT_THAT(
      Command({CLUSTER_LEADER_BINARY, "run", "--log-format", "json", "--ttl", "x", "--", "a"})
          .run()
          .err,
      HasSubstr(json));
  EXPECT_THAT(Command({CLUSTER_LEADER_BINARY, "run", "--ttl", "x", "--", "a"})
                  .with("CLUSTER_LEADER_LOG", "json")
                  .run()
                  .err,
              HasSubstr(json));
}

TEST_F(ExitStatusTest, EmptyPasswordFileLeavesTheVariableStanding) {
  const Server server(REDIS_SERVER, {"--requirepass", "hush"});
  const UniqueFd empty(::open(path("empty").c_str(), O_CREAT | O_CLOEXEC, 0600));
  const Words words = {CLUSTER_LEADER_BINARY, "check",      "--server",
                       url_of(server),        "--key",      "job-a",
                       "--password-file",     path("empty")};
  expect_failure(Command(words).run(), 77, {"password"});
  EXPECT_EQ(Command(words).with("REDIS_PASSWORD", "hush").run().status(), 75);
}

TEST_F(ExitStatusTest, MissingSocketIs69) {
  const std::string url = "unix://" + path("no-such-socket");
  const Ended ended = run_under_lease({"--server", url, "--key", "job-a"}, {"echo", "no"}).run();
  expect_failure(ended, 69, {"no-such-socket", "job-a"});
}

TEST_F(ExitStatusTest, MuteServerIs69WithinTheConnectTimeout) {
  FakeServer mute([](int fd) {
    char buffer[4096];
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
  });
  const std::string url = url_of_port(mute.location().port);
  const Ended ended =
      run_under_lease({"--server", url, "--key", "job-a", "--connect-timeout", "200ms"}, {"echo"})
          .run();
  expect_failure(ended, 69, {url, "job-a"});
  EXPECT_GE(ended.took, 200ms);
  EXPECT_LT(ended.took, 2s) << "the default is 2 s";
}

TEST_F(ExitStatusTest, AddressThatDoesNotAnswerIs69WithinTheConnectTimeout) {
  const FullPort full;
  const std::string url = url_of_port(full.number());
  const Ended ended =
      run_under_lease({"--server", url, "--key", "job-a", "--connect-timeout", "200ms"}, {"echo"})
          .run();
  expect_failure(ended, 69, {url, "job-a"});
  EXPECT_GE(ended.took, 200ms);
  EXPECT_LT(ended.took, 2s) << "the default is 2 s";
}

TEST_F(ExitStatusTest, LoadingServerIs69) {
  const std::string error = "-LOADING Redis is loading the dataset in memory\r\n";
  FakeServer loading([&](int fd) {
    char buffer[65536];
    std::string answer = "%1\r\n+role\r\n+master\r\n" + error;
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      answer = error;
    }
  });
  const std::string url = url_of_port(loading.location().port);
  const Ended ended =
      run_under_lease({"--server", url, "--key", "job-a", "--connect-timeout", "200ms"}, {"echo"})
          .run();
  expect_failure(ended, 69, {url, "job-a", "loading"});
  EXPECT_LT(ended.took, 2s) << "the default is 2 s";
}

TEST_F(ExitStatusTest, ReplicaIs69) {
  const Server replica(REDIS_SERVER, {"--replicaof", "127.0.0.1 1"});
  const Ended ended =
      run_under_lease(on(replica, {"--key", "job-a", "--ttl", "1"}), {"echo", "no"}).run();
  expect_failure(ended, 69, {url_of(replica), "job-a", "replica"});
}

TEST_F(ExitStatusTest, ServerThatHasJustStartedIs69IfItIsNotWaitedFor) {
  const Server server(REDIS_SERVER);
  // Two minutes are waited for, unless another time is given.
  for (const Words& options : {Words{"--ttl", "60", "--nonblock"}, Words{"--ttl", "60", "-w", "1"},
                               Words{"--ttl", "180"}}) {
    const Ended ended =
        run_under_lease(on(server, joined({"--key", "job-a"}, options)), {"echo", "no"}).run();
    expect_failure(
        ended, 69,
        {url_of(server), "job-a", "started", "no lease is granted for another", "use a --wait of"});
    EXPECT_LT(ended.took, kSoon);
  }
}

TEST_F(ExitStatusTest, ServerThatHasJustStartedRunsTheJobOfATickOnOneMachine) {
  const Server server(REDIS_SERVER);
  std::vector<Process> nodes;
  for (const char* node : {"web-1", "web-2", "web-3"}) {
    const Words options = {"--key", "job-a", "--ttl", "2", "--node", node};
    nodes.push_back(run_under_lease(on(server, options), {"sleep", "1"}).start());
  }
  std::multiset<int> statuses;
  for (Process& node : nodes) statuses.insert(node.wait().status());
  EXPECT_EQ(statuses, (std::multiset<int>{0, 75, 75}));
}

TEST_F(ExitStatusTest, ServerOutOfMemoryIs69) {
  const Server server(REDIS_SERVER, {"--maxmemory", "1"});
  server.grow_up(1s);
  const Ended ended =
      run_under_lease(on(server, {"--key", "job-a", "--ttl", "1"}), {"echo", "no"}).run();
  expect_failure(ended, 69, {url_of(server), "job-a", "memory"});
}

TEST_F(ExitStatusTest, WrongOrMissingPasswordIs77) {
  const Server server(REDIS_SERVER, {"--requirepass", "right-secret"});
  const Words job = {"echo", "no"};
  const Words options = on(server, {"--key", "job-a"});
  const std::string file = folder_.write("password", "wrong-secret\n", 0600);
  const std::string url_with_password =
      "redis://:wrong-secret@127.0.0.1:" + std::to_string(server.port());
  const Ended all[] = {
      run_under_lease(options, job).run(),
      run_under_lease(options, job).with("REDIS_PASSWORD", "wrong-secret").run(),
      run_under_lease(joined(options, {"--password-file", file}), job).run(),
      run_under_lease(joined(options, {"--user", "nobody"}), job)
          .with("REDIS_PASSWORD", "wrong-secret")
          .run(),
      run_under_lease({"--key", "job-a"}, job).with("REDIS_URL", url_with_password).run(),
      run_under_lease({"--server", url_with_password, "-q", "--key", "job-a"}, job).run(),
  };
  for (const Ended& ended : all) {
    expect_failure(ended, 77, {std::to_string(server.port()), "job-a"});
    EXPECT_THAT(ended.err, Not(HasSubstr("secret"))) << ended;
    EXPECT_LT(ended.took, kSoon);
  }
}

TEST_F(ExitStatusTest, MissingRightIs77AndNamed) {
  const Server server(REDIS_SERVER);
  server.text(
      {"ACL", "SETUSER", "worker", "on", ">secret", "~*", "&*", "+@all", "-eval", "-evalsha"});
  const Ended ended = run_under_lease(on(server, {"--key", "job-a", "--user", "worker"}), {"echo"})
                          .with("REDIS_PASSWORD", "secret")
                          .run();
  expect_failure(ended, 77, {std::to_string(server.port()), "job-a", "evalsha"});
  EXPECT_THAT(ended.err, Not(HasSubstr("secret")));
}

TEST_F(ExitStatusTest, BadUrlIs78) {
  for (const std::string url :
       {"redis://:pass-secret@127.0.0.1:notaport", "gopher://:pass-secret@127.0.0.1",
        "redis://:pass-secret@127.0.0.1:99999", "redis://127.0.0.1/notadb", "redis://",
        "file://relative", "127.0.0.1:6379"}) {
    SCOPED_TRACE(url);
    const Ended ended = run_under_lease({"--server", url, "--key", "job-a"}, {"echo", "no"}).run();
    expect_failure(ended, 78, {"--server: '"});
    EXPECT_THAT(ended.err, Not(HasSubstr("secret")));
  }
}

TEST_F(ExitStatusTest, BadUrlOfTheEnvironmentNamesItsVariable) {
  const Ended ended =
      run_under_lease({"--key", "job-a"}, {"echo", "no"}).with("REDIS_URL", "localhost:6379").run();
  expect_failure(ended, 78,
                 {"REDIS_URL: 'localhost:6379' is not a URL; write redis://localhost:6379"});
}

TEST_F(ExitStatusTest, AFailureSaysWhereTheAddressComesFrom) {
  const std::string url = url_of_port(free_port());
  for (const char* variable : {"REDIS_URL", "CLUSTER_LEADER_SERVER"}) {
    for (const char* verb : {"run", "check", "release", "status"}) {
      Words words = {CLUSTER_LEADER_BINARY, verb, "--key", "job-a", "--connect-timeout", "100ms"};
      if (verb == std::string("run")) words.insert(words.end(), {"--", "true"});
      const Ended ended = Command(words).with(variable, url).run();
      expect_failure(ended, 69, {url + " (from " + variable + "): "});
    }
  }
  const Ended ended = run_under_lease({"--host", "127.0.0.1", "--connect-timeout", "100ms"}, {"no"})
                          .with("REDIS_PORT", url.substr(url.rfind(':') + 1))
                          .run();
  expect_failure(ended, 69, {url + " (from --host): "});
}

TEST_F(ExitStatusTest, PortOfAnotherProtocolIs78) {
  FakeServer web(FakeServer::answers("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
  const std::string url = url_of_port(web.location().port);
  const Ended ended = run_under_lease({"--server", url, "--key", "job-a"}, {"echo", "no"}).run();
  expect_failure(ended, 78, {url, "job-a", "not a Redis"});
}

TEST_F(ExitStatusTest, KeyOfAnotherTypeIs78) {
  const Server server(REDIS_SERVER);
  server.text({"LPUSH", "job-a", "x"});
  const Ended ended =
      run_under_lease(on(server, {"--key", "job-a", "--ttl", "1"}), {"echo", "no"}).run();
  expect_failure(ended, 78, {url_of(server), "job-a", "another type"});
  EXPECT_EQ(server.integer({"LLEN", "job-a"}), 1);
}

TEST_F(ExitStatusTest, MissingDatabaseIs78) {
  const Server server(REDIS_SERVER, {"--databases", "2"});
  const Ended ended =
      run_under_lease({"--host", "127.0.0.1", "--port", std::to_string(server.port()), "--db", "5",
                       "--key", "job-a"},
                      {"echo", "no"})
          .run();
  expect_failure(ended, 78, {"job-a", "5"});
}

TEST_F(ExitStatusTest, MissingPasswordFileIs78) {
  const Server server(REDIS_SERVER);
  const Ended ended =
      run_under_lease(on(server, {"--key", "job-a", "--password-file", path("nowhere")}), {"echo"})
          .run();
  expect_failure(ended, 78, {std::to_string(server.port()), "job-a", path("nowhere")});
}

TEST_F(ExitStatusTest, PasswordFileThatCanBeReadOnlyOnceIs78) {
  Pipe secret;
  Server server(REDIS_SERVER);
  expect_failure(run_under_lease(on(server, {"--password-file", "/dev/fd/7"}), {"true"})
                     .give(secret.read_end.get(), 7)
                     .run(),
                 78, {"/dev/fd/7", "regular file"});
}

TEST_F(ExitStatusTest, FileThatMayNotGrowIs69) {
  const Ended ended = run_under_lease(on_file(), {"true"})
                          .prepare([] {
                            // Less than a record, and enough for what is said about it.
                            const rlimit little{400, 400};
                            ::setrlimit(RLIMIT_FSIZE, &little);
                          })
                          .run();
  expect_failure(ended, 69, {"File too large"});
}

TEST_F(ExitStatusTest, CommandThatCannotBeExecutedIs126) {
  const std::string not_executable = folder_.write("plain", "#!/bin/sh\n", 0644);
  for (const std::string& command : {not_executable, folder_.path()}) {
    const Ended ended = run_under_lease(on_file({"--ttl", "60"}), {command}).run();
    expect_failure(ended, 126, {command});
  }
  EXPECT_EQ(run_under_lease(on_file(), {"true"}).run().status(), 0) << "the lease is still held";
}

TEST_F(ExitStatusTest, CommandThatIsNotFoundIs127) {
  for (const std::string& command : {path("nowhere"), std::string("no-such-command-at-all")}) {
    const Ended ended = run_under_lease(on_file({"--ttl", "60"}), {command}).run();
    expect_failure(ended, 127, {command});
  }
  EXPECT_EQ(run_under_lease(on_file(), {"true"}).run().status(), 0) << "the lease is still held";
}

TEST_F(ExitStatusTest, ScriptWithoutAFirstLineRunsAsUnderAShell) {
  const std::string script = folder_.write("script", "exit 5\n", 0755);
  EXPECT_EQ(run_under_lease(on_file(), {script}).run().status(), 5);
}

TEST_F(ExitStatusTest, WeDieOfASignalThatComesWhileWaiting) {
  Process holder = hold();
  for (const int signo : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    Process waiter =
        run_under_lease(on_file({"--key", "job-a", "-w", "inf"}), {"echo", "no"}).start();
    ASSERT_TRUE(eventually([&] { return watches_a_file(waiter.pid()); }));
    waiter.signal(signo);
    const Ended ended = waiter.wait(10s);
    EXPECT_EQ(ended.status(), kDiedOf + signo) << ended;
    EXPECT_EQ(ended.out, "");
  }
  stdin_of_holder_.write_end.reset();
  EXPECT_EQ(holder.wait().status(), 0);
}

TEST_F(ExitStatusTest, WeDieOfASignalThatComesWhileConnecting) {
  std::atomic<int> connections = 0;
  FakeServer mute([&](int fd) {
    ++connections;
    char buffer[4096];
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
  });
  const std::string url = url_of_port(mute.location().port);
  Process candidate =
      run_under_lease({"--server", url, "--ttl", "1h", "-w", "inf"}, {"echo", "no"}).start();
  ASSERT_TRUE(eventually([&] { return connections > 0; }));
  candidate.signal(SIGTERM);
  const Ended ended = candidate.wait(10s);
  EXPECT_EQ(ended.status(), kDiedOf + SIGTERM) << ended;
}

/// Whatever the operating system refuses: 71 or the job's own status, and the lease is free.
class RefusalTest : public ExitStatusTest {
 protected:
  /// True if the job ran.
  bool run_with(std::function<void()> limit) {
    // No lease ends by itself while the test looks.
    const Ended ended = run_under_lease(on(server_, {"--key", "job-a", "--ttl", "60"}), {"true"})
                            .prepare(std::move(limit))
                            // Looking for leaks takes a process and descriptors of its own.
                            .with("ASAN_OPTIONS", "detect_leaks=0")
                            .run();
    EXPECT_EQ(server_.integer({"EXISTS", "job-a"}), 0) << ended;
    if (ended.status() == 0) return true;
    EXPECT_EQ(ended.status(), 71) << ended;
    EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended;
    return false;
  }

  GrownServer server_;
};

TEST_F(RefusalTest, TooFewDescriptorsAre71AndTheLeaseIsFree) {
  int refused = 0;
  int ran = 0;
  // A binary with shared libraries needs one descriptor beyond 0, 1 and 2 to be loaded at all.
  for (rlim_t most = 4; most <= 24; ++most) {
    SCOPED_TRACE(most);
    const bool has_run = run_with([most] {
      const rlimit limit{most, most};
      ::setrlimit(RLIMIT_NOFILE, &limit);
    });
    (has_run ? ran : refused) += 1;
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(ran, 0);
}

TEST_F(RefusalTest, TooFewProcessesAre71AndTheLeaseIsFree) {
  // The limit does not hold for root (setrlimit(2)); an ordinary user has others of its own
  // running.
  if (::getuid() != 0) GTEST_SKIP() << "this needs root";
  constexpr uid_t kLonely = 54'321;
  int refused = 0;
  int ran = 0;
  for (rlim_t most = 1; most <= 6; ++most) {
    SCOPED_TRACE(most);
    const bool has_run = run_with([most] {
      const rlimit limit{most, most};
      ::setrlimit(RLIMIT_NPROC, &limit);
      if (::setgroups(0, nullptr) != 0 || ::setgid(kLonely) != 0 || ::setuid(kLonely) != 0)
        ::_exit(1);
    });
    (has_run ? ran : refused) += 1;
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(ran, 0);
}

}  // namespace
}  // namespace cluster_leader
