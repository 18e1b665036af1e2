// A person at a terminal who starts an elect: the keys are for its front, which stops alone, and no
// job of it is at the terminal.
#include <signal.h>

#include <cstdlib>

#include "support/elect_world.h"
#include "support/terminal.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;

class ElectTerminalTest : public ElectTest {
 protected:
  /// A shell with job control in which `$elect` stands for us. What is typed is also seen, so what
  /// is waited for must never stand in what is typed.
  ElectTerminalTest() : terminal_({"bash", "--norc", "--noprofile", "--noediting", "-i"}) {
    std::string words;
    for (const std::string& word : options_for("web-1", "4", {"--output", "text"})) {
      words += ' ' + word;
    }
    terminal_.type("elect=\"" CLUSTER_LEADER_BINARY " elect" + words +
                   "\"; export folder=" + folder_.path() + "; echo o''k\n");
    EXPECT_TRUE(terminal_.sees("ok\r\n"));
  }

  bool sees(const std::string& text) {
    const bool seen = terminal_.sees(text);
    EXPECT_TRUE(seen) << terminal_.screen();
    return seen;
  }

  void expect_status(int status) {
    terminal_.type("echo the status is ''$?.\n");
    sees("the status is " + std::to_string(status) + ".");
  }

  void expect_free() const {
    EXPECT_TRUE(eventually([&] { return value() == "(nil)"; }));
  }

  Terminal terminal_;
};

TEST_F(ElectTerminalTest, ControlCEndsItWell) {
  terminal_.type("$elect\n");
  ASSERT_TRUE(sees(" job-a leader"));
  terminal_.type(kControlC);
  expect_status(0);
  expect_free();
}

TEST_F(ElectTerminalTest, ControlBackslashEndsItAsThat) {
  terminal_.type("$elect\n");
  ASSERT_TRUE(sees(" job-a leader"));
  terminal_.type(kControlBackslash);
  expect_status(128 + SIGQUIT);
  expect_free();
}

TEST_F(ElectTerminalTest, ControlZStopsItsFrontAndItLeadsOn) {
  terminal_.type("$elect\n");
  ASSERT_TRUE(sees(" job-a leader"));
  const pid_t front = terminal_.foreground_group();
  terminal_.type(kControlZ);
  ASSERT_TRUE(sees("Stopped"));
  ASSERT_TRUE(eventually([&] { return state_of(front) == 'T'; }));
  wait_for_renewals(2);
  EXPECT_THAT(value(), StartsWith("web-1/"));
  terminal_.type("bg\n");
  ASSERT_TRUE(eventually([&] { return state_of(front) != 'T'; }));
  terminal_.type("fg\n");
  ASSERT_TRUE(eventually([&] { return terminal_.foreground_group() == front; }));
  terminal_.type(kControlZ);
  ASSERT_TRUE(sees("Stopped"));
  terminal_.type("fg\n");
  ASSERT_TRUE(eventually([&] { return terminal_.foreground_group() == front; }));
  terminal_.type(kControlC);
  expect_status(0);
  expect_free();
}

TEST_F(ElectTerminalTest, ControlCStopsItsJobAndEndsItWell) {
  terminal_.type(
      "$elect -- sh -c 'trap \"echo as''ked; exit\" TERM; trap \"echo interr''upted\" INT; "
      "echo st''arted; while :; do sleep 0.01; done'\n");
  ASSERT_TRUE(sees("started\r\n"));
  terminal_.type(kControlC);
  ASSERT_TRUE(sees("asked\r\n"));
  expect_status(0);
  EXPECT_EQ(terminal_.screen().find("interrupted\r\n"), std::string::npos) << terminal_.screen();
  expect_free();
}

TEST_F(ElectTerminalTest, JobDoesNotReadWhatIsTypedForTheShell) {
  terminal_.type("$elect --on-exit exit -- sh -c 'cat; echo nothing to re''ad'\n");
  ASSERT_TRUE(sees("nothing to read\r\n"));
  expect_status(0);
}

TEST_F(ElectTerminalTest, JobRunsOnWhileTheFrontIsStopped) {
  terminal_.type(
      "$elect -- sh -c 'trap \"echo as''ked; exit\" TERM; echo $$ >$folder/pid; echo st''arted; "
      "while :; do sleep 0.01; done'\n");
  ASSERT_TRUE(sees("started\r\n"));
  const pid_t front = terminal_.foreground_group();
  const pid_t job = std::atoi(content_of(path("pid")).c_str());
  terminal_.type(kControlZ);
  ASSERT_TRUE(sees("Stopped"));
  wait_for_renewals(1);
  EXPECT_NE(state_of(job), 'T');
  EXPECT_FALSE(is_gone(job));
  terminal_.type("fg\n");
  ASSERT_TRUE(eventually([&] { return terminal_.foreground_group() == front; }));
  terminal_.type(kControlC);
  ASSERT_TRUE(sees("asked\r\n"));
  expect_free();
}

TEST_F(ElectTerminalTest, TerminalThatIsClosedEndsIt) {
  terminal_.type("$elect\n");
  ASSERT_TRUE(sees(" job-a leader"));
  const pid_t front = terminal_.foreground_group();
  terminal_.hang_up();
  EXPECT_TRUE(eventually([&] { return is_gone(front); }));
  expect_free();
}

TEST_F(ElectTerminalTest, WorksInAPipeline) {
  terminal_.type("$elect | sed -u 's/leader/first/'\n");
  ASSERT_TRUE(sees(" job-a first"));
  terminal_.type(kControlC);
  expect_free();
}

TEST_F(ElectTerminalTest, ReaderOfAPipelineThatEndsEndsIt) {
  terminal_.type("$elect | head -n 1; echo ${PIPESTATUS[@]} are th''e\n");
  ASSERT_TRUE(sees(" job-a leader"));
  ASSERT_TRUE(sees("141 0 are the"));
  expect_free();
}

}  // namespace
}  // namespace cluster_leader
