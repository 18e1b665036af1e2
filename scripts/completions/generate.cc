// Writes the completion for a shell: a template, with what follows from the table of the program's
// options in its places, so that no option can be missing or differ. A place is "@NAME@" in a line,
// or a comment "# @NAME@" that has a line of its own.
//
// usage: generate-completion bash|zsh|fish TEMPLATE COMPLETION
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/signal_names.h"
#include "options/option_table.h"

namespace cluster_leader {
namespace {

using Words = std::vector<std::string>;

/// The lines that belong in each place of a template.
using Places = std::map<std::string, Words>;

std::string joined(const Words& words, const std::string& between = " ") {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

/// `text` with a backslash before each character that is one of `special`.
std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != special.npos) out += '\\';
    out += c;
  }
  return out;
}

Words names_of(const OptionRow& row) {
  const auto names = row.names();
  return {names.begin(), names.end()};
}

Words verbs_of(const OptionRow& row) {
  Words verbs;
  for (const VerbRow& verb : verb_rows()) {
    if (row.is_of(verb.verb)) verbs.emplace_back(verb.name);
  }
  return verbs;
}

Words signals() {
  Words names;
  for (int signo = 1; signo < SIGRTMIN; ++signo) {
    // The C library keeps some for itself, which have no names.
    if (::sigabbrev_np(signo) != nullptr) names.push_back(signal_name(signo));
  }
  return names;
}

Words choices(std::string_view text) {
  Words words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('|', at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

/// How the URLs begin that a help text shows.
Words schemes(std::string_view help) {
  Words found;
  for (std::size_t at = 0; (at = help.find("://", at)) != help.npos;) {
    const std::size_t begin = help.find_last_of(" ,", at) + 1;
    at = help.find_first_not_of('/', at + 1);
    found.emplace_back(help.substr(begin, at - begin));
  }
  return found;
}

/// What may be the value of an option: one of `words`, or something that the shell knows.
struct Value {
  enum class Kind { kAnything, kWords, kUrl, kFile, kHost, kCommand };
  Kind kind = Kind::kAnything;
  Words words;
};

/// By what stands for it in the help.
Value value_of(const OptionRow& row) {
  using Kind = Value::Kind;
  const std::string_view value = row.value;
  if (value == "PATH") return {Kind::kFile, {}};
  if (value == "HOST") return {Kind::kHost, {}};
  if (value == "CMD") return {Kind::kCommand, {}};
  if (value == "URL") return {Kind::kUrl, schemes(row.help)};
  if (value == "SIG") return {Kind::kWords, signals()};
  if (value.find('|') != value.npos) return {Kind::kWords, choices(value)};
  return {};
}

std::string bash_action(const Value& value) {
  std::string words = "_cluster_leader_words '" + joined(value.words) + '\'';
  switch (value.kind) {
    case Value::Kind::kAnything:
      return ":";
    case Value::Kind::kWords:
      return words;
    case Value::Kind::kUrl:
      return "compopt -o nospace 2>/dev/null; " + words;
    case Value::Kind::kFile:
      return "_cluster_leader_found -f";
    case Value::Kind::kHost:
      return "_cluster_leader_found -A hostname";
    case Value::Kind::kCommand:
      return "_cluster_leader_found -c";
  }
  return {};
}

/// A branch of a case for each verb, and one for each option that has a value.
Places for_bash() {
  Places places;
  for (const VerbRow& verb : verb_rows()) {
    Words options;
    for (const OptionRow& row : option_rows()) {
      if (!row.is_of(verb.verb)) continue;
      const Words names = names_of(row);
      options.insert(options.end(), names.begin(), names.end());
    }
    if (verb.command != VerbRow::Command::kNone) options.emplace_back("--");
    places["verbs"].emplace_back(verb.name);
    places["options"].push_back(std::string(verb.name) + ") _cluster_leader_words '" +
                                joined(options) + "' ;;");
  }
  for (const OptionRow& row : option_rows()) {
    if (!row.wants_word()) continue;
    Words patterns;
    for (const std::string& verb : verbs_of(row)) {
      for (const std::string& name : names_of(row)) {
        patterns.push_back(joined({"'", verb, " ", name, "'"}, ""));
      }
    }
    places["values"].push_back(joined(patterns, " | ") + ") " + bash_action(value_of(row)) + " ;;");
  }
  return places;
}

std::string zsh_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + '\'';
}

std::string zsh_action(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kAnything:
      return " ";
    case Value::Kind::kWords:
      return '(' + joined(value.words) + ')';
    case Value::Kind::kUrl:
      return "_cluster-leader_server";
    case Value::Kind::kFile:
      return "_files";
    case Value::Kind::kHost:
      return "_hosts";
    case Value::Kind::kCommand:
      return "_cmdstring";
  }
  return {};
}

/// What _arguments wants to hear of one name of an option.
std::string zsh_spec(const OptionRow& row, const std::string& name) {
  const bool again = std::holds_alternative<std::vector<std::string> RawOptions::*>(row.target) &&
                     std::any_of(verb_rows().begin(), verb_rows().end(), [&](const VerbRow& verb) {
                       return row.is_of(verb.verb) && takes_many_keys(verb.verb);
                     });
  const bool is_long = name.starts_with("--");
  std::string spec = again ? "*" : '(' + joined(names_of(row)) + ')';
  spec += name;
  if (row.wants_word()) spec += is_long ? "=" : "+";
  if (row.bare != nullptr) spec += "=-";
  spec += '[' + escaped(row.help, "[]\\") + ']';
  if (row.is_flag()) return spec;
  spec += row.bare == nullptr ? ":" : "::";
  return spec + escaped(row.value, ":\\") + ':' + zsh_action(value_of(row));
}

Places for_zsh() {
  Places places;
  for (const VerbRow& verb : verb_rows()) {
    places["verbs"].push_back(zsh_quoted(std::string(verb.name) + ':' + verb.summary));
    Words& options = places["options"];
    options.push_back(std::string(verb.name) + ")");
    options.emplace_back("  options=(");
    for (const OptionRow& row : option_rows()) {
      if (!row.is_of(verb.verb)) continue;
      for (const std::string& name : names_of(row)) {
        options.push_back("    " + zsh_quoted(zsh_spec(row, name)));
      }
      const Value value = value_of(row);
      if (value.kind == Value::Kind::kUrl) places["schemes"] = value.words;
    }
    if (verb.command != VerbRow::Command::kNone) {
      options.emplace_back("    '*:end of the options:(--)'");
    }
    options.emplace_back("  )");
    options.emplace_back("  ;;");
  }
  return places;
}

std::string fish_quoted(std::string_view text) { return '\'' + escaped(text, "\\'") + '\''; }

std::string fish_action(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kAnything:
      return "-x";
    case Value::Kind::kWords:
    case Value::Kind::kUrl:
      return "-xa " + fish_quoted(joined(value.words));
    case Value::Kind::kFile:
      return "-rF";
    case Value::Kind::kHost:
      return "-xa '(__fish_print_hostnames)'";
    case Value::Kind::kCommand:
      return "-xa '(__fish_complete_command)'";
  }
  return {};
}

/// A rule for each verb and for each option.
Places for_fish() {
  Places places;
  Words& rules = places["rules"];
  const std::string begin = "complete -c cluster-leader -n ";
  Words with_command;
  for (const VerbRow& verb : verb_rows()) {
    rules.push_back(begin + "__cluster_leader_has_no_verb -a " + verb.name + " -d " +
                    fish_quoted(verb.summary));
    if (verb.command != VerbRow::Command::kNone) with_command.emplace_back(verb.name);
  }
  for (const OptionRow& row : option_rows()) {
    std::string rule = begin + fish_quoted("__cluster_leader_at " + joined(verbs_of(row)));
    for (const std::string& name : names_of(row)) {
      rule += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (row.wants_word()) rule += ' ' + fish_action(value_of(row));
    rules.push_back(rule + " -d " + fish_quoted(row.help));
  }
  rules.push_back(begin + fish_quoted("__cluster_leader_at " + joined(with_command)) +
                  " -a -- -d 'the command follows'");
  return places;
}

/// A line of a template with what belongs there.
std::string filled(const std::string& line, const Places& places) {
  for (const auto& [name, lines] : places) {
    const std::string mark = '@' + name + '@';
    const std::size_t at = line.find(mark);
    if (at == line.npos) continue;
    const std::size_t indentation = line.find_first_not_of(' ');
    if (line.substr(indentation) != "# " + mark) {
      return line.substr(0, at) + joined(lines) + line.substr(at + mark.size()) + '\n';
    }
    std::string text;
    for (const std::string& each : lines) text.append(indentation, ' ').append(each) += '\n';
    return text;
  }
  return line + '\n';
}

Places places_of(const std::string& shell) {
  if (shell == "bash") return for_bash();
  if (shell == "zsh") return for_zsh();
  if (shell == "fish") return for_fish();
  throw std::runtime_error("no shell that is known: " + shell);
}

void generate(const std::string& shell, const std::string& from, const std::string& to) {
  Places places = places_of(shell);
  places["origin"] = {"# Made from the options of cluster-leader " CLUSTER_LEADER_VERSION
                      " when it was built."};
  std::ifstream in(from);
  std::ofstream out(to);
  std::string line;
  while (std::getline(in, line)) out << filled(line, places);
  out.close();
  if (!in.eof() || !out) throw std::runtime_error("cannot make " + to + " of " + from);
}

}  // namespace
}  // namespace cluster_leader

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::runtime_error("usage: bash|zsh|fish TEMPLATE COMPLETION");
    cluster_leader::generate(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::cerr << "generate-completion: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
