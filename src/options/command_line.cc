#include "options/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "exit_code.h"
#include "options/mistakes.h"
#include "options/usage_error.h"

namespace cluster_leader {

namespace {

using Command = VerbRow::Command;

/// An option and what CLI11 found of it.
using Known = std::vector<std::pair<const OptionRow*, CLI::Option*>>;

/// Whether `word` may be this option. CLI11 compares each option that it is told of with all
/// others, which would be a twentieth of a short run, so it is told only of those that can be
/// meant.
bool may_mean(std::string_view word, const OptionRow& row) {
  return row.has_name([&](std::string_view name) {
    if (word.starts_with("--")) return word.starts_with(name);
    return word.starts_with('-') && name[1] != '-' && word.find(name[1], 1) != word.npos;
  });
}

CLI::Option* add(CLI::App& app, const OptionRow& row) {
  const std::string names(row.names);
  CLI::Option* option = row.is_flag() ? app.add_flag(names) : app.add_option(names);
  return option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

Known add_what_may_be_meant(CLI::App& app, const VerbRow& verb,
                            std::span<const char* const> words) {
  Known known;
  for (const OptionRow& row : option_rows()) {
    if (!row.is_of(verb.verb)) continue;
    if (std::any_of(words.begin(), words.end(),
                    [&](const char* word) { return may_mean(word, row); })) {
      known.emplace_back(&row, add(app, row));
    }
  }
  return known;
}

/// Whether the option that `word` ends with has its value in the next word. Letters may stand
/// together behind one dash.
bool waits_for_value(const VerbRow& verb, const std::string& word) {
  if (word.starts_with("--")) {
    const OptionRow* row = find_option(verb.verb, word);
    return row != nullptr && row->wants_word();
  }
  for (std::size_t i = 1; word.starts_with('-') && i < word.size(); ++i) {
    const OptionRow* row = find_option(verb.verb, std::string{'-', word[i]});
    if (row == nullptr) return false;
    if (row->wants_word()) return i + 1 == word.size();
  }
  return false;
}

/// The words as CLI11 is to read them, last one first. What it would get wrong is written so that
/// it gets it right, or refused: it takes an empty value behind an equals sign for a missing one,
/// and would swallow the word behind it; the same for one that may be missing; and it takes values
/// of flags, and "++" as the end of all options.
std::vector<std::string> words_for_cli11(const VerbRow& verb, std::span<const char* const> words) {
  std::vector<std::string> out;
  bool is_value = false;
  for (const std::string word : words) {
    const std::size_t equals = std::min(word.find('='), word.size());
    const OptionRow* const row = is_value || !word.starts_with("--")
                                     ? nullptr
                                     : find_option(verb.verb, word.substr(0, equals));
    const bool has_value = equals != word.size();
    const bool is_empty = has_value && equals + 1 == word.size();
    if (!is_value && word == "++") throw UsageError{about_extra(verb, word)};
    if (row != nullptr && row->is_flag() && has_value) {
      throw UsageError{row->name() + " takes no value"};
    }
    if (row != nullptr && row->bare != nullptr && !has_value) {
      out.push_back(word + '=' + row->bare);
    } else if (row == nullptr || !is_empty) {
      out.push_back(word);
    } else if (row->wants_word()) {
      out.insert(out.end(), {word.substr(0, equals), ""});
    }
    is_value = !is_value && waits_for_value(verb, word);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

/// Puts what CLI11 found of an option where it belongs.
struct Keep {
  const OptionRow& row;
  RawOptions& raw;
  const std::vector<std::string>& results;

  void operator()(bool RawOptions::*flag) const { raw.*flag = true; }
  void operator()(std::string RawOptions::*value) const {
    if (results.size() > 1) throw UsageError{row.name() + " must not be given twice"};
    raw.*value = results.front();
  }
  void operator()(std::vector<std::string> RawOptions::*values) const { raw.*values = results; }
};

/// Help with our own line about usage, and "--watch[=D]" in one word.
class VerbFormatter : public CLI::Formatter {
 public:
  explicit VerbFormatter(const VerbRow& verb) : verb_(verb) {}
  std::string make_usage(const CLI::App*, std::string) const override {
    return std::string("Usage: cluster-leader ") + verb_.name + ' ' + verb_.arguments + '\n';
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string value = option->get_type_name();
    return value.empty() || value[0] == '[' ? value : ' ' + value;
  }

 private:
  const VerbRow& verb_;
};

/// Whether the verb may end with `code`.
bool may_end_with(const VerbRow& verb, ExitCode code) {
  switch (code) {
    case kExitFollower:
    case kExitLost:
      // elect stands again, and check has a sentence of its own.
      return verb.command == Command::kMust;
    case kExitNotExecutable:
    case kExitNotFound:
      return verb.command != Command::kNone;
    default:
      return true;
  }
}

/// The rows of the manual's EXIT STATUS, for machines that have the binary alone.
std::string exit_statuses(const VerbRow& verb) {
  std::string text = std::string("Exit status: ") + verb.exit_status;
  for (const ExitStatus& row : kExitStatuses) {
    if (!may_end_with(verb, row.code)) continue;
    const std::string code = std::to_string(row.code);
    text += "\n  " + code + std::string(6 - code.size(), ' ') + row.meaning;
  }
  return text;
}

}  // namespace

RawOptions read_command_line(const VerbRow& verb, std::span<const char* const> words) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  const Known known = add_what_may_be_meant(app, verb, words);
  RawOptions raw;
  try {
    app.parse(words_for_cli11(verb, words));
  } catch (const CLI::ArgumentMismatch&) {
    throw UsageError{std::string(words.back()) + " lacks its value"};
  } catch (const CLI::ParseError& error) {
    throw UsageError{error.what()};
  }
  const CLI::Option* const help = app.get_option_no_throw("--help");
  raw.help = help != nullptr && help->count() > 0;
  if (raw.help) return raw;
  for (const auto& [row, option] : known) {
    if (option->count() > 0) std::visit(Keep{*row, raw, option->results()}, row->target);
  }
  if (app.remaining_size() > 0) throw UsageError{about_extra(verb, app.remaining().front())};
  return raw;
}

std::string help() {
  std::string text =
      "Runs a job only while it surely holds a lease: flock for clusters.\n"
      "Usage: cluster-leader VERB [OPTION]... [-- COMMAND [ARG]...]\n\nVerbs:\n";
  for (const VerbRow& verb : verb_rows()) {
    text += std::string("  ") + verb.name + std::string(30 - std::string(verb.name).size(), ' ') +
            verb.summary + '\n';
  }
  return text +
         "\nOptions:\n"
         "  -h,--help                     show this, or behind a verb its options, and exit\n"
         "  --version                     show the version and exit\n";
}

std::string help_of(const VerbRow& verb) {
  CLI::App app(verb.summary);
  app.set_help_flag();
  app.formatter(std::make_shared<VerbFormatter>(verb));
  app.footer(exit_statuses(verb));
  for (const OptionRow& row : option_rows()) {
    if (!row.is_of(verb.verb)) continue;
    add(app, row)->description(row.help)->type_name(row.value)->group(row.group);
  }
  return app.help();
}

}  // namespace cluster_leader
