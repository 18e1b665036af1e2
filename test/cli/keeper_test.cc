// What is reported about a keeper that is gone and about a job that does not die, on the built
// binary: which of the two it was, what is still alive and why, and what was killed at the end.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "support/cli_world.h"
#include "support/elector.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class KeeperTest : public CliTest {
 protected:
  /// A lease so long that nothing waits for it.
  Words long_lease(const Words& more = {}) const {
    return joined(on_file({"--key", "job-a", "--ttl", "120"}), more);
  }
  Words short_lease(const Words& more = {}) const {
    return joined(on_file({"--key", "job-a", "--ttl", "2"}), more);
  }

  /// A job that says its pid and sleeps.
  static Words sleeper() { return {"sh", "-c", "echo $$; exec sleep 1000"}; }

  /// The pid that a job has said.
  static pid_t pid_said_by(const Process& process) {
    EXPECT_TRUE(process.says("\n")) << process.err();
    return std::atoi(process.out().c_str());
  }

  static bool is_gone(pid_t pid) { return state_of(pid) == '\0' || state_of(pid) == 'Z'; }
};

TEST_F(KeeperTest, ThatWasKilledIsReportedAsThat) {
  Process holder = run_under_lease(long_lease(), sleeper()).start();
  pid_said_by(holder);
  ::kill(holder.child(), SIGKILL);
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  expect_one_line(ended.err, {"job-a", "the keeper was killed by SIGKILL", "; killed the job"});
}

TEST_F(KeeperTest, ThatOutlivesTheJobIsNotReportedToTakeItAlong) {
  Process holder = run_under_lease(long_lease(),
                                   {"sh", "-c", "echo $$; while [ ! -e end ]; do sleep 0.01; done"})
                       .in(folder_.path())
                       .start();
  const pid_t job = pid_said_by(holder);
  // With this the keeper cannot give the lease back.
  UniqueFd lock(::open(path("leases/job-a.lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  std::ofstream(path("end")).close();
  ASSERT_TRUE(eventually([&] { return state_of(job) == '\0'; })) << "not reaped by the keeper";
  ::kill(holder.child(), SIGKILL);
  lock.reset();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  expect_one_line(ended.err, {"job-a", "the keeper was killed by SIGKILL"});
  EXPECT_THAT(ended.err, Not(HasSubstr("killed the job")));
}

TEST_F(KeeperTest, ThatIsTooSlowIsReportedAsThat) {
  Process holder = run_under_lease(short_lease(), sleeper()).start();
  pid_said_by(holder);
  ::kill(holder.child(), SIGSTOP);
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  expect_one_line(ended.err, {"job-a", "the keeper was too slow", "; killed the job"});
}

/// From its next turn on, poll(2) fails in this process.
void refuse_poll(pid_t pid) {
  const rlimit none{0, 0};
  EXPECT_EQ(::prlimit(pid, RLIMIT_NOFILE, &none, nullptr), 0);
}

TEST_F(KeeperTest, ThatIsRefusedSomethingIsReportedAsThat) {
  Process holder =
      run_under_lease(short_lease({"--result-file", path("result")}), sleeper()).start();
  const pid_t job = pid_said_by(holder);
  refuse_poll(holder.child());
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 71) << ended;
  EXPECT_TRUE(is_gone(job));
  expect_one_line(ended.err, {"job-a", "the keeper failed", "the operating system refused",
                              "poll: Invalid argument; killed the job"});
  EXPECT_THAT(content_of(path("result")), HasSubstr(R"("outcome":"error")"));
  // It has been given back.
  EXPECT_EQ(run_under_lease(short_lease({"-n"}), {"true"}).run().status(), 0);
}

TEST_F(KeeperTest, ThatFailsIsMadeAnewByAnElection) {
  Elector elector(short_lease());
  ASSERT_TRUE(elector.is("leader"));
  const pid_t keeper = elector.keeper();
  refuse_poll(keeper);
  ASSERT_TRUE(elector.says({"leader", "none", "leader"})) << elector.transcript();
  EXPECT_NE(elector.keeper(), keeper);
  expect_one_line(elector.process().err(),
                  {"the keeper failed", "poll: Invalid argument; starting a new one"});
  EXPECT_EQ(elector.stop().status(), 0);
}

TEST_F(KeeperTest, ThatStopsBetweenTwoKillsAfterALossIsOverruled) {
  Process holder = run_under_lease(short_lease(), sleeper()).start();
  const pid_t job = pid_said_by(holder);
  const pid_t keeper = holder.child();
  // A job that is dead but cannot be reaped by anybody else than this test: the keeper is not done.
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, job, nullptr, nullptr), 0);
  ASSERT_EQ(
      Command(joined({CLUSTER_LEADER_BINARY, "release", "--force"}, on_file({"--key", "job-a"})))
          .run()
          .status(),
      0);
  EXPECT_TRUE(eventually([&] { return state_of(job) == 'Z'; }));
  EXPECT_FALSE(is_gone(keeper));
  ::kill(keeper, SIGSTOP);
  // There is no lease any more that could end.
  EXPECT_TRUE(eventually([&] { return is_gone(keeper); }, 10s)) << "its front has no deadline";
  EXPECT_EQ(::waitpid(job, nullptr, __WALL), job);
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  expect_one_line(ended.err, {"the keeper was too slow"});
}

TEST_F(KeeperTest, LossSaysThatTheJobWasKilledOnlyWhenItIsDead) {
  Process holder = run_under_lease(short_lease(), sleeper()).start();
  const pid_t job = pid_said_by(holder);
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, job, nullptr, nullptr), 0);
  ASSERT_EQ(
      Command(joined({CLUSTER_LEADER_BINARY, "release", "--force"}, on_file({"--key", "job-a"})))
          .run()
          .status(),
      0);
  EXPECT_TRUE(eventually([&] { return state_of(job) == 'Z'; }));
  EXPECT_EQ(holder.err(), "");
  EXPECT_EQ(::waitpid(job, nullptr, __WALL), job);
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  expect_one_line(ended.err, {"the lease was taken away, killed the job"});
}

TEST_F(KeeperTest, WhatTheJobLeftBehindIsNamedUnderVerbose) {
  const Words job = {"sh", "-c",
                     "for i in 1 2 3; do sleep 1000 &"
                     " until grep -q sleep /proc/$!/comm; do :; done; done; exit 6"};
  const Ended ended = run_under_lease(long_lease({"-v"}), job).run();
  EXPECT_EQ(ended.status(), 6) << ended;
  EXPECT_THAT(ended.err, MatchesRegex("(.|\n)*: key job-a at file://[^\n]*: the job has ended, "
                                      "stopping what it left behind: "
                                      "[0-9]+ sleep, [0-9]+ sleep, [0-9]+ sleep\n(.|\n)*"));
  EXPECT_EQ(run_under_lease(long_lease(), job).run().err, "");
}

TEST_F(KeeperTest, ManyThatTheJobLeftBehindAreCounted) {
  const Ended ended =
      run_under_lease(long_lease({"-v"}),
                      {"sh", "-c", "for i in $(seq 25); do sleep 1000 & done; exit 6"})
          .run();
  EXPECT_EQ(ended.status(), 6) << ended;
  EXPECT_THAT(ended.err, HasSubstr(" and 5 more\n"));
}

TEST_F(KeeperTest, NothingIsSaidOfAJobThatLeftNothingBehind) {
  const Ended ended = run_under_lease(long_lease({"-v"}), {"sh", "-c", "sleep 0 & wait"}).run();
  EXPECT_THAT(ended.err, Not(HasSubstr("left behind")));
}

/// Root can have a job of another user under an ordinary one.
class OtherUsersJobTest : public KeeperTest {
 protected:
  static constexpr uid_t kCaller = 65533;
  static constexpr uid_t kOther = 65532;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become two users";
    // The caller may not be able to reach the checkout.
    ::chmod(folder_.path().c_str(), 0755);
    binary_ = path("cluster-leader");
    std::filesystem::copy_file(CLUSTER_LEADER_BINARY, binary_);
    probe_ = path("probe");
    std::filesystem::copy_file(test_program("probe"), probe_);
    ASSERT_EQ(::chown(probe_.c_str(), kOther, kOther), 0);
    ASSERT_EQ(::chmod(probe_.c_str(), 04755), 0);
    ASSERT_EQ(::mkdir(path("leases").c_str(), 0700), 0);
    ASSERT_EQ(::chown(path("leases").c_str(), kCaller, kCaller), 0);
  }
  void TearDown() override {
    if (job_ > 0 && !is_gone(job_)) ::kill(job_, SIGKILL);
  }

  Command caller(const std::string& verb, const Words& words) const {
    return std::move(Command(joined({binary_, verb}, words)).prepare([] {
      if (::setresgid(kCaller, kCaller, kCaller) != 0) ::_exit(98);
      if (::setresuid(kCaller, kCaller, kCaller) != 0) ::_exit(98);
    }));
  }
  Process start(const Words& options) {
    Process holder = caller("run", joined(options, {"--", probe_, "owner"})).start();
    job_ = pid_said_by(holder);
    return holder;
  }
  std::string alive() const {
    return "still alive: " + std::to_string(job_) + " (owned by another user)";
  }

  std::string binary_;
  std::string probe_;
  pid_t job_ = 0;
};

TEST_F(OtherUsersJobTest, IsReportedOnceAndKeepsItsLeaseUntilItIsDead) {
  Process holder = start(short_lease({"-k", "100ms"}));
  holder.signal(SIGTERM);
  ASSERT_TRUE(holder.says(alive())) << holder.err();
  EXPECT_FALSE(is_gone(job_));
  // For longer than the ttl, and with as many kills.
  EXPECT_EQ(caller("run", joined(short_lease({"-w", "3"}), {"--", "true"})).run().status(), 75);
  ::kill(job_, SIGKILL);
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), kDiedOf + SIGKILL) << ended;
  expect_one_line(ended.err, {"job-a", "the job was killed; " + alive()});
  EXPECT_EQ(caller("run", joined(short_lease({"-n"}), {"--", "true"})).run().status(), 0);
}

TEST_F(OtherUsersJobTest, IsReportedWithTheLossAndTheKillOnlyWhenItIsDead) {
  Process holder = start(short_lease());
  ASSERT_EQ(caller("release", joined(on_file({"--key", "job-a"}), {"--force"})).run().status(), 0);
  ASSERT_TRUE(holder.says("the lease was taken away; " + alive())) << holder.err();
  EXPECT_THAT(holder.err(), Not(HasSubstr("killed")));
  ::kill(job_, SIGKILL);
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_THAT(ended.err, HasSubstr("\ncluster-leader: key job-a at " + file_url() +
                                   ": the lease was taken away, killed the job"));
}

TEST_F(OtherUsersJobTest, IsReportedByTheFrontWhereTheKeeperIsGone) {
  Process holder = start(short_lease());
  ::kill(holder.child(), SIGKILL);
  ASSERT_TRUE(holder.says("the keeper is gone, and the job was killed; " + alive()))
      << holder.err();
  EXPECT_FALSE(is_gone(job_));
  EXPECT_TRUE(holder.running());
  ::kill(job_, SIGKILL);
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 79) << ended;
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 2) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("the keeper was killed by SIGKILL; killed the job\n"));
}

/// A cgroup that can be frozen so that not even SIGKILL gets through, as docker pause does it
/// where cgroups are of version 1.
class FrozenJobTest : public KeeperTest {
 protected:
  void SetUp() override {
    if (::mkdir(cgroup_.c_str(), 0755) != 0) {
      GTEST_SKIP() << "no cgroup of version 1 can be made here: " << cgroup_;
    }
  }
  void TearDown() override {
    freeze(false);
    EXPECT_TRUE(eventually([&] { return ::rmdir(cgroup_.c_str()) == 0 || errno == ENOENT; }));
  }
  void take(pid_t pid) const { std::ofstream(cgroup_ + "/cgroup.procs") << pid; }
  void freeze(bool frozen) const {
    std::ofstream(cgroup_ + "/freezer.state") << (frozen ? "FROZEN" : "THAWED");
  }

  const std::string cgroup_ =
      "/sys/fs/cgroup/freezer/cluster-leader-test-" + std::to_string(::getpid());
};

TEST_F(FrozenJobTest, IsReportedAndDiesWhenItIsThawed) {
  Process holder = run_under_lease(short_lease({"-k", "100ms"}), sleeper()).start();
  const pid_t job = pid_said_by(holder);
  take(job);
  freeze(true);
  ASSERT_TRUE(eventually([&] { return state_of(job) == 'D'; }));
  holder.signal(SIGTERM);
  EXPECT_TRUE(holder.says("still alive: " + std::to_string(job) + " (frozen cgroup)"))
      << holder.err();
  freeze(false);
  const Ended ended = holder.wait();
  EXPECT_GT(ended.status(), kDiedOf) << ended;
  expect_one_line(ended.err, {"still alive"});
}

/// Lines that do not fit into a pipe at once.
TEST_F(KeeperTest, LongMessagesDoNotWaitForAReaderOfStderr) {
  // A path of which nearly every byte takes six in JSON.
  std::string path;
  for (int i = 0; i < 15; ++i) path += '/' + std::string(199, '\x01');
  for (const char* const format : {"text", "json"}) {
    for (const int free_pages : {0, 1, 2, 5}) {
      Pipe err;
      ::fcntl(err.write_end.get(), F_SETFL, O_NONBLOCK);
      const std::string page(4096, 'x');
      while (::write(err.write_end.get(), page.data(), page.size()) > 0) {
      }
      ::fcntl(err.write_end.get(), F_SETFL, 0);
      for (int i = 0; i < free_pages; ++i) {
        std::string read(page.size(), ' ');
        ASSERT_EQ(::read(err.read_end.get(), read.data(), read.size()), 4096);
      }
      Process run = run_under_lease(long_lease({"-v", "--log-format", format}), {path})
                        .give(err.write_end.get(), 2)
                        .start();
      EXPECT_EQ(run.wait(10s).status(), 127) << format << ", " << free_pages << " pages";
    }
  }
}

}  // namespace
}  // namespace cluster_leader
