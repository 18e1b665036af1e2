#include "options/help.h"

#include <string_view>

#include "base/exit_code.h"

namespace cluster_leader {

namespace {

using Command = VerbRow::Command;

/// A line of a table whose right column holds `text`; two lines where `left` is too wide for one.
std::string line(const std::string& left, std::string_view text) {
  constexpr std::size_t kColumn = 30;
  std::string out = "  " + left;
  if (out.size() + 2 > kColumn) out = out + '\n' + std::string(kColumn, ' ');
  if (out.size() < kColumn) out.append(kColumn - out.size(), ' ');
  return out.append(text) + '\n';
}

/// An option as it is written: "-s,--signal SIG", "--watch[=D]".
std::string written(const OptionRow& row) {
  std::string text;
  for (const char* name : row.names()) text.append(text.empty() ? "" : ",").append(name);
  const std::string value = row.value;
  return text + (value.empty() || value[0] == '[' ? value : ' ' + value);
}

/// Whether the verb may end with `code`.
bool may_end_with(const VerbRow& verb, ExitCode code) {
  switch (code) {
    case kExitFollower:
    case kExitLost:
      // elect stands again, and check has a sentence of its own.
      return verb.command == Command::kMust;
    case kExitUnavailable:
      // elect goes on without a server.
      return verb.command != Command::kMay;
    case kExitNotExecutable:
    case kExitNotFound:
      return verb.command != Command::kNone;
    default:
      return true;
  }
}

/// The rows of the manual's EXIT STATUS, for machines that have the binary alone.
std::string exit_statuses(const VerbRow& verb) {
  std::string text = std::string("Exit status: ") + verb.exit_status + '\n';
  for (const ExitStatus& row : kExitStatuses) {
    if (!may_end_with(verb, row.code)) continue;
    const std::string code = std::to_string(row.code);
    text += "  " + code + std::string(6 - code.size(), ' ') + row.meaning + '\n';
  }
  return text;
}

}  // namespace

std::string help() {
  std::string text =
      "Runs a job only while it surely holds a lease: flock for clusters.\n"
      "Usage: cluster-leader VERB [OPTION]... [-- COMMAND [ARG]...]\n\nVerbs:\n";
  for (const VerbRow& verb : verb_rows()) text += line(verb.name, verb.summary);
  return text + "\nOptions:\n" +
         line("-h,--help", "show this, or behind a verb its options, and exit") +
         line("--version", "show the version and exit");
}

std::string help_of(const VerbRow& verb) {
  std::string text = std::string(verb.summary) + "\nUsage: cluster-leader " + verb.name + ' ' +
                     verb.arguments + '\n';
  std::string_view group;
  for (const OptionRow& row : option_rows()) {
    if (!row.is_of(verb.verb)) continue;
    if (group != row.group) text.append("\n").append(row.group).append(":\n");
    group = row.group;
    text += line(written(row), row.help);
  }
  return text + '\n' + exit_statuses(verb);
}

}  // namespace cluster_leader
