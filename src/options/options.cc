#include "options/options.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "base/one_line.h"
#include "exit_code.h"
#include "options/command_line.h"
#include "options/help.h"
#include "options/mistakes.h"
#include "options/option_table.h"
#include "options/reading.h"
#include "options/usage_error.h"

namespace cluster_leader {

namespace {

using Words = std::span<const char* const>;

bool contains(Words words, std::string_view wanted) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return word == wanted; });
}

std::variant<Options, NothingToRun> parse(Words words) {
  const auto split = std::find(words.begin(), words.end(), std::string_view("--"));
  const Words ours(words.begin(), split);
  std::optional<Words> command;
  if (split != words.end()) command = Words(split + 1, words.end());

  const VerbRow* const verb = ours.empty() ? nullptr : find_verb(ours.front());
  if (verb == nullptr) {
    if (contains(ours, "--help") || contains(ours, "-h")) return NothingToRun{kExitOk, help()};
    if (contains(ours, "--version")) {
      return NothingToRun{kExitOk, "cluster-leader " CLUSTER_LEADER_VERSION "\n"};
    }
    throw UsageError{about_missing_verb(ours)};
  }
  const RawOptions raw = read_command_line(*verb, ours);
  if (raw.help) return NothingToRun{kExitOk, help_of(*verb)};
  return read_options(*verb, raw, command);
}

}  // namespace

std::variant<Options, NothingToRun> parse_options(int argc, const char* const* argv) {
  try {
    const auto count = static_cast<std::size_t>(argc);
    return parse(Words(argv, count).subspan(std::min<std::size_t>(count, 1)));
  } catch (const UsageError& error) {
    return NothingToRun{kExitUsage, one_line(error.text)};
  }
}

}  // namespace cluster_leader
