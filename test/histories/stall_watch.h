#pragma once

#include <atomic>
#include <thread>

#include "base/clock.h"

namespace cluster_leader::histories {

/// Measures how late a thread of this process wakes, and so how long this machine leaves processes
/// without a processor. What is promised needs some.
class StallWatch {
 public:
  StallWatch() : thread_([this] { watch(); }) {}
  ~StallWatch() {
    has_ended_ = true;
    thread_.join();
  }
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  Duration worst() const { return Duration(worst_ns_.load()); }

 private:
  void watch() {
    constexpr Duration kPause = std::chrono::milliseconds(4);
    for (Time before = BootClock::now(); !has_ended_;) {
      std::this_thread::sleep_for(kPause);
      const Time now = BootClock::now();
      const Duration late = now - before - kPause;
      if (late.count() > worst_ns_) worst_ns_ = late.count();
      before = now;
    }
  }

  std::atomic<bool> has_ended_ = false;
  std::atomic<Duration::rep> worst_ns_ = 0;
  std::thread thread_;
};

}  // namespace cluster_leader::histories
