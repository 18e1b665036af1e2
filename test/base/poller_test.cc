#include "base/poller.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <system_error>

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  void put() const { EXPECT_EQ(::write(write.get(), "x", 1), 1); }
  void take() const {
    char c = 0;
    EXPECT_EQ(::read(read.get(), &c, 1), 1);
  }

  UniqueFd read;
  UniqueFd write;
};

TEST(PollerTest, WaitsUntilTheDeadline) {
  Poller poller;
  const Time deadline = BootClock::now() + 30ms;
  const Time woken = poller.wait(deadline);
  EXPECT_GE(woken, deadline);
  EXPECT_LT(woken, deadline + 2s);
}

TEST(PollerTest, ReturnsAtOnceForADeadlineThatHasPassed) {
  Poller poller;
  const Time start = BootClock::now();
  poller.wait(start - 1s);
  poller.wait(Time{});
  poller.wait(Time(Duration(-5)));
  poller.wait(start);
  EXPECT_LT(BootClock::now(), start + 2s);
}

TEST(PollerTest, SecondWaitForAPassedDeadlineReturnsAtOnce) {
  Poller poller;
  const Time deadline = BootClock::now() + 5ms;
  for (int i = 0; i < 3; ++i) EXPECT_GE(poller.wait(deadline), deadline);
}

TEST(PollerTest, EachWaitHasItsOwnDeadline) {
  Poller poller;
  for (int i = 0; i < 5; ++i) {
    const Time deadline = BootClock::now() + 5ms;
    EXPECT_GE(poller.wait(deadline), deadline);
  }
}

TEST(PollerTest, EarlierDeadlineDoesNotEndALaterWait) {
  Poller poller;
  const Pipe pipe;
  pipe.put();
  poller.watch(pipe.read.get(), POLLIN);
  poller.wait(BootClock::now() + 20ms);
  pipe.take();
  const Time later = BootClock::now() + 100ms;
  EXPECT_GE(poller.wait(later), later);
}

TEST(PollerTest, ReportsWhichDescriptorIsReady) {
  Poller poller;
  const Pipe quiet;
  const Pipe busy;
  busy.put();
  poller.watch(quiet.read.get(), POLLIN);
  poller.watch(busy.read.get(), POLLIN);
  poller.watch(quiet.write.get(), POLLOUT);
  poller.wait(kNever);
  EXPECT_EQ(poller.ready(quiet.read.get()), 0);
  EXPECT_EQ(poller.ready(busy.read.get()), POLLIN);
  EXPECT_EQ(poller.ready(quiet.write.get()), POLLOUT);
}

TEST(PollerTest, NothingStaysRegisteredBetweenTurns) {
  Poller poller;
  const Pipe pipe;
  pipe.put();
  poller.watch(pipe.read.get(), POLLIN);
  poller.wait(kNever);
  ASSERT_NE(poller.ready(pipe.read.get()), 0);

  const Time deadline = BootClock::now() + 20ms;
  EXPECT_GE(poller.wait(deadline), deadline);
  EXPECT_EQ(poller.ready(pipe.read.get()), 0);
}

TEST(PollerTest, TwoWatchesOfOneDescriptorAreCombined) {
  Poller poller;
  const Pipe pipe;
  pipe.put();
  poller.watch(pipe.read.get(), POLLPRI);
  poller.watch(pipe.read.get(), POLLIN);
  poller.wait(BootClock::now() + 1s);
  EXPECT_EQ(poller.ready(pipe.read.get()), POLLIN);
}

TEST(PollerTest, IgnoresANegativeDescriptor) {
  Poller poller;
  poller.watch(-1, POLLIN);
  poller.wait(BootClock::now() + 1ms);
  EXPECT_EQ(poller.ready(-1), 0);
}

TEST(PollerTest, ReportsHangUp) {
  Poller poller;
  Pipe pipe;
  pipe.write.reset();
  poller.watch(pipe.read.get(), 0);
  poller.wait(kNever);
  EXPECT_EQ(poller.ready(pipe.read.get()), POLLHUP);
}

/// How often this thread has slept, which does not depend on other load on the machine.
long times_slept() {
  rusage usage{};
  EXPECT_EQ(::getrusage(RUSAGE_THREAD, &usage), 0);
  return usage.ru_nvcsw;
}

/// Waits so many times, like a loop that never reads what is ready.
void spin(Poller& poller, const Pipe& pipe, int turns, Time deadline = kNever) {
  for (int i = 0; i < turns; ++i) {
    poller.watch(pipe.read.get(), POLLIN);
    poller.wait(deadline);
  }
}

/// The first check may count an earlier sleep of this thread.
constexpr int kUntilNoticed = 2 * Poller::kManyTurns;

TEST(PollerTest, LoopThatNeverReadsWhatIsReadyPausesInEachTurn) {
  Poller poller;
  const Pipe pipe;
  pipe.put();
  spin(poller, pipe, kUntilNoticed);
  const long before = times_slept();
  spin(poller, pipe, 50);
  EXPECT_GE(times_slept() - before, 50);
  EXPECT_EQ(poller.ready(pipe.read.get()), POLLIN);
}

TEST(PollerTest, LoopThatIgnoresItsDeadlinePausesInEachTurn) {
  Poller poller;
  const Pipe quiet;
  const Time past = BootClock::now();
  spin(poller, quiet, kUntilNoticed, past);
  const long before = times_slept();
  spin(poller, quiet, 50, past);
  EXPECT_GE(times_slept() - before, 50);
}

TEST(PollerTest, PausingLoopStillGetsItsDeadlineAndEvents) {
  Poller poller;
  const Pipe spun;
  const Pipe other;
  spun.put();
  spin(poller, spun, kUntilNoticed);
  const Time deadline = BootClock::now() + 5ms;
  Time now;
  while (now < deadline) {
    poller.watch(spun.read.get(), POLLIN);
    now = poller.wait(deadline);
  }
  other.put();
  poller.watch(spun.read.get(), POLLIN);
  poller.watch(other.read.get(), POLLIN);
  poller.wait(deadline);
  EXPECT_EQ(poller.ready(other.read.get()), POLLIN);
}

TEST(PollerTest, LoopThatWaitsAgainNoLongerPauses) {
  Poller poller;
  const Pipe pipe;
  pipe.put();
  spin(poller, pipe, kUntilNoticed + 1);
  pipe.take();
  spin(poller, pipe, 1, BootClock::now() + 1ms);
  pipe.put();
  const long before = times_slept();
  spin(poller, pipe, Poller::kManyTurns / 2);
  // Every pause would count; other causes may make the thread sleep occasionally.
  EXPECT_LT(times_slept() - before, Poller::kManyTurns / 10);
}

TEST(PollerTest, BusyLoopThatSometimesWaitsNeverPauses) {
  Poller poller;
  const Pipe pipe;
  pipe.put();
  const long before = times_slept();
  for (int i = 0; i < 8; ++i) {
    spin(poller, pipe, Poller::kManyTurns / 2 - 1);
    pipe.take();
    spin(poller, pipe, 1, BootClock::now() + 1ms);
    pipe.put();
  }
  EXPECT_LT(times_slept() - before, Poller::kManyTurns / 10);
}

void do_nothing(int /*signal*/) {}

TEST(PollerTest, SignalEndsTheWaitWithNothingReady) {
  struct sigaction action {};
  action.sa_handler = do_nothing;
  struct sigaction old {};
  ASSERT_EQ(::sigaction(SIGALRM, &action, &old), 0);
  itimerval soon{};
  // Repeated, since the first one may come before the wait has begun.
  soon.it_value.tv_usec = 20'000;
  soon.it_interval.tv_usec = 20'000;
  const Pipe pipe;
  Poller poller;
  poller.watch(pipe.read.get(), POLLIN);
  const Time start = BootClock::now();
  ASSERT_EQ(::setitimer(ITIMER_REAL, &soon, nullptr), 0);
  const Time woken = poller.wait(start + 30s);
  EXPECT_LT(woken, start + 10s);
  EXPECT_EQ(poller.ready(pipe.read.get()), 0);
  soon = {};
  ::setitimer(ITIMER_REAL, &soon, nullptr);
  ::sigaction(SIGALRM, &old, nullptr);
}

TEST(PollerTest, ThrowsWithoutAFreeDescriptor) {
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  const rlimit none{0, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  int error = 0;
  try {
    const Poller poller;
  } catch (const std::system_error& e) {
    error = e.code().value();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(error, EMFILE);
}

TEST(PollerTest, TimerIsNotInheritedByAJob) {
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(next);
  const Poller poller;
  EXPECT_EQ(::fcntl(next, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

}  // namespace
}  // namespace cluster_leader
