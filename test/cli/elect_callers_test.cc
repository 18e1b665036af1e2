// What an elect owes to whoever started it, on the built binary: signals that direct it, the end of
// its parent, a reader that is slow or gone, and a service manager.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>
#include <set>
#include <thread>

#include "base/wall_time.h"
#include "support/elect_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ElectSignalsTest : public ElectTest {};

TEST_F(ElectSignalsTest, Usr2GivesTheOthersATurn) {
  ASSERT_TRUE(start_two(kLong)) << transcript();
  leader_->signal(SIGUSR2);
  ASSERT_TRUE(follower_->is("leader")) << transcript();
  // It stays out for a ttl, but hears what happens.
  EXPECT_TRUE(leader_->follows(follower_->last().holder)) << transcript();
  follower_->signal(SIGUSR2);
  EXPECT_TRUE(follower_->is("none")) << transcript();
  EXPECT_TRUE(leader_->is("none")) << transcript();
  EXPECT_EQ(value(), "(nil)");
  EXPECT_EQ(leader_->process().err() + follower_->process().err(), "");
}

TEST_F(ElectSignalsTest, WhoeverHasResignedStandsAgainAfterATtl) {
  ASSERT_TRUE(start_two("1")) << transcript();
  const std::int64_t begin = wall_clock_ms();
  leader_->signal(SIGUSR2);
  ASSERT_TRUE(follower_->is("leader")) << transcript();
  ASSERT_TRUE(leader_->follows(follower_->last().holder)) << transcript();
  EXPECT_EQ(follower_->stop().status(), 0);
  ASSERT_TRUE(leader_->is("leader")) << transcript();
  EXPECT_GE(leader_->last().at_ms() - begin, 1000);
}

TEST_F(ElectSignalsTest, LoneLeaderThatHasResignedLeadsAgainAfterATtl) {
  Elector elector(options_for("web-1", "1"));
  ASSERT_TRUE(elector.is("leader"));
  elector.forget();
  const std::int64_t begin = wall_clock_ms();
  elector.signal(SIGUSR2);
  ASSERT_TRUE(elector.says({"leader", "none", "leader"})) << elector.transcript();
  EXPECT_GE(elector.last().at_ms() - begin, 1000);
  EXPECT_GT(elector.last().token, elector.lines().front().token);
}

TEST_F(ElectSignalsTest, AllKeysAreResigned) {
  Elector elector(joined(on(server_, {"--ttl", kLong}), many_keys(20)));
  ASSERT_TRUE(eventually([&] { return elector.count("leader") == 20; }));
  elector.signal(SIGUSR2);
  EXPECT_TRUE(eventually([&] { return elector.count("none") == 20; }));
}

TEST_F(ElectSignalsTest, WhoeverIsNotKeptAliveResignsUntilItIs) {
  Elector elector(options_for("web-1", kLong, {"--keepalive-timeout", "300ms"}));
  ASSERT_TRUE(elector.is("none")) << elector.transcript();
  expect_one_line(elector.process().err(), {"warning", "SIGUSR1", "--keepalive-timeout"});
  EXPECT_TRUE(eventually([&] { return value() == "(nil)"; }));
  Elector other(options_for("web-2"));
  ASSERT_TRUE(other.is("leader")) << other.transcript();
  EXPECT_TRUE(elector.follows(other.last().holder)) << elector.transcript();
  EXPECT_EQ(other.stop().status(), 0);
  EXPECT_TRUE(elector.is("none")) << elector.transcript();
  // Not after a ttl, since it has not given the others a turn but was hung.
  elector.signal(SIGUSR1);
  EXPECT_TRUE(elector.is("leader")) << elector.transcript();
  EXPECT_TRUE(elector.is("none")) << elector.transcript();
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectSignalsTest, WhoeverIsKeptAliveLeadsOn) {
  constexpr Duration kTimeout = 800ms;
  for (;;) {
    Elector elector(options_for("web-1", kLong, {"--keepalive-timeout", "800ms"}));
    ASSERT_TRUE(eventually([&] { return !elector.lines().empty(); })) << elector.transcript();
    const Time begin = BootClock::now();
    Duration longest{};
    for (Time last = begin; last - begin < 2 * kTimeout;) {
      elector.signal(SIGUSR1);
      std::this_thread::sleep_for(10ms);
      const Time now = BootClock::now();
      longest = std::max<Duration>(longest, now - last);
      last = now;
    }
    // Unless we were hung ourselves, which shows nothing.
    if (longest > kTimeout / 4) continue;
    EXPECT_THAT(elector.states(), ElementsAre("leader")) << elector.transcript();
    break;
  }
}

TEST_F(ElectSignalsTest, NewKeeperOfWhoeverIsNotKeptAliveStandsForNothing) {
  Elector elector(options_for("web-1", kLong, {"--keepalive-timeout", "300ms"}));
  ASSERT_TRUE(elector.is("none")) << elector.transcript();
  const pid_t keeper = elector.keeper();
  ::kill(keeper, SIGKILL);
  ASSERT_TRUE(eventually(
      [&] { return elector.process().child() > 0 && elector.process().child() != keeper; }));
  Elector other(options_for("web-2"));
  EXPECT_TRUE(other.is("leader")) << other.transcript();
  EXPECT_EQ(other.stop().status(), 0);
  EXPECT_THAT(elector.states(), Contains("leader").Times(1)) << elector.transcript();
  elector.signal(SIGUSR1);
  EXPECT_TRUE(elector.is("leader")) << elector.transcript();
}

TEST_F(ElectSignalsTest, Usr1WithoutATimeoutAndSignalsThatEndNobodyChangeNothing) {
  Elector elector(options_for("web-1", "3"));
  ASSERT_TRUE(elector.is("leader"));
  elector.forget();
  for (const int signo : {SIGUSR1, SIGWINCH, SIGCONT, SIGPIPE, SIGCHLD}) elector.signal(signo);
  wait_for_renewals(1);
  EXPECT_THAT(elector.states(), ElementsAre("leader"));
  EXPECT_EQ(elector.stop().status(), 0);
}

/// Who started it is gone.
class ElectParentTest : public ElectTest {
 protected:
  static constexpr int kFdOfLifeLine = 9;

  /// A shell that runs a script, in which `$elect` and `$run` stand for us; all of its family has
  /// the life line.
  Process start_shell(const std::string& script, const Words& more = {"--die-with-parent"}) {
    const auto words_of = [&](const Words& words) {
      std::string text;
      for (const std::string& word : joined(words, more)) text += " " + word;
      return text;
    };
    const std::string program = CLUSTER_LEADER_BINARY;
    Process process = Command({"bash", "-c", script})
                          .with("elect", program + " elect" + words_of(options_for("web-1")))
                          .with("run", program + " run" + words_of(options_for("web-1")))
                          .give(life_.fd(), kFdOfLifeLine)
                          .start();
    life_.cut();
    return process;
  }

  void expect_released() const {
    EXPECT_TRUE(life_.wait_for_death());
    EXPECT_TRUE(eventually([&] { return value() == "(nil)"; }));
  }

  LifeLine life_;
};

TEST_F(ElectParentTest, ParentThatIsKilledEndsIt) {
  Process shell = start_shell("$elect; true");
  ASSERT_TRUE(shell.says("\"leader\""));
  shell.signal(SIGKILL);
  expect_released();
}

TEST_F(ElectParentTest, ShellOfTheParentThatIsKilledEndsIt) {
  Process shell = start_shell("sh -c '$elect; true'; true");
  ASSERT_TRUE(shell.says("\"leader\""));
  shell.signal(SIGKILL);
  // The inner shell lives on until the elect has ended.
  expect_released();
}

TEST_F(ElectParentTest, EnvironmentCanAskForItToo) {
  Process shell = start_shell("export CLUSTER_LEADER_DIE_WITH_PARENT=1; $elect; true", {});
  ASSERT_TRUE(shell.says("\"leader\""));
  shell.signal(SIGKILL);
  expect_released();
}

TEST_F(ElectParentTest, ParentThatIsKilledChangesNothingWithoutTheOption) {
  Process shell = start_shell("$elect & echo front $! >&2; wait", {});
  ASSERT_TRUE(shell.says("\"leader\"") && shell.says("front "));
  const pid_t front = std::atoi(shell.err().c_str() + 6);
  shell.signal(SIGKILL);
  shell.wait();
  ASSERT_TRUE(life_.anybody_alive());
  EXPECT_THAT(value(), StartsWith("web-1/"));
  ::kill(front, SIGTERM);
  expect_released();
  EXPECT_THAT(shell.out(), HasSubstr("\"none\""));
}

TEST_F(ElectParentTest, JobOfARunIsStoppedWhenTheParentIsKilled) {
  Process shell = start_shell("$run -- sh -c 'echo runs; sleep 1000 & wait'; true");
  ASSERT_TRUE(shell.says("runs"));
  shell.signal(SIGKILL);
  expect_released();
}

TEST_F(ElectParentTest, StdinThatIsHungUpEndsIt) {
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
  Pipe pipe;
  std::pair<UniqueFd, UniqueFd> pairs[] = {
      {std::move(pipe.read_end), std::move(pipe.write_end)},
      {UniqueFd(sockets[0]), UniqueFd(sockets[1])},
  };
  for (auto& [theirs, ours] : pairs) {
    Elector elector(
        Elector::command(options_for("web-1", kLong, {"--die-with-parent"})).give(theirs.get(), 0));
    theirs.reset();
    ASSERT_TRUE(elector.is("leader"));
    // What nobody reads is no reason to stay.
    ASSERT_EQ(::write(ours.get(), "x", 1), 1);
    ours.reset();
    EXPECT_EQ(elector.process().wait().status(), 0);
    EXPECT_EQ(value(), "(nil)");
  }
}

TEST_F(ElectParentTest, StdinThatIsHungUpChangesNothingWithoutTheOption) {
  Pipe pipe;
  Elector elector(Elector::command(options_for("web-1", "3")).give(pipe.read_end.get(), 0));
  ASSERT_TRUE(elector.is("leader"));
  elector.forget();
  pipe.read_end.reset();
  pipe.write_end.reset();
  wait_for_renewals(1);
  EXPECT_THAT(elector.states(), ElementsAre("leader"));
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectParentTest, StdinThatOnlyHasAnEndIsNotHungUp) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const bool is_null : {false, true}) {
    Command command = Elector::command(options_for("web-1", "3", {"--die-with-parent"}));
    // What is not given is an empty file.
    if (is_null) command.give(null.get(), 0);
    Elector elector(command);
    ASSERT_TRUE(elector.is("leader"));
    elector.forget();
    wait_for_renewals(1);
    EXPECT_THAT(elector.states(), ElementsAre("leader"));
    EXPECT_EQ(elector.stop().status(), 0);
  }
}

/// Who reads what it says.
class ElectReaderTest : public ElectTest {
 protected:
  /// Waits until something can be read, and reads it; empty at the end of file.
  static std::string read_from(const UniqueFd& fd) {
    char part[65536];
    const ssize_t got = ::read(fd.get(), part, sizeof part);
    return got > 0 ? std::string(part, static_cast<std::size_t>(got)) : std::string();
  }
};

TEST_F(ElectReaderTest, ReaderThatIsGoneEndsItWithItsLeases) {
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
  Pipe pipe;
  std::pair<UniqueFd, UniqueFd> pairs[] = {
      {std::move(pipe.write_end), std::move(pipe.read_end)},
      {UniqueFd(sockets[0]), UniqueFd(sockets[1])},
  };
  for (auto& [theirs, ours] : pairs) {
    Elector elector(Elector::command(options_for("web-1")).give(theirs.get(), 1));
    theirs.reset();
    EXPECT_THAT(read_from(ours), HasSubstr("\"leader\""));
    // Without anything being written: nobody has to wait for the next change.
    ours.reset();
    const Ended ended = elector.process().wait();
    EXPECT_EQ(ended.status(), kDiedOf + SIGPIPE) << ended;
    EXPECT_EQ(value(), "(nil)");
  }
}

TEST_F(ElectReaderTest, ReaderThatIsGoneBeforeTheFirstLineEndsItAsWell) {
  Pipe pipe;
  pipe.read_end.reset();
  Elector elector(Elector::command(options_for("web-1")).give(pipe.write_end.get(), 1));
  EXPECT_EQ(elector.process().wait().status(), kDiedOf + SIGPIPE);
  EXPECT_EQ(value(), "(nil)");
}

TEST_F(ElectReaderTest, ClosedStdoutIsNoReaderThatIsGone) {
  Elector elector(Elector::command(options_for("web-1", "3")).without(1));
  EXPECT_TRUE(eventually([&] { return value().starts_with("web-1/"); }));
  wait_for_renewals(1);
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectReaderTest, WhereHooksAreRunAReaderThatIsGoneChangesNothing) {
  Pipe pipe;
  Elector elector(Elector::command(options_for("web-1", "3", {"--on-leader", "true"}))
                      .give(pipe.write_end.get(), 1));
  pipe.write_end.reset();
  EXPECT_THAT(read_from(pipe.read_end), HasSubstr("\"leader\""));
  pipe.read_end.reset();
  wait_for_renewals(1);
  EXPECT_THAT(value(), StartsWith("web-1/"));
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(ElectReaderTest, SlowReaderHoldsNothingUpAndReadsNothingThatIsOver) {
  constexpr int kKeys = 60;
  constexpr std::size_t kPipeSize = 4096;
  Pipe pipe;
  ASSERT_EQ(::fcntl(pipe.read_end.get(), F_SETPIPE_SZ, kPipeSize), int{kPipeSize});
  Elector slow(
      Elector::command(joined(on(server_, {"--ttl", kLong, "--node", "web-1"}), many_keys(kKeys)))
          .give(pipe.write_end.get(), 1));
  pipe.write_end.reset();
  // A lock and a record for each key.
  ASSERT_TRUE(eventually([&] { return server_.integer({"DBSIZE"}) == 2 * kKeys; }));
  Elector other(joined(on(server_, {"--ttl", kLong, "--node", "web-2"}), many_keys(kKeys)));
  ASSERT_TRUE(eventually([&] { return other.count("follower") == kKeys; }));
  slow.signal(SIGUSR2);
  ASSERT_TRUE(eventually([&] { return other.count("leader") == kKeys; })) << other.count("leader");

  std::string said;
  std::map<std::string, std::string> last_states;
  const auto all_follow = [&] {
    said += read_from(pipe.read_end);
    last_states.clear();
    for (std::size_t at = 0, end = 0; (end = said.find('\n', at)) != said.npos; at = end + 1) {
      const StateLine line = StateLine::parse(said.substr(at, end - at));
      last_states[line.key] = line.state;
    }
    const auto follows = [](const auto& entry) { return entry.second == "follower"; };
    return last_states.size() == kKeys &&
           std::all_of(last_states.begin(), last_states.end(), follows);
  };
  EXPECT_TRUE(eventually(all_follow)) << said;
  // What the pipe had taken, nobody could take back.
  EXPECT_LT(said.rfind(R"("state":"leader")") + 1, kPipeSize) << said;
  EXPECT_LT(said.rfind(R"("state":"none")") + 1, kPipeSize) << said;
  EXPECT_EQ(slow.stop().status(), 0);
}

TEST_F(ElectReaderTest, ReaderThatDoesNotReadDoesNotHoldUpTheEnd) {
  Pipe pipe;
  ASSERT_GT(::fcntl(pipe.read_end.get(), F_SETPIPE_SZ, 4096), 0);
  Elector elector(Elector::command(joined(on(server_, {"--ttl", kLong}), many_keys(60)))
                      .give(pipe.write_end.get(), 1));
  EXPECT_TRUE(eventually([&] { return server_.integer({"DBSIZE"}) == 2 * 60; }));
  EXPECT_EQ(elector.stop().status(), 0);
  EXPECT_EQ(server_.integer({"DBSIZE"}), 60);
}

/// A service manager, as systemd is one: a socket that takes datagrams.
class ElectServiceTest : public ElectTest {
 protected:
  ElectServiceTest() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path("notify");
    std::copy(name.begin(), name.end(), address.sun_path);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  Command service(const Words& options) const {
    return Elector::command(options).with("NOTIFY_SOCKET", path("notify"));
  }

  /// The next message that is no beat; empty if there is none in time.
  std::string next_message(Duration bound = kBound) {
    for (;;) {
      pollfd ready{socket_.get(), POLLIN, 0};
      if (::poll(&ready, 1, static_cast<int>(ceil_ms(bound))) != 1) return {};
      char message[1024];
      const ssize_t got = ::recv(socket_.get(), message, sizeof message, 0);
      const std::string text(message, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (text != "WATCHDOG=1") return text;
      ++beats_;
    }
  }

  UniqueFd socket_;
  int beats_ = 0;
};

TEST_F(ElectServiceTest, IsToldOfEachStep) {
  server_.pause();
  Elector elector(service(on(server_, {"--key", "a", "--key", "b", "--ttl", kLong})));
  elector.keeper();
  EXPECT_EQ(next_message(100ms), "") << "nothing is known yet";
  server_.resume();
  std::set<std::string> messages;
  while (!messages.contains("STATUS=leader of 2 of 2 keys") || !messages.contains("READY=1")) {
    const std::string message = next_message();
    ASSERT_NE(message, "") << elector.transcript();
    messages.insert(message);
  }
  elector.signal(SIGTERM);
  EXPECT_EQ(next_message(), "STOPPING=1");
  EXPECT_EQ(elector.process().wait().status(), 0);
  EXPECT_EQ(beats_, 0) << "nobody has asked for them";
}

TEST_F(ElectServiceTest, IsReadyThoughThereIsNoServer) {
  server_.kill();
  Elector elector(service(options_for("web-1")));
  std::string message;
  while ((message = next_message()) != "READY=1") ASSERT_NE(message, "") << elector.transcript();
  EXPECT_TRUE(elector.says({"down"}));
}

TEST_F(ElectServiceTest, HearsThatItLivesWhateverItsServerDoes) {
  Elector elector(service(options_for("web-1", "1")).with("WATCHDOG_USEC", "100000"));
  ASSERT_TRUE(elector.is("leader"));
  server_.pause();
  ASSERT_TRUE(elector.is("down"));
  while (!next_message(10ms).empty()) {
  }
  beats_ = 0;
  EXPECT_TRUE(eventually([&] {
    next_message(1ms);
    return beats_ >= 5;
  }));
  server_.resume();
}

}  // namespace
}  // namespace cluster_leader
