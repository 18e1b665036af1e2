#include "options/help_formatter.h"

#include <vector>

#include "base/exit_code.h"

namespace cluster_leader {

namespace {

using Verb = Options::Verb;

/// A row of a table whose right column holds `text`; two lines if `left` is too wide for one.
std::string row(const std::string& left, const std::string& text) {
  constexpr std::size_t kColumn = 30;
  std::string out = "  " + left;
  if (out.size() + 2 > kColumn) out = out + '\n' + std::string(kColumn, ' ');
  if (out.size() < kColumn) out.append(kColumn - out.size(), ' ');
  return out.append(text) + '\n';
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

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode /*mode*/) const {
  std::string text = app->get_description() + "\nUsage: " + name + ' ' + arguments_ + '\n';
  const std::vector<const CLI::App*> verbs = app->get_subcommands(nullptr);
  if (!verbs.empty()) text += "\nVerbs:\n";
  for (const CLI::App* verb : verbs) text += row(verb->get_name(), verb->get_description());
  for (const std::string& heading : app->get_groups()) {
    text += '\n' + heading + ":\n";
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_group() != heading) continue;
      text += row(make_option_name(option, false), option->get_description());
    }
  }
  if (const std::string footer = app->get_footer(); !footer.empty()) text += '\n' + footer;
  return text;
}

std::string HelpFormatter::make_option_name(const CLI::Option* option, bool /*positional*/) const {
  const std::string type = option->get_type_name();
  const bool is_joined = type.empty() || type[0] == '[';
  return option->get_name(false, true) + (is_joined ? "" : " ") + type;
}

std::string exit_statuses(Verb verb, const std::string& otherwise) {
  std::string text = "Exit status: " + otherwise + '\n';
  for (const ExitStatus& status : kExitStatuses) {
    if (!may_end_with(verb, status.code)) continue;
    const std::string code = std::to_string(status.code);
    text += "  " + code + std::string(6 - code.size(), ' ') + status.meaning + '\n';
  }
  return text;
}

}  // namespace cluster_leader
