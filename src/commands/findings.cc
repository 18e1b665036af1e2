#include "commands/findings.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/exit_code.h"
#include "base/wrap.h"
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

/// Of the first two columns.
struct Widths {
  std::size_t result = 0;
  std::size_t check = 0;
};

Widths widths_of(const std::vector<Finding>& findings, const std::string& server) {
  Widths widths;
  for (const Finding& finding : findings) {
    if (finding.server != server) continue;
    widths.result = std::max(widths.result, std::strlen(name_of(finding.result)));
    widths.check = std::max(widths.check, std::strlen(finding.check));
  }
  return widths;
}

/// What is between semicolons, one thing each.
std::vector<std::string> parts_of(const std::string& text) {
  constexpr std::string_view kBetween = "; ";
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(kBetween, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + kBetween.size();
  }
  return parts;
}

std::vector<std::string> details_of(const Finding& finding) {
  if (!finding.is_list) return {finding.detail};
  return parts_of(finding.detail);
}

std::string lines_of(const Finding& finding, const Widths& widths, std::optional<std::size_t> width,
                     bool coloured) {
  constexpr std::size_t kGap = 2;
  constexpr std::size_t kNarrowest = 20;
  constexpr std::string_view kArrow = "-> ";
  const std::string result = name_of(finding.result);
  const std::size_t indent = widths.result + widths.check + 2 * kGap;
  const std::string below(indent, ' ');
  const std::size_t room =
      !width ? std::string::npos : std::max(*width - std::min(*width, indent), kNarrowest);
  std::string text = painted(result, paint_of(finding.result), coloured) +
                     std::string(widths.result - result.size() + kGap, ' ') + finding.check +
                     std::string(widths.check - std::strlen(finding.check) + kGap, ' ');
  std::string before;
  for (const std::string& part : details_of(finding)) {
    for (const std::string& line : wrapped(visible(part), room, width_of)) {
      text += std::exchange(before, below) + line + '\n';
    }
  }
  for (const std::string& part : parts_of(finding.advice)) {
    before = below + std::string(kArrow);
    for (const std::string& line : wrapped(visible(part), room - kArrow.size(), width_of)) {
      text += before;
      text += line + '\n';
      before = below + std::string(kArrow.size(), ' ');
    }
  }
  return text;
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

std::string report_of(const std::vector<Finding>& findings, std::optional<std::size_t> width,
                      bool coloured) {
  std::string report;
  const std::string* server = nullptr;
  const bool is_quorum = !findings.empty() && !findings.front().server.empty();
  for (const Finding& finding : findings) {
    if (is_quorum && (server == nullptr || *server != finding.server)) {
      server = &finding.server;
      report += (server->empty() ? "all servers" : visible(*server)) + ":\n";
    }
    report += lines_of(finding, widths_of(findings, finding.server), width, coloured);
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
