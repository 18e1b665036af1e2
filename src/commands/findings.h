#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lease/answer.h"

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

/// One line for each finding, for people.
std::string report_of(const std::vector<Finding>& findings, bool coloured);

/// The same as one line of JSON, an array with an object for each.
std::string report_as_json(const std::vector<Finding>& findings);

/// 0 if nothing failed, else the status of what failed first.
int exit_status_of(const std::vector<Finding>& findings);

}  // namespace cluster_leader
