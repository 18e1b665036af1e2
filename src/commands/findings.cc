#include "commands/findings.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/exit_code.h"
#include "commands/setup.h"
#include "report/table.h"

namespace cluster_leader {

namespace {

using Result = Finding::Result;
using std::chrono::microseconds;

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

Finding ok(const char* check, std::string detail) {
  return {check, Result::kOk, std::move(detail), "", {}};
}
Finding warning(const char* check, std::string detail, std::string advice) {
  return {check, Result::kWarning, std::move(detail), std::move(advice), {}};
}
Finding failed(const char* check, const Failed& failure, std::string advice) {
  return {check, Result::kFailed, failure.text, std::move(advice), failure.trouble};
}
std::string advice_for(const Failed& failure) {
  switch (failure.trouble) {
    case Trouble::kUnreachable:
      return "check --server, or --host and --port, and the network";
    case Trouble::kNotServing:
      return "see the server's log, and try again";
    case Trouble::kExhausted:
      return "close other files and connections, or raise the limit (ulimit -n)";
    case Trouble::kDenied:
      return "check --user and --password-file, and ACL LIST on the server";
    case Trouble::kMisconfigured:
      break;
  }
  return "check --server";
}

std::string in_ms(Duration duration) {
  const auto us = std::chrono::duration_cast<microseconds>(duration).count();
  std::string text = std::to_string(us / 1000);
  if (us < 100'000) text += '.' + std::to_string(1000 + us % 1000).substr(1, us < 1000 ? 3 : 1);
  return text + " ms";
}

std::string in_s(Duration duration) {
  const auto ms = ceil_ms(duration);
  std::string text = std::to_string(ms / 1000);
  if (ms % 1000 != 0) {
    text += '.' + std::to_string(1000 + ms % 1000).substr(1);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + " s";
}

std::string report_of(const std::vector<Finding>& findings, bool coloured) {
  std::string report;
  for (auto at = findings.begin(); at != findings.end();) {
    const std::string& server = at->server;
    const bool is_quorum = !findings.front().server.empty();
    if (is_quorum) report += (server.empty() ? "all servers" : visible(server)) + ":\n";
    std::vector<std::vector<Cell>> rows;
    for (; at != findings.end() && at->server == server; ++at) {
      const std::string advice = at->advice.empty() ? "" : "; " + at->advice;
      rows.push_back(
          {{name_of(at->result), paint_of(at->result)}, {at->check}, {at->detail + advice}});
    }
    report += draw_table(rows, coloured);
  }
  return report;
}

std::string report_as_json(const std::vector<Finding>& findings) {
  using Json = nlohmann::ordered_json;
  Json array = Json::array();
  for (const Finding& finding : findings) {
    array.push_back({{"server", finding.server.empty() ? Json() : Json(finding.server)},
                     {"check", finding.check},
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
