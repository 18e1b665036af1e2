// What a front does besides watching the keeper, as that of elect does: its signals, its children,
// its messages, and more than one keeper in its life.

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "process/front.h"
#include "supervision.h"

namespace cluster_leader::test {
namespace {

using Kind = LinkMessage::Kind;

/// Writes each event as a line, for a test that runs in another process.
class Recorder : public FrontDuty {
 public:
  /// Handles these signals; stops the process for SIGTSTP.
  explicit Recorder(std::set<int> taken) : taken_(std::move(taken)) {}

  int lines() const { return out_.read.get(); }
  /// To be called in the first turn.
  std::function<void()> begin = [] {};
  bool has_taken = false;

  void advance(const Poller&, Time) override {
    std::exchange(begin, [] {})();
    if (std::exchange(stop_asked_, false)) {
      stop_ourselves();
      write("continued");
    }
  }
  bool handle_signal(const SignalArrival& arrival) override {
    write("signal " + std::to_string(arrival.signo) + (arrival.from_kernel ? " from kernel" : ""));
    stop_asked_ |= arrival.signo == SIGTSTP;
    has_taken |= taken_.contains(arrival.signo);
    return taken_.contains(arrival.signo);
  }
  void handle_message(const LinkMessage& message) override {
    write("state " + std::to_string(message.election.state));
  }
  void handle_exit(const ChildChange& change) override {
    write((change.code == CLD_EXITED ? "exited " : "killed ") + std::to_string(change.status));
  }

 private:
  void write(std::string line) const {
    line += '\n';
    EXPECT_EQ(::write(out_.write.get(), line.data(), line.size()), ssize_t(line.size()));
  }

  std::set<int> taken_;
  bool stop_asked_ = false;
  Pipe out_;
};

std::string byte(int signo) { return std::string(1, static_cast<char>(signo)); }

TEST(FrontDutyTest, HandlesSignalsThatAreNotForTheJob) {
  const auto recorder = std::make_shared<Recorder>(std::set{SIGUSR1});
  Plan plan{probe({"count", "10", "12"})};
  plan.duty = recorder;
  Supervision supervision(plan);
  supervision.born(1);
  ::kill(supervision.front(), SIGUSR1);
  EXPECT_EQ(read_line(recorder->lines()), "signal 10");
  ::kill(supervision.front(), SIGUSR2);
  EXPECT_EQ(read_line(recorder->lines()), "signal 12");
  EXPECT_EQ(supervision.born(1), byte(SIGUSR2));
  ::kill(supervision.front(), SIGTERM);
  EXPECT_EQ(read_line(recorder->lines()), "signal 15");
  EXPECT_EQ(WTERMSIG(supervision.wait()), SIGTERM);
}

TEST(FrontDutyTest, GetsSignalsOfTheJobButNotOurOwn) {
  const auto recorder = std::make_shared<Recorder>(std::set{SIGUSR1});
  recorder->begin = [] { ::kill(::getpid(), SIGUSR2); };
  Plan plan{{"/bin/sh", "-c", "trap 'echo got' USR1; read front; kill -USR1 $front; read end"}};
  plan.duty = recorder;
  Supervision supervision(plan);
  supervision.keeper();
  // The first turn has ended when the second of these is reported.
  for (int i = 0; i < 2; ++i) {
    ::kill(supervision.front(), SIGUSR1);
    EXPECT_EQ(read_line(recorder->lines()), "signal 10");
  }
  const std::string front = std::to_string(supervision.front()) + "\n";
  ASSERT_EQ(::write(supervision.input(), front.data(), front.size()), ssize_t(front.size()));
  EXPECT_EQ(read_line(recorder->lines()), "signal 10");
  supervision.close_input();
  EXPECT_EQ(supervision.all_output(), "");
}

TEST(FrontDutyTest, IsToldOfChildrenThatEndButNotOfTheKeeper) {
  const auto recorder = std::make_shared<Recorder>(std::set<int>{});
  Pipe go;
  recorder->begin = [&] {
    if (::fork() != 0) return;
    // Ends after its parent, and so as a child of the front.
    if (::fork() == 0) {
      char c = 0;
      ::_exit(::read(go.read.get(), &c, 1) == 1 ? 8 : 1);
    }
    ::_exit(7);
  };
  Plan plan{probe({"echo"})};
  plan.duty = recorder;
  plan.before = [] {
    if (::fork() == 0) ::_exit(6);
  };
  Supervision supervision(plan);
  supervision.born(1);
  std::set<std::string> ended;
  // Makes sure that a first turn comes; the stranger's end may have come before it.
  ::kill(supervision.front(), SIGURG);
  while (ended.size() < 3) ended.insert(read_line(recorder->lines()));
  EXPECT_EQ(ended, (std::set<std::string>{"exited 6", "signal 23", "exited 7"}));
  EXPECT_EQ(::write(go.write.get(), "x", 1), 1);
  EXPECT_EQ(read_line(recorder->lines()), "exited 8");
  supervision.close_input();
  EXPECT_EQ(supervision.exit_status(), 0);
  std::array<char, 1> more{};
  ::fcntl(recorder->lines(), F_SETFL, O_NONBLOCK);
  EXPECT_EQ(::read(recorder->lines(), more.data(), more.size()), -1) << "it was told of the keeper";
}

TEST(FrontDutyTest, SignalThatComesWhenTheKeeperDiesIsNotLost) {
  // It may come before the tree is killed, meanwhile, or afterwards.
  for (int i = 0; i < 30; ++i) {
    const auto recorder = std::make_shared<Recorder>(std::set{SIGUSR1});
    Plan plan{probe({"tree", "50", "deaf"})};
    plan.duty = recorder;
    plan.at_the_end = [&](SignalReader& signals) {
      while (!recorder->has_taken) {
        pollfd wanted{signals.fd(), POLLIN, 0};
        ::poll(&wanted, 1, -1);
        const auto arrival = signals.next();
        if (arrival && arrival->signo != SIGCHLD) recorder->handle_signal(*arrival);
      }
    };
    Supervision supervision(plan);
    supervision.born(50);
    ::kill(supervision.keeper(), SIGKILL);
    const Time until = BootClock::now() + i * 100us;
    while (BootClock::now() < until) {
    }
    ::kill(supervision.front(), SIGUSR1);
    ASSERT_EQ(supervision.exit_status(), kLostStatus);
    std::string line = read_line(recorder->lines());
    while (line != "signal 10" && !line.empty()) line = read_line(recorder->lines());
    ASSERT_EQ(line, "signal 10");
  }
}

Plan elect_in_shell(const std::shared_ptr<Recorder>& recorder, std::vector<std::string> argv) {
  Plan plan{std::move(argv)};
  plan.terminal = Plan::Terminal::kShell;
  plan.keeper_leaves = true;
  plan.duty = recorder;
  return plan;
}

TEST(LeaveSessionTest, KeysReachTheFrontAlone) {
  const auto recorder = std::make_shared<Recorder>(std::set{SIGINT, SIGQUIT});
  Supervision supervision(elect_in_shell(recorder, probe({"count", "2", "3", "10"})));
  supervision.born(1);
  supervision.type("\x03");
  EXPECT_EQ(read_line(recorder->lines()), "signal 2 from kernel");
  supervision.type("\x1c");
  EXPECT_EQ(read_line(recorder->lines()), "signal 3 from kernel");
  // The front forwards in order, so a key would have come before this signal.
  ::kill(supervision.front(), SIGUSR1);
  EXPECT_EQ(supervision.born(1), byte(SIGUSR1));
  ::kill(supervision.front(), SIGTERM);
  supervision.expect_all_dead();
}

TEST(LeaveSessionTest, StopKeyStopsTheFrontAlone) {
  const auto recorder = std::make_shared<Recorder>(std::set{SIGTSTP});
  Plan plan = elect_in_shell(recorder, probe({"count", "10", "12"}));
  plan.lease = 150ms;
  Supervision supervision(plan);
  supervision.born(1);
  const pid_t job = supervision.job();
  supervision.type("\x1a");
  EXPECT_EQ(supervision.wait_for(Note::kShellSawStop).value, SIGTSTP);
  const Time until = BootClock::now() + 2 * plan.lease;
  while (BootClock::now() < until) supervision.wait_for(Note::kRenewed);
  ::kill(job, SIGUSR1);
  EXPECT_EQ(supervision.born(1), byte(SIGUSR1));
  supervision.foreground();
  EXPECT_EQ(read_line(recorder->lines()), "signal 20 from kernel");
  EXPECT_EQ(read_line(recorder->lines()), "continued");
  ::kill(supervision.front(), SIGUSR2);
  EXPECT_EQ(supervision.born(1), byte(SIGUSR2));
  ::kill(supervision.front(), SIGTERM);
  supervision.expect_all_dead();
}

TEST(LeaveSessionTest, JobDoesNotReadTheTerminal) {
  // It would read what is typed for the shell: the kernel lets a process of another session read.
  const auto recorder = std::make_shared<Recorder>(std::set<int>{});
  Supervision supervision(elect_in_shell(recorder, probe({"echo"})));
  supervision.born(1);
  EXPECT_EQ(supervision.wait_for(Note::kShellSawExit).value, 0);
  supervision.expect_all_dead();
}

TEST(LeaveSessionTest, JobHasASessionOfItsOwnWithoutATerminal) {
  const auto recorder = std::make_shared<Recorder>(std::set<int>{});
  Supervision supervision(elect_in_shell(recorder, probe({"place"})));
  std::istringstream place(read_line(supervision.terminal()));
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  place >> pid >> parent >> group >> session;
  EXPECT_EQ(parent, supervision.keeper());
  EXPECT_EQ(group, session);
  EXPECT_NE(session, supervision.keeper());
  EXPECT_NE(group, supervision.front());
}

TEST(LeaveSessionTest, KillOfTheWholeGroupSparesTheKeeper) {
  const auto recorder = std::make_shared<Recorder>(std::set<int>{});
  Pipe left;
  Pipe go;
  Plan plan = elect_in_shell(recorder, probe({"echo"}));
  plan.in_keeper = [&] {
    char c = 0;
    [[maybe_unused]] ssize_t done = ::write(left.write.get(), "left\n", 5);
    done = ::read(go.read.get(), &c, 1);
    done = ::write(left.write.get(), "alive\n", 6);
  };
  Supervision supervision(plan);
  EXPECT_EQ(read_line(left.read.get()), "left");
  ::kill(-supervision.front(), SIGKILL);
  EXPECT_EQ(WTERMSIG(supervision.wait_for(Note::kShellSawExit).value), SIGKILL);
  EXPECT_EQ(::write(go.write.get(), "x", 1), 1);
  EXPECT_EQ(read_line(left.read.get()), "alive");
  supervision.expect_all_dead();
}

TEST(LeaveSessionTest, InputThatIsNoTerminalIsKept) {
  EXPECT_TRUE(in_a_process([] {
    Pipe input;
    ::dup2(input.read.get(), 0);
    leave_session();
    leave_session();
    char c = 0;
    return ::getsid(0) == ::getpid() && ::write(input.write.get(), "x", 1) == 1 &&
           ::read(0, &c, 1) == 1;
  }));
}

/// Ends the keeper at a given time, or when a descriptor is ready.
class Waker : public FrontDuty {
 public:
  Waker(Time at, int fd, int keepers_end) : at_(at), fd_(fd), keepers_end_(keepers_end) {}

  void watch(Poller& poller) override { poller.watch(fd_, POLLIN); }
  Time wake_at() const override { return at_; }
  void advance(const Poller& poller, Time now) override {
    if (now < at_ && poller.ready(fd_) == 0) return;
    at_ = kNever;
    woken = true;
    EXPECT_EQ(::write(keepers_end_, "x", 1), 1);
  }
  bool woken = false;

 private:
  Time at_;
  int fd_;
  int keepers_end_;
};

TEST(FrontDutyTest, WakesAtItsTimeOrWhenItsDescriptorIsReady) {
  for (const bool by_time : {true, false}) {
    EXPECT_TRUE(in_a_process([&] {
      const InheritedSignals inherited = InheritedSignals::capture();
      SignalReader signals(inherited);
      Pipe watched;
      Pipe end;
      Waker waker(by_time ? BootClock::now() + 20ms : kNever, watched.read.get(), end.write.get());
      KeeperLink link;
      link.set_deadline(BootClock::now() + kPatience);
      const Keeper keeper = fork_keeper(link, false, [&](int) {
        char c = 0;
        if (!by_time && ::write(watched.write.get(), "x", 1) != 1) return 1;
        if (::read(end.read.get(), &c, 1) != 1) return 1;
        link.send({Kind::kFinished});
        return 0;
      });
      const KeeperEnd keeper_end = watch_keeper(keeper, link, signals, false, 10ms, waker);
      return keeper_end.last_word && waker.woken;
    }));
  }
}

/// Records the keeper's messages about its leases.
class Listener : public FrontDuty {
 public:
  void handle_message(const LinkMessage& message) override { heard.push_back(message); }
  void handle_exit(const ChildChange& change) override { ended.push_back(change); }
  std::vector<LinkMessage> heard;
  std::vector<ChildChange> ended;
};

TEST(FrontDutyTest, GetsEveryMessageBeforeTheLastWord) {
  EXPECT_TRUE(in_a_process([] {
    const InheritedSignals inherited = InheritedSignals::capture();
    SignalReader signals(inherited);
    Listener listener;
    KeeperLink link;
    link.set_deadline(BootClock::now() + kPatience);
    constexpr std::uint32_t kMany = 1'000;
    const Keeper keeper = fork_keeper(link, false, [&](int) {
      for (std::uint32_t i = 0; i < kMany; ++i) {
        LinkMessage message{Kind::kElection};
        message.election.candidacy = i;
        message.set_words("h");
        while (!link.send(message)) {
          pollfd room{link.fd(), POLLOUT, 0};
          ::poll(&room, 1, -1);
        }
      }
      link.send({Kind::kFinished});
      return 0;
    });
    const KeeperEnd end = watch_keeper(keeper, link, signals, false, 10ms, listener);
    bool right = end.last_word && listener.heard.size() == kMany;
    for (std::uint32_t i = 0; right && i < kMany; ++i) {
      right = listener.heard[i].election.candidacy == i && listener.heard[i].words() == "h";
    }
    return right;
  }));
}

/// A child that ignores signals and has a child of its own; both have the oracle.
pid_t start_deaf_child(const Pipe& oracle) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::dup2(oracle.write.get(), kOracle);
  const std::vector<std::string> words = probe({"tree", "1", "deaf", "setsid"});
  ::execl(words[0].c_str(), words[0].c_str(), "tree", "1", "deaf", "setsid", nullptr);
  ::_exit(1);
}

/// True if every process that has the oracle is dead.
bool is_dead(const Pipe& oracle) {
  pollfd end{oracle.read.get(), POLLIN, 0};
  std::array<char, 16> born{};
  while (::poll(&end, 1, static_cast<int>(ceil_ms(kPatience))) == 1) {
    if (::read(oracle.read.get(), born.data(), born.size()) <= 0) return true;
  }
  return false;
}

TEST(FrontTest, ForksAnotherKeeperWhenOneHasDied) {
  EXPECT_TRUE(in_a_process([] {
    const InheritedSignals inherited = InheritedSignals::capture();
    SignalReader signals(inherited);
    Listener listener;
    Pipe spared;
    pid_t spared_child = 0;
    for (int i = 0; i < 3; ++i) {
      Pipe oracle;
      std::optional<KeeperLink> link(std::in_place);
      link->set_deadline(BootClock::now() + kPatience);
      const Keeper keeper = fork_keeper(*link, false, [&](int) {
        leave_session();
        start_deaf_child(oracle);
        char born = 0;
        while (::read(oracle.read.get(), &born, 1) != 1) {
        }
        link->send({Kind::kElection});
        for (;;) ::pause();
        return 0;
      });
      // Another child of the front itself, which is not a stranger.
      const pid_t own = start_deaf_child(oracle);
      oracle.write.reset();
      pollfd heard{link->fd(), POLLIN, 0};
      ::poll(&heard, 1, -1);
      ::kill(keeper.pid, SIGKILL);
      const KeeperEnd end = watch_keeper(keeper, *link, signals, false, 10ms, listener);
      if (end.last_word || listener.heard.size() != 1 || !is_dead(oracle)) return false;
      const bool told =
          std::any_of(listener.ended.begin(), listener.ended.end(), [&](const ChildChange& change) {
            return change.pid == own && change.code == CLD_KILLED && change.status == SIGKILL;
          });
      if (!told) return false;
      listener.heard.clear();
      // Started while there is no keeper, so a stranger for the next one.
      if (i == 0) spared_child = start_deaf_child(spared);
    }
    KeeperLink link;
    const Keeper last = fork_keeper(link, false, [&](int) {
      link.send({Kind::kFinished, 0, 5});
      return 0;
    });
    const KeeperEnd end = watch_keeper(last, link, signals, false, 10ms, listener);
    if (!end.last_word || end.last_word->verdict != 5) return false;
    if (::waitpid(spared_child, nullptr, WNOHANG) != 0) return false;
    Tree rest;
    while (!rest.reap().empty) rest.sweep();
    spared.write.reset();
    return is_dead(spared);
  }));
}

}  // namespace
}  // namespace cluster_leader::test
