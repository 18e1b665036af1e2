#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lease/answer.h"
#include "lease/timeline.h"
#include "store/location.h"
#include "store/measurements.h"

namespace cluster_leader {

/// What one check of `doctor` has found.
struct Finding {
  enum class Result : std::uint8_t {
    kOk,
    kWarning,  ///< leases work, with a drawback; or it could not be checked
    kFailed,   ///< leases do not work, or not with this timeline
  };
  const char* check = "";
  Result result = Result::kOk;
  std::string detail;                         ///< what was found, with its figure
  std::string advice;                         ///< what to change; empty if it is ok
  Trouble trouble = Trouble::kMisconfigured;  ///< of a failure
};

/// Judges what was measured, for leases of that timeline: a finding for each check that could be
/// begun, in the order in which they build upon each other.
std::vector<Finding> diagnose(const RedisMeasurements& checkup, const RedisLocation& location,
                              const Timeline& timeline);
std::vector<Finding> diagnose(const FileMeasurements& checkup, const Timeline& timeline);

/// One line for each finding, for people.
std::string report_of(const std::vector<Finding>& findings, bool coloured);

/// The same as one line of JSON, an array with an object for each.
std::string report_as_json(const std::vector<Finding>& findings);

/// 0 if nothing failed, else the status of what failed first.
int exit_status_of(const std::vector<Finding>& findings);

}  // namespace cluster_leader
