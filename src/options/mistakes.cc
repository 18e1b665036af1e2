#include "options/mistakes.h"

#include <vector>

namespace cluster_leader {

namespace {

/// The name of the option that `word` looks like. Its value stays out of messages: it may be the
/// password that somebody tried to pass.
std::string name_in(const std::string& word) {
  return word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
}

/// "run, elect and doctor".
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

std::string example(const char* verb) {
  return std::string("cluster-leader ") + verb + " --key job-a -- echo hello";
}

}  // namespace

std::string about_missing_verb(std::span<const char* const> words) {
  if (words.empty()) return "there is no verb; write for example " + example("run");
  const std::string word = words.front();
  if (word.size() > 1 && word[0] == '-') {
    return "'" + name_in(word) + "' stands before the verb; write for example " + example("run");
  }
  std::vector<std::string> verbs;
  for (const VerbRow& verb : verb_rows()) verbs.emplace_back(verb.name);
  return "there is no verb '" + word + "'; the verbs are " + listed(verbs);
}

std::string about_extra(const VerbRow& verb, const std::string& word) {
  const std::string see = std::string("; see cluster-leader ") + verb.name + " --help";
  if (word.size() < 2 || word[0] != '-') {
    const std::string what = "'" + word + "' is no option";
    if (verb.command == VerbRow::Command::kNone) return what + see;
    return what + "; the command must stand after '--', as in " + example(verb.name);
  }
  const std::string name = name_in(word);
  std::vector<std::string> others;
  for (const VerbRow& other : verb_rows()) {
    if (find_option(other.verb, name) != nullptr) others.emplace_back(other.name);
  }
  return std::string(verb.name) + " has no option '" + name + "'" +
         (others.empty() ? see : "; it is one of " + listed(others));
}

}  // namespace cluster_leader
