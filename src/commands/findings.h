#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
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
  std::string server{};  ///< of several, that it is about; empty: the only one, or all of them
  bool is_list = false;  ///< each part of `detail` between semicolons is a line of its own
};

/// The three kinds of findings. `detail` is what was found, `advice` what to change.
Finding ok(const char* check, std::string detail);
Finding warning(const char* check, std::string detail, std::string advice);
Finding failed(const char* check, const Failed& failure, std::string advice);

/// What to do about a failure whose text does not say it.
std::string advice_for(const Failed& failure);

/// "0.012 ms", "3.4 ms", "1250 ms"
std::string in_ms(Duration duration);
/// "0.2 s", "10 s"
std::string in_s(Duration duration);

/// One line for each finding, for people, and below it one for each piece of advice; those about
/// one of several servers follow its name. If `width` is given, lines fit so many columns.
std::string report_of(const std::vector<Finding>& findings, std::optional<std::size_t> width,
                      bool coloured);

/// The same as one line of JSON, an array with an object for each.
std::string report_as_json(const std::vector<Finding>& findings);

/// 0 if nothing failed, else the status of what failed first.
int exit_status_of(const std::vector<Finding>& findings);

}  // namespace cluster_leader
