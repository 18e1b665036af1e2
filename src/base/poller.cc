#include "base/poller.h"

#include <sys/resource.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/errors.h"

namespace cluster_leader {

namespace {

constexpr int kPauseMs = 1;

/// How often this thread has given up the processor voluntarily, which does not depend on other
/// load on the machine.
long times_slept() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

}  // namespace

Poller::Poller()
    : timer_(check_errno(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC),
                         "timerfd_create")) {}

void Poller::watch(int fd, short events) {
  if (fd < 0) return;
  for (pollfd& watched : watched_) {
    if (watched.fd == fd) {
      watched.events = static_cast<short>(watched.events | events);
      return;
    }
  }
  watched_.push_back({fd, events, 0});
}

Time Poller::wait(Time deadline) {
  found_.swap(watched_);
  watched_.clear();
  pause_if_spinning(deadline);
  found_.push_back({timer_.get(), POLLIN, 0});
  for (;;) {
    // A timer that expires too early is cheaper than one that is set for every wait.
    if (deadline < armed_) arm(deadline);
    const int ready = ::poll(found_.data(), found_.size(), -1);
    if (ready < 0) {
      if (errno != EINTR) throw_errno("poll");
      for (pollfd& f : found_) f.revents = 0;
    }
    const Time now = BootClock::now();
    if (found_.back().revents == 0) return now;
    // The timer stays readable until it is set again, here or in the next wait.
    armed_ = kNever;
    if (ready > 1 || now >= deadline) return now;
    arm(deadline);
  }
}

void Poller::pause_if_spinning(Time deadline) {
  if (!spins_) {
    if (++turns_ < kManyTurns) return;
    turns_ = 0;
    const long before = std::exchange(slept_, times_slept());
    spins_ = slept_ == before;
  }
  if (!spins_) return;
  // 0: nothing is ready.
  spins_ = deadline <= BootClock::now() || ::poll(found_.data(), found_.size(), 0) != 0;
  if (spins_) ::poll(nullptr, 0, kPauseMs);
}

void Poller::arm(Time deadline) {
  // An all-zero value would disarm the timer, so a deadline in the past becomes one nanosecond.
  const auto at = std::max<Duration::rep>(deadline.time_since_epoch().count(), 1);
  itimerspec spec{};
  if (deadline != kNever) {
    // Narrower on 32-bit machines, but time since the boot fits.
    spec.it_value.tv_sec = static_cast<std::time_t>(at / 1'000'000'000);
    spec.it_value.tv_nsec = static_cast<long>(at % 1'000'000'000);
  }
  check_errno(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr),
              "timerfd_settime");
  armed_ = deadline;
}

short Poller::ready(int fd) const {
  for (const pollfd& found : found_) {
    if (found.fd == fd) return found.revents;
  }
  return 0;
}

}  // namespace cluster_leader
