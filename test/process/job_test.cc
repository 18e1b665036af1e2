#include "process/job.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "stand.h"

namespace cluster_leader::test {
namespace {

using Kind = JobStatus::Kind;

JobStatus status_of(const Plan& plan) {
  Stand stand(plan);
  const JobStatus status = stand.job_status();
  stand.expect_all_dead();
  stand.wait();
  return status;
}

std::string output_of(const Plan& plan) {
  Stand stand(plan);
  std::string output = stand.all_output();
  EXPECT_EQ(stand.exit_status(), 0);
  return output;
}

void expect_not_executed(const std::vector<std::string>& argv, int error) {
  const JobStatus status = status_of({argv});
  EXPECT_EQ(status.kind, Kind::kNotExecuted);
  EXPECT_EQ(status.value, error) << std::strerror(status.value);
}

TEST(JobTest, ExitStatusIsItsOwn) {
  for (int code = 0; code <= 255; ++code) {
    Stand stand({probe({"exit", std::to_string(code)})});
    EXPECT_EQ(stand.exit_status(), code);
  }
}

TEST(JobTest, SignalThatEndsItIsItsStatus) {
  for (const int signo : {SIGTERM, SIGKILL, SIGINT, SIGSEGV, SIGABRT, SIGUSR1, 32, 33, SIGRTMAX}) {
    Stand stand({probe({"die", std::to_string(signo)})});
    const int status = stand.wait();
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signo);
  }
}

TEST(JobTest, ThatDoesNotExistIsNotFound) {
  expect_not_executed({"/no/such/command"}, ENOENT);
  expect_not_executed({"no-such-command"}, ENOENT);
}

TEST(JobTest, WithoutANameIsNotFound) { expect_not_executed({""}, ENOENT); }

TEST(JobTest, ThatIsADirectoryCannotBeExecuted) { expect_not_executed({"/"}, EACCES); }

TEST(JobTest, ThatIsNotExecutableCannotBeExecuted) {
  const Folder folder;
  expect_not_executed({folder.file("plain", "#!/bin/sh\n", 0644)}, EACCES);
}

TEST(JobTest, WithABadInterpreterIsNotFound) {
  const Folder folder;
  expect_not_executed({folder.file("script", "#!/no/such/interpreter\n", 0755)}, ENOENT);
}

TEST(JobTest, WithoutAnInterpreterIsRunByTheShell) {
  const Folder folder;
  const Plan plan{{folder.file("script", "echo \"$0 $1\"; exit 7", 0755), "a b"}};
  Stand stand(plan);
  EXPECT_EQ(stand.all_output(), plan.argv[0] + " a b\n");
  EXPECT_EQ(stand.exit_status(), 7);
}

TEST(JobTest, IsSearchedInThePathOfItsOwnEnvironment) {
  const Folder folder;
  folder.file("only-here", "#!/bin/sh\nexit 5\n", 0755);
  Plan plan{{"only-here"}};
  expect_not_executed(plan.argv, ENOENT);
  plan.environment = {"PATH=/nowhere:" + folder.path.string()};
  EXPECT_EQ(status_of(plan).value, 5);
}

TEST(JobTest, TakesALongArgumentAndRefusesOneThatIsTooLong) {
  const std::string long_one(130'000, 'x');
  EXPECT_EQ(output_of({probe({"length", long_one})}), std::to_string(long_one.size()));
  expect_not_executed(probe({"length", std::string(200 * 1024, 'x')}), E2BIG);
}

TEST(JobTest, GetsItsArgumentsByteForByte) {
  std::string every_byte;
  for (int c = 1; c < 256; ++c) every_byte += static_cast<char>(c);
  const std::vector<std::string> words = {"arguments", "",       " ",        "--",  "a\nb",
                                          "$HOME `x`", "\"'\\*", every_byte, "ä€😀", ""};
  std::string expected;
  for (size_t i = 1; i < words.size(); ++i) expected += words[i] + '\0';
  EXPECT_EQ(output_of({probe(words)}), expected);
}

TEST(JobTest, GetsTheEnvironmentThatIsGivenAndNoOther) {
  Plan plan{probe({"variable", "COLOUR"})};
  EXPECT_EQ(output_of(plan), "(none)");
  plan.environment.push_back("COLOUR=light blue");
  EXPECT_EQ(output_of(plan), "light blue");
}

TEST(JobTest, IsNoLeaderOfItsSessionAndAChildOfTheKeeper) {
  Stand stand({probe({"place"})});
  std::istringstream place(stand.all_output());
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  place >> pid >> parent >> group >> session;
  EXPECT_EQ(parent, stand.keeper());
  EXPECT_EQ(pid, stand.job());
  EXPECT_NE(pid, group);
  EXPECT_EQ(group, session);
  EXPECT_NE(session, ::getsid(0));
  EXPECT_EQ(stand.exit_status(), 0);
}

TEST(JobTest, ThatCallsSetsidDoesNotEndAtOnce) {
  Stand stand({probe({"setsid"})});
  EXPECT_EQ(stand.exit_status(), 42);
}

TEST(JobTest, ReadsItsInputToTheEnd) {
  Stand stand({probe({"echo"})});
  EXPECT_EQ(::write(stand.input(), "hello", 5), 5);
  stand.close_input();
  EXPECT_EQ(stand.all_output(), "hello");
  EXPECT_EQ(stand.exit_status(), 0);
}

TEST(JobTest, SignalThatComesBeforeItsPidIsKept) {
  // In a process of its own, whose only child the job is.
  const pid_t child = ::fork();
  if (child == 0) {
    become_subreaper();
    Job job = Job::start({{"/bin/sleep", "1000"}, {}, InheritedSignals::capture(), 0});
    job.send_signal(SIGTERM);
    pollfd report{job.report_fd(), POLLIN, 0};
    while (!job.read_report()) ::poll(&report, 1, -1);
    Tree tree;
    for (;;) {
      const Reaped reaped = tree.reap();
      for (const ChildChange& change : reaped.changes) {
        job.take_status(change.pid, change.code, change.status);
      }
      if (reaped.empty) break;
      siginfo_t info{};
      ::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
    }
    ::_exit(job.status().kind == Kind::kSignaled && job.status().value == SIGTERM ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace cluster_leader::test
