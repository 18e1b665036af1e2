#include "process/hook.h"

#include <sstream>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

/// Waits for the end of its process. Returns the wait(2) status.
int reap(const Hook& hook) {
  int status = -1;
  EXPECT_EQ(::waitpid(hook.pid(), &status, 0), hook.pid());
  return status;
}

HookSpec spec(std::vector<std::string> argv) {
  return {std::move(argv), {"PATH=/usr/bin:/bin", "CLUSTER_LEADER_STATE=leader"}, {}};
}

/// What a hook writes to both of its outputs, until all processes have closed them. The process
/// that starts it first calls `before`, which may change its signals or descriptors.
std::string said_by(
    const std::vector<std::string>& argv, const std::function<void()>& before = [] {}) {
  Pipe in;
  Pipe out;
  const pid_t front = ::fork();
  if (front == 0) {
    ::dup2(in.read.get(), 0);
    ::dup2(out.write.get(), 2);
    before();
    HookSpec hook_spec = spec(argv);
    hook_spec.signals = InheritedSignals::capture();
    const SignalReader signals(hook_spec.signals);
    Hook hook(hook_spec);
    int status = -1;
    ::waitpid(hook.pid(), &status, 0);
    ::_exit(status == 0 && hook.ended() == 0 ? 0 : 1);
  }
  out.write.reset();
  std::string said = read_all(out.read.get());
  int status = -1;
  ::waitpid(front, &status, 0);
  EXPECT_EQ(status, 0);
  return said;
}

TEST(HookTest, GetsTheEnvironmentThatIsGivenAndNoOther) {
  EXPECT_EQ(said_by({"env"}), "PATH=/usr/bin:/bin\nCLUSTER_LEADER_STATE=leader\n");
}

TEST(HookTest, HasNullAsInputAndStderrAsBothOutputs) {
  EXPECT_EQ(said_by({"sh", "-c", "cat; echo out; echo error >&2"}), "out\nerror\n");
  std::istringstream files(said_by(probe({"files"}), [] {
    ::dup2(2, 50);  // of the caller
    ::dup2(2, 200);
    ::open("/dev/null", O_RDONLY | O_CLOEXEC);  // of our own
  }));
  std::vector<std::string> lines;
  for (std::string line; std::getline(files, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "0 /dev/null");
  EXPECT_EQ(lines[1].substr(0, 7), "1 pipe:");
  EXPECT_EQ(lines[1].substr(1), lines[2].substr(1));
}

TEST(HookTest, HasAnErrorOutputIfTheCallerHadNone) {
  EXPECT_TRUE(in_a_process([] {
    ::close(0);
    ::close(1);
    ::close(2);
    fill_standard_descriptors();
    Hook hook(spec({"sh", "-c", "echo well >&2 && test $(readlink /proc/$$/fd/2) = /dev/null"}));
    return reap(hook) == 0;
  }));
}

TEST(HookTest, HasItsOwnSession) {
  std::istringstream place(said_by(probe({"place"})));
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  place >> pid >> parent >> group >> session;
  EXPECT_GT(pid, 0);
  EXPECT_EQ(group, pid);
  EXPECT_EQ(session, pid);
}

TEST(HookTest, GetsTheSignalStateOfOurCaller) {
  const auto change = [] {
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGRTMIN + 3, SIG_IGN);
    SignalSet set = SignalSet{1} << (SIGUSR1 - 1) | SignalSet{1} << (40 - 1);
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, nullptr, sizeof set);
  };
  const std::string with_us = said_by(probe({"signals"}), change);
  Pipe out;
  const pid_t child = ::fork();
  if (child == 0) {
    change();
    ::dup2(out.write.get(), 1);
    const std::string program = probe({})[0];
    ::execl(program.c_str(), program.c_str(), "signals", nullptr);
    ::_exit(1);
  }
  out.write.reset();
  EXPECT_EQ(with_us, read_all(out.read.get()));
  EXPECT_NE(with_us.find("SigIgn"), std::string::npos);
  ::waitpid(child, nullptr, 0);
}

TEST(HookTest, IsSearchedInThePathOfItsOwnEnvironment) {
  const Folder folder;
  folder.file("only-here", "exit 5\n", 0755);
  HookSpec hook_spec = spec({"only-here"});
  hook_spec.environment = {"PATH=/nowhere:" + folder.path.string()};
  Hook hook(hook_spec);
  EXPECT_EQ(WEXITSTATUS(reap(hook)), 5);
  EXPECT_EQ(hook.ended(), 0);
}

TEST(HookTest, ReportsWhyItCouldNotBeExecuted) {
  const Folder folder;
  const std::vector<std::pair<std::string, int>> programs = {
      {"no-such-program", ENOENT},
      {"/nowhere/at/all", ENOENT},
      {"", ENOENT},
      {"/", EACCES},
      {folder.file("plain", "", 0644), EACCES},
      {folder.file("strange", "#!/nowhere/at/all\n", 0755), ENOENT}};
  for (const auto& [program, error] : programs) {
    Hook hook(spec({program}));
    EXPECT_NE(reap(hook), 0);
    EXPECT_EQ(hook.ended(), error) << program;
    EXPECT_EQ(hook.pid(), 0);
  }
  // The same status from an executed program is its own.
  Hook hook(spec({"sh", "-c", "exit 127"}));
  EXPECT_EQ(WEXITSTATUS(reap(hook)), 127);
  EXPECT_EQ(hook.ended(), 0);
}

/// A hook that ignores every signal that can be ignored, with a child that does so as well. Both
/// have `out`.
Hook deaf_hook(const Pipe& out) {
  const int saved = ::dup(2);
  ::dup2(out.write.get(), 2);
  Hook hook(spec({"sh", "-c", "trap '' TERM INT HUP; sleep 1000 & echo up; wait"}));
  ::dup2(saved, 2);
  ::close(saved);
  EXPECT_EQ(read_line(out.read.get()), "up");
  return hook;
}

TEST(HookTest, KillReachesItsWholeGroup) {
  Pipe out;
  const Hook hook = deaf_hook(out);
  out.write.reset();
  ::kill(hook.pid(), SIGTERM);
  hook.kill();
  EXPECT_EQ(WTERMSIG(reap(hook)), SIGKILL);
  EXPECT_EQ(read_all(out.read.get()), "");
}

TEST(HookTest, KillReachesItBeforeItHasAGroup) {
  for (int i = 0; i < 50; ++i) {
    const Hook hook(spec({"sleep", "1000"}));
    hook.kill();
    EXPECT_EQ(WTERMSIG(reap(hook)), SIGKILL);
  }
}

TEST(HookTest, DiesWithItsOwner) {
  Pipe out;
  {
    Hook first = deaf_hook(out);
    out.write.reset();
    // Only the new owner kills it.
    const Hook second(std::move(first));
    EXPECT_EQ(first.pid(), 0);
    Pipe another;
    Hook third = deaf_hook(another);
    another.write.reset();
    third = Hook(spec({"true"}));
    EXPECT_EQ(read_all(another.read.get()), "");
  }
  EXPECT_EQ(read_all(out.read.get()), "");
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
}

TEST(HookTest, ThatHasEndedIsNotKilledNorAreItsChildren) {
  Pipe out;
  pid_t left = 0;
  {
    const int saved = ::dup(2);
    ::dup2(out.write.get(), 2);
    Hook hook(spec({"sh", "-c",
                    "(trap 'echo alive; exit' USR1; sh -c 'echo $PPID';"
                    " while :; do sleep 0.01; done) &"}));
    ::dup2(saved, 2);
    ::close(saved);
    out.write.reset();
    left = std::stoi(read_line(out.read.get()));
    reap(hook);
    EXPECT_EQ(hook.ended(), 0);
    hook.kill();
  }
  ::kill(left, SIGUSR1);
  EXPECT_EQ(read_all(out.read.get()), "alive\n");
}

}  // namespace
}  // namespace cluster_leader::test
