#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "histories/plan.h"

namespace cluster_leader::histories {

inline const std::string kKey = "job-a";

/// Where the leases of a history live, the network to it, and their faults.
class World {
 public:
  virtual ~World() = default;

  /// The options by which that candidate finds it.
  virtual std::vector<std::string> options(int candidate) const = 0;
  /// A fault of a server or of the network begins. False if it cannot at the moment, as when the
  /// server is down already; then it does not end either.
  virtual bool begin(const Fault& fault) = 0;
  /// It ends; called also for faults without a length.
  virtual void end(const Fault& fault) = 0;
  /// Lifts what is still there. Clocks stay as they are.
  virtual void heal() {}
  /// How many servers decide by majority; 1: one does.
  virtual int servers() const { return 1; }
  /// When something arrived at that candidate from each server; empty: not known.
  virtual std::vector<std::vector<Time>> answers(int) const { return {}; }

  struct Wait {
    Time begin;
    Time end;
  };
  /// Answers that took long, whether because of a fault or not.
  virtual std::vector<Wait> slow_answers() const { return {}; }
};

/// The world of a plan. Throws std::runtime_error if a server does not start.
std::unique_ptr<World> make_world(const Plan& plan);

}  // namespace cluster_leader::histories
