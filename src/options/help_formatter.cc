#include "options/help_formatter.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/exit_code.h"
#include "base/terminal.h"
#include "base/wrap.h"

namespace cluster_leader {

namespace {

using Verb = Options::Verb;
using Lines = std::vector<std::string>;

/// How wide a line may be. Text in longer ones is hard to read.
std::size_t line_width() {
  constexpr std::size_t kNarrowest = 40;
  constexpr std::size_t kWidest = 100;
  const auto terminal = terminal_size();
  return std::clamp(terminal ? terminal->columns : TerminalSize{}.columns, kNarrowest, kWidest);
}

/// The lines of a list whose texts begin in column `indent`, the first of them after `left` or, if
/// that is too wide, below it.
std::string item(std::string left, const std::string& text, std::size_t indent) {
  if (!left.empty() && left.size() >= indent) left += '\n' + std::string(indent, ' ');
  if (left.size() < indent) left.append(indent - left.size(), ' ');
  for (const std::string& line : wrapped(text, line_width() - indent)) {
    left += line + '\n' + std::string(indent, ' ');
  }
  return left.substr(0, left.size() - indent);
}

std::string names_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const bool is_joined = type.empty() || type[0] == '[';
  return option.get_name(false, true) + (is_joined ? "" : " ") + type;
}

std::string row_of(const CLI::Option& option) {
  constexpr std::size_t kColumn = 26;
  return item("  " + names_of(option), option.get_description(), kColumn);
}

/// The options that are named in `list`, in its order, and those that show help.
std::vector<const CLI::Option*> everyday_options(const CLI::App& app, std::string_view list) {
  std::vector<const CLI::Option*> options;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    options.push_back(app.get_option(std::string(list.substr(at, end - at))));
    at = end + 1;
  }
  options.push_back(app.get_option("-h"));
  options.push_back(app.get_option("--help"));
  return options;
}

std::string examples(std::string_view text) {
  std::string out = "\nExamples:\n";
  bool is_command = false;
  for (std::size_t at = 0; at < text.size(); is_command = !is_command) {
    const std::size_t end = text.find('\n', at);
    const std::string indent = is_command ? "    " : "  ";
    // Room for the backslash of a shell's line that goes on.
    const Lines lines = wrapped(text.substr(at, end - at), line_width() - indent.size() - 2);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const bool goes_on = is_command && i + 1 < lines.size();
      out += indent + (i > 0 && is_command ? "  " : "") + lines[i] + (goes_on ? " \\" : "") + '\n';
    }
    at = end + 1;
  }
  return out;
}

bool may_end_with(Verb verb, ExitCode code) {
  switch (code) {
    case kExitFollower:
    case kExitLost:
      // elect campaigns again, and check has a sentence of its own.
      return verb == Verb::kRun;
    case kExitUnavailable:
      // elect goes on without a server.
      return verb != Verb::kElect;
    case kExitNotExecutable:
    case kExitNotFound:
      return verb == Verb::kRun || verb == Verb::kElect;
    default:
      return true;
  }
}

/// The rows of the manual's EXIT STATUS that the verb may end with, for machines that have only the
/// binary.
std::string exit_statuses(const VerbRow& row) {
  constexpr std::size_t kColumn = 8;
  std::string text = item("", std::string("Exit status: ") + row.exit_status, 0);
  for (const ExitStatus& status : kExitStatuses) {
    if (!may_end_with(row.verb, status.code)) continue;
    text += item("  " + std::to_string(status.code), status.meaning, kColumn);
  }
  return text;
}

std::string help_of_verb(const CLI::App& app, const VerbRow& row, bool is_complete) {
  const auto everyday = everyday_options(app, row.everyday);
  std::string text = "\nEveryday options:\n";
  for (const CLI::Option* option : everyday) text += row_of(*option);
  text += examples(row.examples);
  if (!is_complete) {
    const std::string name = std::string("cluster-leader ") + row.name;
    return text + '\n' + item("", name + " --help shows all options and the exit statuses.", 0);
  }
  for (const std::string& heading : app.get_groups()) {
    std::string rows;
    for (const CLI::Option* option : app.get_options()) {
      const bool is_shown = std::find(everyday.begin(), everyday.end(), option) != everyday.end();
      if (option->get_group() == heading && !is_shown) rows += row_of(*option);
    }
    // "Options" is CLI11's heading for those without one.
    const std::string title = heading == "Options" ? "More options" : heading;
    if (!rows.empty()) text.append("\n").append(title).append(":\n").append(rows);
  }
  return text + '\n' + exit_statuses(row);
}

std::string help_of_program(const CLI::App& app) {
  constexpr std::size_t kColumn = 12;
  std::string text = "\nVerbs:\n";
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    text += item("  " + verb->get_name(), verb->get_description(), kColumn);
  }
  text += "\nOptions:\n";
  for (const CLI::Option* option : app.get_options()) text += row_of(*option);
  return text + examples(kExamples) + '\n' +
         item("", "cluster-leader help VERB shows the options of a verb.", 0);
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  const char* arguments =
      row_ != nullptr ? row_->arguments : "VERB [OPTION]... [-- COMMAND [ARG]...]";
  constexpr std::size_t kAfterUsage = 7;
  const std::string text =
      item("", app->get_description(), 0) + item("Usage:", name + ' ' + arguments, kAfterUsage);
  return text + (row_ != nullptr ? help_of_verb(*app, *row_, mode == CLI::AppFormatMode::All)
                                 : help_of_program(*app));
}

}  // namespace cluster_leader
