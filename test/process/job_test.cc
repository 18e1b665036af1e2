#include "process/job.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

using Kind = JobStatus::Kind;

JobStatus status_of(const Plan& plan) {
  Supervision supervision(plan);
  const JobStatus status = supervision.job_status();
  supervision.expect_all_dead();
  supervision.wait();
  return status;
}

std::string output_of(const Plan& plan) {
  Supervision supervision(plan);
  std::string output = supervision.all_output();
  EXPECT_EQ(supervision.exit_status(), 0);
  return output;
}

void expect_not_executed(const std::vector<std::string>& argv, int error) {
  const JobStatus status = status_of({argv});
  EXPECT_EQ(status.kind, Kind::kNotExecuted);
  EXPECT_EQ(status.value, error) << std::strerror(status.value);
}

TEST(JobTest, ExitStatusIsItsOwn) {
  for (int code = 0; code <= 255; ++code) {
    Supervision supervision({probe({"exit", std::to_string(code)})});
    EXPECT_EQ(supervision.exit_status(), code);
  }
}

TEST(JobTest, SignalThatEndsItIsItsStatus) {
  for (const int signo : {SIGTERM, SIGKILL, SIGINT, SIGSEGV, SIGABRT, SIGUSR1, 32, 33, SIGRTMAX}) {
    Supervision supervision({probe({"die", std::to_string(signo)})});
    const int status = supervision.wait();
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
  Supervision supervision(plan);
  EXPECT_EQ(supervision.all_output(), plan.argv[0] + " a b\n");
  EXPECT_EQ(supervision.exit_status(), 7);
}

TEST(JobTest, IsSearchedInThePathOfItsOwnEnvironment) {
  const Folder folder;
  folder.file("only-here", "#!/bin/sh\nexit 5\n", 0755);
  Plan plan{{"only-here"}};
  expect_not_executed(plan.argv, ENOENT);
  plan.environment = {"PATH=/nowhere:" + folder.path.string()};
  EXPECT_EQ(status_of(plan).value, 5);
}

TEST(JobTest, AcceptsALongArgumentAndRefusesOneThatIsTooLong) {
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

TEST(JobTest, IsAChildOfTheKeeperAndDoesNotLeadItsSession) {
  Supervision supervision({probe({"place"})});
  std::istringstream place(supervision.all_output());
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  place >> pid >> parent >> group >> session;
  EXPECT_EQ(parent, supervision.keeper());
  EXPECT_EQ(pid, supervision.job());
  EXPECT_NE(pid, group);
  EXPECT_EQ(group, session);
  EXPECT_NE(session, ::getsid(0));
  EXPECT_EQ(supervision.exit_status(), 0);
}

TEST(JobTest, ThatCallsSetsidDoesNotEndAtOnce) {
  Supervision supervision({probe({"setsid"})});
  EXPECT_EQ(supervision.exit_status(), 42);
}

TEST(JobTest, ReadsItsInputToTheEnd) {
  Supervision supervision({probe({"echo"})});
  EXPECT_EQ(::write(supervision.input(), "hello", 5), 5);
  supervision.close_input();
  EXPECT_EQ(supervision.all_output(), "hello");
  EXPECT_EQ(supervision.exit_status(), 0);
}

TEST(JobTest, SignalThatComesBeforeItsPidIsKept) {
  // In its own process, so that the job is its only child.
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
        job.record_status(change.pid, change.code, change.status);
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

// --- The destructor. Each test runs in its own process, whose only children are those of the job.

bool has_no_children() { return ::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG) != 0; }

JobSpec sleeper() { return {{"/bin/sleep", "1000"}, {}, InheritedSignals::capture(), 0}; }

/// A process with its own group, which lives until it is killed.
pid_t start_bystander() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    for (;;) ::pause();
  }
  return child;
}

TEST(JobDestructorTest, KillsAndReapsTheJobAndItsSessionLeader) {
  EXPECT_TRUE(in_a_process([] {
    { const Job job = Job::start(sleeper()); }
    return has_no_children();
  }));
}

TEST(JobDestructorTest, KillsTheGroupOfTheJob) {
  EXPECT_TRUE(in_a_process([] {
    Pipe oracle;
    ::dup2(oracle.write.get(), kOracle);
    {
      Job job = Job::start({probe({"tree", "3", "deaf"}), {}, InheritedSignals::capture(), 0});
      ::close(kOracle);
      std::array<char, 1> born{};
      for (int i = 0; i < 3; ++i) {
        if (::read(oracle.read.get(), born.data(), 1) != 1) return false;
      }
    }
    oracle.write.reset();
    pollfd end{oracle.read.get(), POLLIN, 0};
    std::array<char, 1> more{};
    return ::poll(&end, 1, static_cast<int>(ceil_ms(kPatience))) == 1 &&
           ::read(oracle.read.get(), more.data(), 1) == 0;
  }));
}

TEST(JobDestructorTest, KillsAJobThatHasLeftItsGroup) {
  EXPECT_TRUE(in_a_process([] {
    Pipe out;
    ::dup2(out.write.get(), 1);
    {
      Job job = Job::start({{"/usr/bin/setsid", "/bin/sh", "-c", "echo x; exec sleep 1000"},
                            {"PATH=/usr/bin:/bin"},
                            InheritedSignals::capture(),
                            0});
      char c = 0;
      if (::read(out.read.get(), &c, 1) != 1) return false;
    }
    return has_no_children();
  }));
}

TEST(JobDestructorTest, MovedJobIsKilledOnceByItsLastOwner) {
  EXPECT_TRUE(in_a_process([] {
    pid_t pid = 0;
    {
      std::optional<Job> first = Job::start(sleeper());
      Job second = std::move(*first);
      first.reset();
      while (!second.read_report()) {
      }
      pid = second.pid();
      if (::kill(pid, 0) != 0) return false;
      Job third = Job::start(sleeper());
      third = std::move(second);
      if (third.pid() != pid || ::kill(pid, 0) != 0) return false;
    }
    return ::kill(pid, 0) != 0 && has_no_children();
  }));
}

TEST(JobDestructorTest, DoesNothingToAJobThatWasReaped) {
  EXPECT_TRUE(in_a_process([] {
    Tree tree;
    std::optional<Job> job = Job::start({probe({"exit", "3"}), {}, InheritedSignals::capture(), 0});
    while (!job->read_report()) {
    }
    for (Reaped reaped; !reaped.empty;) {
      reaped = tree.reap();
      for (const ChildChange& change : reaped.changes) {
        job->record_status(change.pid, change.code, change.status);
      }
    }
    const pid_t bystander = start_bystander();
    job.reset();
    const bool is_alive = ::waitpid(bystander, nullptr, WNOHANG) == 0;
    ::kill(bystander, SIGKILL);
    return is_alive;
  }));
}

TEST(JobDestructorTest, DoesNothingInAProcessThatWasForkedSince) {
  EXPECT_TRUE(in_a_process([] {
    Job job = Job::start(sleeper());
    while (!job.read_report()) {
    }
    const bool done = in_a_process([&] {
      const Job copy = std::move(job);
      return true;
    });
    return done && ::waitpid(job.pid(), nullptr, WNOHANG) == 0;
  }));
}

TEST(JobDestructorTest, DoesNothingForAJobThatWasNeverExecuted) {
  EXPECT_TRUE(in_a_process([] {
    { const Job job = Job::start({{"/no/such/command"}, {}, InheritedSignals::capture(), 0}); }
    return has_no_children();
  }));
}

}  // namespace
}  // namespace cluster_leader::test
