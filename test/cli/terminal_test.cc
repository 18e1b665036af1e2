// A person at a terminal, with a shell: the keys reach the job as if we were not there, and a job
// that is stopped keeps its lease.
#include "support/terminal.h"

#include <signal.h>
#include <sys/wait.h>

#include <random>
#include <thread>

#include "support/cli_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class TerminalTest : public CliTest {
 protected:
  /// A shell with job control in which `$run` stands for us, with a lease in this test's folder.
  TerminalTest() : terminal_({"bash", "--norc", "--noprofile", "--noediting", "-i"}) {
    // What is typed is also seen, so what is waited for must never stand in what is typed.
    terminal_.type("run=\"" CLUSTER_LEADER_BINARY " run --key job-a --server " + file_url() +
                   " --ttl 1 -k 200ms --\"; export folder=" + folder_.path() + "; echo o''k\n");
    EXPECT_TRUE(terminal_.sees("ok\r\n"));
  }

  /// The shell's `$?` of what ran last.
  void expect_status(int status) {
    terminal_.type("echo the status is ''$?.\n");
    EXPECT_TRUE(terminal_.sees("the status is " + std::to_string(status) + "."))
        << terminal_.screen();
  }

  pid_t pid_in(const std::string& name) const { return std::atoi(content_of(path(name)).c_str()); }

  bool is_free() const {
    return run_under_lease(on_file({"--ttl", "1"}), {"true"}).run().status() == 0;
  }

  Terminal terminal_;
};

TEST_F(TerminalTest, JobReadsFromTheTerminalUntilControlD) {
  terminal_.type("$run sed -u 's/^/the job read /'\n");
  terminal_.type("hello\n");
  EXPECT_TRUE(terminal_.sees("the job read hello")) << terminal_.screen();
  terminal_.type(kControlD);
  expect_status(0);
}

TEST_F(TerminalTest, ControlCReachesTheJobOnceAndWeDieOfIt) {
  terminal_.type(
      "$run sh -c 'trap \"echo hit >>$folder/hits; trap - INT; kill -INT \\$\\$\" INT; "
      "echo st\"\"arted; while :; do sleep 0.01; done'\n");
  ASSERT_TRUE(terminal_.sees("started")) << terminal_.screen();
  terminal_.type(kControlC);
  expect_status(128 + SIGINT);
  EXPECT_EQ(content_of(path("hits")), "hit\n");
  EXPECT_TRUE(is_free());
}

TEST_F(TerminalTest, ControlCEndsALoopOfTheShell) {
  terminal_.type(
      "for i in 1 2 3; do echo round ''$i; $run sh -c 'echo st\"\"arted; exec "
      "sleep 1000'; done\n");
  ASSERT_TRUE(terminal_.sees("started")) << terminal_.screen();
  terminal_.type(kControlC);
  expect_status(128 + SIGINT);
  EXPECT_EQ(terminal_.screen().find("round 2"), std::string::npos) << terminal_.screen();
}

TEST_F(TerminalTest, ControlCIsNeverLostWhileTheJobStarts) {
  std::mt19937 random(20261126);
  for (int i = 0; i < 40; ++i) {
    terminal_.type("$run sleep 1000\n");
    // Before that, the key would be for the shell, or for what is going to be us.
    ASSERT_TRUE(eventually([&] {
      const std::string group = std::to_string(terminal_.foreground_group());
      return content_of("/proc/" + group + "/comm") == "cluster-leader\n";
    }));
    // The moment is what is random here.
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 6000));
    terminal_.type(kControlC);
    ASSERT_TRUE(eventually([&] { return terminal_.foreground_group() == terminal_.pid(); }, 10s))
        << "round " << i;
    expect_status(128 + SIGINT);
  }
}

TEST_F(TerminalTest, JobThatSurvivesControlCGoesOn) {
  terminal_.type("$run sh -c 'trap \"echo not n\"\"ow\" INT; echo st\"\"arted; read x; exit 4'\n");
  ASSERT_TRUE(terminal_.sees("started")) << terminal_.screen();
  terminal_.type(kControlC);
  ASSERT_TRUE(terminal_.sees("not now")) << terminal_.screen();
  terminal_.type("\n");
  // dash gives up a read that a signal has interrupted; either way it is the job that decides.
  expect_status(4);
}

TEST_F(TerminalTest, StoppedJobKeepsItsLeaseForLongerThanTheTtlAndGoesOn) {
  // exec: a child of dash that is stopped before its own exec leaves dash unstoppable (vfork(2)).
  terminal_.type("$run sh -c 'echo $$ >$folder/pid; echo st\"\"arted; exec cat'\n");
  ASSERT_TRUE(terminal_.sees("started")) << terminal_.screen();
  terminal_.type(kControlZ);
  ASSERT_TRUE(terminal_.sees("Stopped")) << terminal_.screen();
  ASSERT_TRUE(eventually([&] { return state_of(pid_in("pid")) == 'T'; }));
  // Twice the ttl, in which the lease would have ended.
  for (const Time end = BootClock::now() + 2s; BootClock::now() < end;) {
    ASSERT_FALSE(is_free());
    std::this_thread::sleep_for(50ms);
  }
  terminal_.type("fg\n");
  ASSERT_TRUE(eventually([&] { return state_of(pid_in("pid")) != 'T'; }));
  terminal_.type("aga''in\n");
  EXPECT_TRUE(terminal_.sees("aga''in\r\naga''in")) << terminal_.screen();
  terminal_.type(kControlD);
  expect_status(0);
  EXPECT_TRUE(is_free());
}

TEST_F(TerminalTest, StoppedJobGoesOnInTheBackground) {
  terminal_.type("$run bash -c 'echo st\"\"arted; sleep 0.3; echo fin\"\"ished; exit 6'\n");
  ASSERT_TRUE(terminal_.sees("started")) << terminal_.screen();
  terminal_.type(kControlZ);
  ASSERT_TRUE(terminal_.sees("Stopped")) << terminal_.screen();
  terminal_.type("bg\n");
  EXPECT_TRUE(terminal_.sees("finished")) << terminal_.screen();
  terminal_.type("wait %1\n");
  expect_status(6);
}

TEST_F(TerminalTest, BackgroundJobOfTheShellRuns) {
  terminal_.type("$run sh -c 'echo fin\"\"ished; exit 6' &\n");
  EXPECT_TRUE(terminal_.sees("finished")) << terminal_.screen();
  terminal_.type("wait $!\n");
  expect_status(6);
}

TEST_F(TerminalTest, WorksInAPipelineOfTheShell) {
  terminal_.type("$run echo thr\"\"ough | tr a-z A-Z; echo ${PIPESTATUS[@]} are th''e\n");
  EXPECT_TRUE(terminal_.sees("THROUGH")) << terminal_.screen();
  EXPECT_TRUE(terminal_.sees("0 0 are the")) << terminal_.screen();
  terminal_.type("echo deeper | $run cat | tr a-z A-Z\n");
  EXPECT_TRUE(terminal_.sees("DEEPER")) << terminal_.screen();
  expect_status(0);
}

TEST_F(TerminalTest, ControlCEndsAPipeline) {
  // exec: dash may miss a signal that comes while it starts a child.
  terminal_.type("$run sh -c 'echo st\"\"arted; exec sleep 1000' | cat\n");
  ASSERT_TRUE(terminal_.sees("started")) << terminal_.screen();
  terminal_.type(kControlC);
  expect_status(128 + SIGINT);
  EXPECT_TRUE(eventually([&] { return is_free(); }, 10s));
}

TEST_F(TerminalTest, ClosedTerminalEndsTheJobAndTheLease) {
  terminal_.type("$run sh -c 'echo $$ >$folder/pid; echo st\"\"arted; sleep 1000'\n");
  ASSERT_TRUE(terminal_.sees("started")) << terminal_.screen();
  ASSERT_GT(pid_in("pid"), 0);
  terminal_.hang_up();
  EXPECT_TRUE(eventually([&] { return state_of(pid_in("pid")) == '\0'; }));
  EXPECT_TRUE(eventually([&] { return is_free(); }, 10s));
}

TEST_F(TerminalTest, SignalOfAUserReachesTheJob) {
  terminal_.type(
      "$run sh -c 'trap \"echo term\"\"inated; exit 9\" TERM; echo st\"\"arted; "
      "while :; do sleep 0.01; done' & wrapper=$!\n");
  ASSERT_TRUE(terminal_.sees("started")) << terminal_.screen();
  terminal_.type("kill $wrapper\n");
  EXPECT_TRUE(terminal_.sees("terminated")) << terminal_.screen();
  terminal_.type("wait $wrapper\n");
  expect_status(9);
}

}  // namespace
}  // namespace cluster_leader
