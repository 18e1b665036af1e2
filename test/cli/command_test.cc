// What the job is handed: the manual's "byte for byte", "every descriptor that the caller passed
// on, and none of ours", and the environment.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "support/cli_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class CommandTest : public CliTest {
 protected:
  using Environment = std::map<std::string, std::string>;

  static Words split_at_nul(const std::string& text) {
    Words words;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\0', at);
      words.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return words;
  }

  static Environment environment_in(const std::string& report) {
    Environment environment;
    for (const std::string& entry : split_at_nul(report)) {
      const std::size_t at = entry.find('=');
      environment[entry.substr(0, at)] = entry.substr(at + 1);
    }
    return environment;
  }

  Words reporter(const std::string& what, const Words& arguments = {}) const {
    return joined({test_program("job_report"), path("report"), what}, arguments);
  }

  /// The report of a job that `dress` has handed something to, with us in between.
  std::string report_with_us(
      const std::string& what, const std::function<void(Command&)>& dress = [](Command&) {}) const {
    Command command = run_under_lease(on_file(), reporter(what));
    return report_of(command, dress);
  }

  /// The same without us.
  std::string report_without_us(const std::string& what,
                                const std::function<void(Command&)>& dress) const {
    Command command(reporter(what));
    return report_of(command, dress);
  }

  std::string report_of(Command& command, const std::function<void(Command&)>& dress) const {
    dress(command);
    const Ended ended = command.run();
    EXPECT_EQ(ended.status(), 0) << ended;
    EXPECT_EQ(ended.err, "");
    return content_of(path("report"));
  }

  /// What the caller hands on reaches the job as if we were not there.
  void expect_equal(const std::function<void(Command&)>& dress) const {
    const std::string without = report_without_us("process", dress);
    EXPECT_NE(without, "");
    EXPECT_EQ(report_with_us("process", dress), without);
  }
};

TEST_F(CommandTest, ArgumentsArriveByteForByte) {
  const Words arguments = {"[1,2]",
                           "",
                           "two\nlines",
                           "--",
                           "{}",
                           "--key",
                           "-E",
                           "$HOME `id` $(id)",
                           "*",
                           "'\"\\",
                           "%s%n",
                           " leading and trailing ",
                           "gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac",
                           "\xff\xfe not UTF-8 \x80",
                           std::string(130'000, 'x'),
                           "--",
                           ""};
  const Ended ended = run_under_lease(on_file(), reporter("args", arguments)).run();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(split_at_nul(content_of(path("report"))), arguments);
}

TEST_F(CommandTest, OptionsOfTheCommandAreNeverOurs) {
  const Ended ended =
      run_under_lease(on_file(), {"echo", "--help", "--version", "--key", "--", "-n"}).run();
  EXPECT_EQ(ended.out, "--help --version --key -- -n\n") << ended;
}

TEST_F(CommandTest, EnvironmentHasTheLease) {
  const std::string report = [&] {
    Command command = run_under_lease(
        on_file({"--key", "job-a", "--prefix", "team:", "--ttl", "1500ms", "--node", "web-1"}),
        reporter("environ"));
    return report_of(command, [](Command& c) { c.with("OTHER", "kept = \xff").with("EMPTY", ""); });
  }();
  Environment environment = environment_in(report);
  EXPECT_EQ(environment["CLUSTER_LEADER_KEY"], "job-a");
  EXPECT_EQ(environment["CLUSTER_LEADER_NODE"], "web-1");
  EXPECT_EQ(environment["CLUSTER_LEADER_TTL_MS"], "1500");
  EXPECT_THAT(environment["CLUSTER_LEADER_HOLDER"], ::testing::MatchesRegex("web-1/[0-9a-f]{32}"));
  EXPECT_GT(std::atoll(environment["CLUSTER_LEADER_TOKEN"].c_str()), 0);
  EXPECT_EQ(environment["OTHER"], "kept = \xff");
  EXPECT_TRUE(environment.contains("EMPTY"));
  EXPECT_EQ(environment["CLUSTER_LEADER_SLOT"], "0");
  EXPECT_EQ(environment.size(), 6U + 3U) << report;
}

TEST_F(CommandTest, NestedRunShowsItsOwnLease) {
  Words inner = {CLUSTER_LEADER_BINARY,
                 "run",
                 "--server",
                 file_url(),
                 "--key",
                 "inner",
                 "--node",
                 "node-i",
                 "--ttl",
                 "20"};
  inner = joined(joined(inner, {"--"}), reporter("environ"));
  const Ended ended = run_under_lease(on_file({"--key", "outer", "--node", "node-o"}), inner).run();
  ASSERT_EQ(ended.status(), 0) << ended;
  const std::string report = content_of(path("report"));
  Environment environment = environment_in(report);
  EXPECT_EQ(environment["CLUSTER_LEADER_KEY"], "inner");
  EXPECT_EQ(environment["CLUSTER_LEADER_NODE"], "node-i");
  EXPECT_EQ(environment["CLUSTER_LEADER_TTL_MS"], "20000");
  EXPECT_THAT(environment["CLUSTER_LEADER_HOLDER"], ::testing::StartsWith("node-i/"));
  // Not twice: which of two a program takes is its own affair.
  EXPECT_EQ(split_at_nul(report).size(), environment.size());
}

TEST_F(CommandTest, TokensRiseFromRunToRun) {
  long long last = 0;
  for (int i = 0; i < 20; ++i) {
    const Ended ended =
        run_under_lease(on_file(), {"sh", "-c", "echo $CLUSTER_LEADER_TOKEN"}).run();
    const long long token = std::atoll(ended.out.c_str());
    EXPECT_GT(token, last) << ended;
    last = token;
  }
}

TEST_F(CommandTest, WithoutALeaseThereIsNoHolderAndNoToken) {
  Words inner = {CLUSTER_LEADER_BINARY, "run", "--server", "redis://127.0.0.1:1", "--key", "inner",
                 "--if-unavailable",    "run", "--"};
  inner = joined(inner, reporter("environ"));
  const Ended ended = run_under_lease(on_file({"--key", "outer"}), inner).run();
  ASSERT_EQ(ended.status(), 0) << ended;
  Environment environment = environment_in(content_of(path("report")));
  EXPECT_EQ(environment["CLUSTER_LEADER_KEY"], "inner");
  EXPECT_FALSE(environment.contains("CLUSTER_LEADER_HOLDER"));
  EXPECT_FALSE(environment.contains("CLUSTER_LEADER_TOKEN"));
}

TEST_F(CommandTest, CommandIsSearchedInThePath) {
  folder_.write("tool-of-this-test", "#!/bin/sh\nexit 6\n", 0755);
  const std::string search = folder_.path() + ":" + std::getenv("PATH");
  EXPECT_EQ(run_under_lease(on_file(), {"tool-of-this-test"}).with("PATH", search).run().status(),
            6);
}

TEST_F(CommandTest, StdinStdoutAndStderrAreTheCallers) {
  std::string much;
  for (int i = 0; i < 200'000; ++i) much += std::to_string(i) + '\n';
  const Ended ended =
      run_under_lease(on_file(), {"sh", "-c", "cat; echo aside >&2"}).input(much).run();
  EXPECT_EQ(ended.status(), 0);
  EXPECT_TRUE(ended.out == much) << ended.out.size() << " of " << much.size() << " bytes";
  EXPECT_EQ(ended.err, "aside\n");
}

TEST_F(CommandTest, WorksInAPipeline) {
  const Ended ended =
      Command({"sh", "-c",
               "echo x | \"$0\" run --key job-a --server \"$1\" -- cat | tr x y; exit 3",
               CLUSTER_LEADER_BINARY, file_url()})
          .run();
  EXPECT_EQ(ended.status(), 3);
  EXPECT_EQ(ended.out, "y\n") << ended;
}

TEST_F(CommandTest, ClosedDescriptorsStayClosed) {
  for (int closed = 1; closed < 8; ++closed) {
    SCOPED_TRACE(closed);
    expect_equal([closed](Command& command) {
      for (int fd = 0; fd <= 2; ++fd) {
        if ((closed & 1 << fd) != 0) command.without(fd);
      }
      // Those of the capture differ from run to run.
      static const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
      for (int fd = 0; fd <= 2; ++fd) {
        if ((closed & 1 << fd) == 0) command.give(null.get(), fd);
      }
    });
  }
}

TEST_F(CommandTest, DescriptorsOfTheCallerArePassedAndNoneOfOurs) {
  std::vector<Pipe> pipes(5);
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  expect_equal([&](Command& command) {
    for (int fd = 0; fd <= 2; ++fd) command.give(null.get(), fd);
    for (int i = 0; i < 5; ++i) {
      command.give(pipes[static_cast<std::size_t>(i)].read_end.get(), 3 + i);
      command.give(pipes[static_cast<std::size_t>(i)].write_end.get(), 40 + 5 * i);
    }
  });
}

TEST_F(CommandTest, SocketOfTheServerIsNotPassed) {
  const Server server(REDIS_SERVER);
  server.grow_up(1s);
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto dress = [&](Command& command) {
    for (int fd = 0; fd <= 2; ++fd) command.give(null.get(), fd);
  };
  Command with_us = run_under_lease(on(server, {"--ttl", "1"}), reporter("process"));
  EXPECT_EQ(report_of(with_us, dress), report_without_us("process", dress));
}

TEST_F(CommandTest, SignalMaskAndDispositionsAreTheCallers) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto on_null = [&](Command& command) {
    for (int fd = 0; fd <= 2; ++fd) command.give(null.get(), fd);
  };
  expect_equal(on_null);
  expect_equal([&](Command& command) {
    on_null(command);
    command.prepare([] {
      for (const int signo : {SIGHUP, SIGINT, SIGCHLD, SIGPIPE, SIGUSR1, SIGTTIN, SIGRTMIN + 1}) {
        ::signal(signo, SIG_IGN);
      }
      sigset_t blocked;
      sigemptyset(&blocked);
      for (const int signo : {SIGTERM, SIGUSR2, SIGCHLD, SIGALRM, SIGRTMAX})
        sigaddset(&blocked, signo);
      ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    });
  });
}

TEST_F(CommandTest, FolderUmaskPriorityAndLimitsAreTheCallers) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  expect_equal([&](Command& command) {
    for (int fd = 0; fd <= 2; ++fd) command.give(null.get(), fd);
    command.in(folder_.path()).prepare([] {
      ::umask(027);
      static_cast<void>(::nice(3));
    });
  });
}

TEST_F(CommandTest, DeletedFolderIsNoObstacle) {
  const std::string doomed = path("doomed");
  ::mkdir(doomed.c_str(), 0755);
  const Ended ended = run_under_lease(on_file(), {"echo", "ran"})
                          .in(doomed)
                          .prepare([doomed] { ::rmdir(doomed.c_str()); })
                          .run();
  EXPECT_EQ(ended.out, "ran\n") << ended;
}

TEST_F(CommandTest, ReaderOfStdoutSeesItsEndWhenTheJobClosesIt) {
  Pipe out;
  Pipe in;
  Process process = run_under_lease(on_file(), {"sh", "-c", "echo early; exec >&-; cat >&2"})
                        .give(out.write_end.get(), 1)
                        .give(in.read_end.get(), 0)
                        .start();
  out.write_end.reset();
  in.read_end.reset();
  std::string text;
  char byte = 0;
  pollfd ready{out.read_end.get(), POLLIN, 0};
  while (::poll(&ready, 1, 20'000) == 1 && ::read(out.read_end.get(), &byte, 1) == 1) text += byte;
  EXPECT_EQ(ready.revents & POLLHUP, POLLHUP) << "we hold the caller's pipe open";
  EXPECT_EQ(text, "early\n");
  EXPECT_TRUE(process.running());
  in.write_end.reset();
  EXPECT_EQ(process.wait().status(), 0);
}

TEST_F(CommandTest, WriterOfStdinSeesTheJobCloseIt) {
  Pipe in;
  Pipe hold;
  ::signal(SIGPIPE, SIG_IGN);
  Process process = run_under_lease(on_file(), {"sh", "-c", "exec <&-; echo closed; cat <&7"})
                        .give(in.read_end.get(), 0)
                        .give(hold.read_end.get(), 7)
                        .start();
  in.read_end.reset();
  hold.read_end.reset();
  ASSERT_TRUE(process.says("closed"));
  EXPECT_TRUE(
      eventually([&] { return ::write(in.write_end.get(), "x", 1) < 0 && errno == EPIPE; }));
  hold.write_end.reset();
  EXPECT_EQ(process.wait().status(), 0);
}

TEST_F(CommandTest, ProgramThatMakesItsOwnSessionIsWaitedFor) {
  const Ended ended = run_under_lease(on_file(), {"setsid", "sh", "-c", "sleep 0.1; exit 7"}).run();
  EXPECT_EQ(ended.status(), 7) << ended;
}

}  // namespace
}  // namespace cluster_leader
