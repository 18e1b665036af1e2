#include "commands/findings.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/exit_code.h"
#include "commands/setup.h"
#include "report/table.h"

namespace cluster_leader {

namespace {

using Result = Finding::Result;

const char* name_of(Result result) {
  switch (result) {
    case Result::kOk:
      return "ok";
    case Result::kWarning:
      return "warning";
    case Result::kFailed:
      break;
  }
  return "failed";
}

Paint paint_of(Result result) {
  if (result == Result::kOk) return Paint::kGreen;
  return result == Result::kWarning ? Paint::kYellow : Paint::kRed;
}

}  // namespace

std::string report_of(const std::vector<Finding>& findings, bool coloured) {
  std::vector<std::vector<Cell>> rows;
  for (const Finding& finding : findings) {
    const std::string advice = finding.advice.empty() ? "" : "; " + finding.advice;
    rows.push_back({{name_of(finding.result), paint_of(finding.result)},
                    {finding.check},
                    {finding.detail + advice}});
  }
  return draw_table(rows, coloured);
}

std::string report_as_json(const std::vector<Finding>& findings) {
  using Json = nlohmann::ordered_json;
  Json array = Json::array();
  for (const Finding& finding : findings) {
    array.push_back({{"check", finding.check},
                     {"result", name_of(finding.result)},
                     {"detail", finding.detail},
                     {"advice", finding.advice.empty() ? Json() : Json(finding.advice)}});
  }
  return array.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + '\n';
}

int exit_status_of(const std::vector<Finding>& findings) {
  const auto is_failure = [](const Finding& finding) { return finding.result == Result::kFailed; };
  const auto found = std::find_if(findings.begin(), findings.end(), is_failure);
  return found == findings.end() ? kExitOk : exit_status_of(found->trouble);
}

}  // namespace cluster_leader
