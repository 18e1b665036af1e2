#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "lease/supervisor.h"

namespace cluster_leader {

inline constexpr RunResult kWell{0, 100, 200};

/// A supervisor with a ttl of 10 s (stop at 7 s, kill at 9 s) on a clock that the test moves, and
/// the actions that it has returned.
class SupervisorTest : public ::testing::Test {
 protected:
  Timeline timeline = Timeline::of(std::chrono::seconds(10));
  Policy policy{timeline.connect, {}, false};
  Time now{std::chrono::seconds(1000)};
  std::optional<Supervisor> supervisor;
  std::string did;  ///< the actions since take_did(), one letter each
  Request last_request;

  /// Begins a term, which sends the first acquire.
  void campaign() {
    supervisor.emplace(timeline, policy, 7, now);
    feed(Tick{});
  }

  void feed(const Event& event) {
    for (const Action& action : supervisor->step(event, now)) {
      switch (action.kind) {
        case Action::Kind::kSend:
          did += "arxf"[static_cast<int>(action.request.kind)];  // acquire, renew, release, finish
          last_request = action.request;
          break;
        case Action::Kind::kCancel:
          did += 'c';
          break;
        case Action::Kind::kAbandon:
          did += 'A';
          break;
        case Action::Kind::kLeave:
          did += 'L';
          break;
        case Action::Kind::kNewId:
          did += 'N';
          break;
        case Action::Kind::kStartJob:
          did += 'J';
          break;
        case Action::Kind::kStopJob:
          did += 'T';
          break;
        case Action::Kind::kKillJob:
          did += 'K';
          break;
        case Action::Kind::kDone:
          did += '.';
          break;
      }
    }
  }

  void answer(Answer what) { feed(Answered{supervisor->state().last_attempt, std::move(what)}); }

  /// Moves the clock on by `d`, with a stop whenever the supervisor must be woken and at no other
  /// time.
  void pass(Duration d) {
    const Time end = now + d;
    while (supervisor->wake_at() <= end) {
      const Time due = supervisor->wake_at();
      now = std::max(now, due);
      feed(Tick{});
      ASSERT_NE(supervisor->wake_at(), due) << "the wake-up had no effect";
    }
    now = end;
  }

  /// The actions since the last call.
  std::string take_did() { return std::exchange(did, ""); }

  void run_job() {
    campaign();
    answer(Granted{Token{5}});
    feed(JobStarted{});
    ASSERT_EQ(take_did(), "aJ");
  }
};

/// A supervisor that waits for the key.
class WaitingSupervisorTest : public SupervisorTest {
 protected:
  WaitingSupervisorTest() {
    policy = {std::chrono::seconds(60), kForever, false};
    policy.young_patience = std::chrono::seconds(60);
  }
};

}  // namespace cluster_leader
