// Writes the completion for a shell: a template whose places are filled with what the program's own
// parser knows, so that no option can be missing or differ. A place is "@NAME@" in a line, or a
// comment "# @NAME@" on a line of its own.
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
#include "options/parser.h"

namespace cluster_leader {
namespace {

using Words = std::vector<std::string>;

/// The lines for each place of a template.
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

/// The verbs, with all of their options.
std::vector<const CLI::App*> verbs() {
  static Options unused;
  static const std::unique_ptr<CLI::App> kParser = make_parser(unused);
  return std::as_const(*kParser).get_subcommands(nullptr);
}

Words names_of(const CLI::Option& option) {
  Words names;
  for (const std::string& name : option.get_snames()) names.push_back('-' + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

bool is_flag(const CLI::Option& option) {
  return option.get_expected_max() == 0 && option.get_default_str().empty();
}

/// Whether the next word is the value of the option.
bool takes_word(const CLI::Option& option) { return option.get_expected_max() > 0; }

bool is_list(const CLI::Option& option) {
  return option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

Words signals() {
  Words names;
  for (int signo = 1; signo < SIGRTMIN; ++signo) {
    // The C library reserves some for itself, which have no names.
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

/// How the URLs in a help text begin.
Words schemes(std::string_view help) {
  Words found;
  for (std::size_t at = 0; (at = help.find("://", at)) != help.npos;) {
    const std::size_t begin = help.find_last_of(" ,", at) + 1;
    at = help.find_first_not_of('/', at + 1);
    found.emplace_back(help.substr(begin, at - begin));
  }
  return found;
}

/// What the value of an option may be: one of `words`, or something that the shell knows.
struct Value {
  enum class Kind { kAnything, kWords, kUrl, kFile, kHost, kCommand };
  Kind kind = Kind::kAnything;
  Words words;
};

/// Goes by the value's placeholder in the help.
Value value_of(const CLI::Option& option) {
  using Kind = Value::Kind;
  const std::string value = option.get_type_name();
  if (value == "PATH") return {Kind::kFile, {}};
  if (value == "HOST") return {Kind::kHost, {}};
  if (value == "CMD") return {Kind::kCommand, {}};
  if (value == "URL") return {Kind::kUrl, schemes(option.get_description())};
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
  for (const CLI::App* verb : verbs()) {
    const std::string& verb_name = verb->get_name();
    Words words;
    for (const CLI::Option* option : verb->get_options()) {
      const Words names = names_of(*option);
      words.insert(words.end(), names.begin(), names.end());
      if (!takes_word(*option)) continue;
      Words patterns;
      for (const std::string& name : names)
        patterns.push_back(joined({"'", verb_name, " ", name, "'"}, ""));
      places["values"].push_back(joined(patterns, " | ") + ") " + bash_action(value_of(*option)) +
                                 " ;;");
    }
    if (verb->get_prefix_command()) words.emplace_back("--");
    places["verbs"].push_back(verb_name);
    places["options"].push_back(verb_name + ") _cluster_leader_words '" + joined(words) + "' ;;");
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

/// One name of an option as _arguments expects it.
std::string zsh_spec(const CLI::Option& option, const std::string& name) {
  std::string spec = is_list(option) ? "*" : '(' + joined(names_of(option)) + ')';
  spec += name;
  if (takes_word(option)) {
    spec += name.starts_with("--") ? "=" : "+";
  } else if (!is_flag(option)) {
    spec += "=-";
  }
  spec += '[' + escaped(option.get_description(), "[]\\") + ']';
  if (is_flag(option)) return spec;
  spec += takes_word(option) ? ":" : "::";
  return spec + escaped(option.get_type_name(), ":\\") + ':' + zsh_action(value_of(option));
}

Places for_zsh() {
  Places places;
  for (const CLI::App* verb : verbs()) {
    places["verbs"].push_back(zsh_quoted(verb->get_name() + ':' + verb->get_description()));
    Words& lines = places["options"];
    lines.push_back(verb->get_name() + ")");
    lines.emplace_back("  options=(");
    for (const CLI::Option* option : verb->get_options()) {
      for (const std::string& name : names_of(*option)) {
        lines.push_back("    " + zsh_quoted(zsh_spec(*option, name)));
      }
      const Value value = value_of(*option);
      if (value.kind == Value::Kind::kUrl) places["schemes"] = value.words;
    }
    if (verb->get_prefix_command()) lines.emplace_back("    '*:end of the options:(--)'");
    lines.emplace_back("  )");
    lines.emplace_back("  ;;");
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
  for (const CLI::App* verb : verbs()) {
    const std::string at = begin + fish_quoted("__cluster_leader_at " + verb->get_name());
    rules.push_back(begin + "__cluster_leader_has_no_verb -a " + verb->get_name() + " -d " +
                    fish_quoted(verb->get_description()));
    for (const CLI::Option* option : verb->get_options()) {
      std::string rule = at;
      for (const std::string& name : names_of(*option)) {
        rule += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (takes_word(*option)) rule += ' ' + fish_action(value_of(*option));
      rules.push_back(rule + " -d " + fish_quoted(option->get_description()));
    }
    if (verb->get_prefix_command()) rules.push_back(at + " -a -- -d 'the command follows'");
  }
  return places;
}

/// A line of a template, with its places filled.
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
  throw std::runtime_error("unknown shell: " + shell);
}

void generate(const std::string& shell, const std::string& from, const std::string& to) {
  Places places = places_of(shell);
  places["origin"] = {"# Generated from the options of cluster-leader " CLUSTER_LEADER_VERSION "."};
  std::ifstream in(from);
  std::ofstream out(to);
  std::string line;
  while (std::getline(in, line)) out << filled(line, places);
  out.close();
  if (!in.eof() || !out) throw std::runtime_error("cannot write " + to + " from " + from);
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
