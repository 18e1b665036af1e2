#include "options/options.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/exit_code.h"
#include "base/one_line.h"
#include "options/command_line.h"
#include "options/help.h"
#include "options/mistakes.h"
#include "options/option_table.h"
#include "options/reading.h"
#include "options/usage_error.h"

namespace cluster_leader {

namespace {

using Words = std::span<const char* const>;

/// Of a URL that is quoted, all from "://" to the last "@" may be a password, wherever somebody has
/// put it by mistake.
std::string without_password(std::string text) {
  const std::size_t scheme = text.find("://");
  const std::size_t at = text.rfind('@');
  if (scheme != text.npos && at != text.npos && at > scheme) {
    text.replace(scheme + 3, at - scheme - 3, "***");
  }
  return text;
}

/// Fills `raw` as soon as it is known.
std::variant<Options, NothingToRun> parse(Words words, RawOptions& raw) {
  const auto split = std::find(words.begin(), words.end(), std::string_view("--"));
  const Words ours(words.begin(), split);
  std::optional<Words> command;
  if (split != words.end()) command = Words(split + 1, words.end());

  const VerbRow* const verb = ours.empty() ? nullptr : find_verb(ours.front());
  if (verb == nullptr) {
    // Only in the first place: further on they may be those of a command that lacks its verb.
    const std::string_view first = ours.empty() ? "" : ours.front();
    if (first == "--help" || first == "-h") return NothingToRun{kExitOk, help()};
    if (first == "--version") {
      return NothingToRun{kExitOk, "cluster-leader " CLUSTER_LEADER_VERSION "\n"};
    }
    throw UsageError{about_missing_verb(ours)};
  }
  raw = read_command_line(*verb, ours);
  if (raw.help) return NothingToRun{kExitOk, help_of(*verb)};
  return read_options(*verb, raw, command);
}

}  // namespace

std::variant<Options, NothingToRun> parse_options(int argc, const char* const* argv) {
  RawOptions raw;
  try {
    const auto count = static_cast<std::size_t>(argc);
    return parse(Words(argv, count).subspan(std::min<std::size_t>(count, 1)), raw);
  } catch (const UsageError& error) {
    return NothingToRun{kExitUsage, one_line(without_password(error.text)), log_format_of(raw)};
  }
}

}  // namespace cluster_leader
