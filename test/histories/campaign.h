#pragma once

#include <cstdint>
#include <list>
#include <set>
#include <string>
#include <vector>

#include "histories/candidate.h"
#include "histories/plan.h"
#include "histories/report.h"
#include "support/command.h"

namespace cluster_leader::histories {

struct CampaignSettings {
  std::string program;  ///< ourselves: each history is a process of its own
  Topology topology = Topology::kPlain;
  std::uint64_t from = 1;
  int count = 30;
  int jobs = 2;  ///< how many histories run side by side
  Program candidates = Program::kOurs;
  std::string log;  ///< a line of JSON for each history; its seeds are not repeated. Empty: none
  int budget_s = 3600;  ///< no history begins later
};

/// Many histories, some side by side. One on which the machine stalled decides nothing, and is
/// repeated.
class Campaign {
 public:
  explicit Campaign(const CampaignSettings& settings);

  /// Prints what fails, and the total. True if none has failed and at least half of them could be
  /// decided within the budget; a stand-in must fail instead.
  bool run();

 private:
  struct Ongoing {
    std::uint64_t seed;
    Process process;
  };
  void start(std::uint64_t seed);
  void take(const Ongoing& one, const Ended& ended);
  void skip_what_is_logged();
  void accept(const Report& report);

  const CampaignSettings settings_;
  const Time began_;
  std::list<std::uint64_t> seeds_;  ///< to do
  std::list<Ongoing> ongoing_;
  Total total_;
  int repeated_ = 0;
  int undecided_with_violations_ = 0;
  int broken_ = 0;  ///< histories that ended without a report
};

/// The faults of a failing seed that are not needed for the failure: each is left out in turn while
/// the history still fails in one of `tries`. Prints the plan that remains.
/// Returns false if the seed does not fail at all.
bool shrink(const CampaignSettings& settings, std::uint64_t seed, int tries);

}  // namespace cluster_leader::histories
