#include "options/command_line.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "options/parser.h"
#include "options/similar.h"
#include "options/values.h"

namespace cluster_leader {

namespace {

constexpr char kHide = '\0';
constexpr const char* kExample = " --key job-a -- echo hello";

/// CLI11 takes "--ttl=" for an option whose value is the next word, "--json=true" and "--json={}"
/// for "--json", "-5" for an argument, the rest of "-n-q" for "--q", and "++" for the end of a
/// subcommand.
std::string encoded(std::string word) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto hide = [&](std::size_t at) { word.insert(at, 1, kHide); };
  if (word == "++") {
    hide(0);
  } else if (word.starts_with("--")) {
    if (const std::size_t equals = word.find('='); equals != word.npos) hide(equals + 1);
    if (word.size() > 2 && !is_letter(word[2])) hide(2);
  } else if (word.starts_with('-')) {
    for (std::size_t at = word.size(); --at > 0;) {
      if (!is_letter(word[at])) hide(at);
    }
  }
  return word;
}

/// The name of the option that an encoded word looks like.
std::string name_in(const std::string& word) {
  return word.starts_with("--") ? decoded(word.substr(0, word.find('=')))
                                : decoded(word).substr(0, 2);
}

bool looks_like_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

std::string about_missing_verb(const CLI::App& parser, const std::vector<std::string>& words) {
  if (words.empty()) {
    return std::string("a verb is missing, as in cluster-leader run") + kExample;
  }
  const std::string& word = words.front();
  if (looks_like_option(word)) {
    return "'" + name_in(word) + "' must come after a verb, as in cluster-leader run" + kExample;
  }
  std::vector<std::string> verbs;
  for (const CLI::App* verb : parser.get_subcommands({})) verbs.push_back(verb->get_name());
  const std::string text = "there is no verb '" + word + "'; ";
  if (const auto meant = most_similar(word, verbs)) return text + "did you mean '" + *meant + "'?";
  return text + "the verbs are " + listed(verbs, "and");
}

/// Whether a flag that may be undefined is given.
bool is_asked(const CLI::App& app, const char* flag) {
  const CLI::Option* const option = app.get_option_no_throw(flag);
  return option != nullptr && option->get_callback_run();
}

/// What to do about `name`, which is no option of `verb`.
std::string advice_on(const CLI::App& verb, const std::string& name, const std::string& see) {
  std::vector<std::string> others;
  std::vector<std::string> own;
  Options unused;
  const auto parser = make_parser(unused);
  for (const CLI::App* other : std::as_const(*parser).get_subcommands(nullptr)) {
    if (other->get_option_no_throw(name) != nullptr) others.push_back(other->get_name());
    if (other->get_name() != verb.get_name()) continue;
    for (const CLI::Option* option : other->get_options()) {
      for (const std::string& each : option->get_lnames()) own.push_back("--" + each);
    }
  }
  if (!others.empty()) return "; it belongs to " + listed(others, "and");
  if (name.starts_with("--pass")) {
    return "; no option takes a password: set REDIS_PASSWORD, or use --password-file";
  }
  const auto meant = name.starts_with("--") ? most_similar(name, own) : std::nullopt;
  return meant ? "; did you mean '" + *meant + "'?" : see;
}

/// What is wrong if, before the unexpected word `extra`, an option has another one for its value,
/// as in "--key --once 5".
std::optional<std::string> about_swallowed(const CLI::App& verb,
                                           const std::vector<std::string>& words,
                                           const std::string& extra) {
  for (std::size_t i = 0; i + 1 < words.size() && words[i + 1] != extra; ++i) {
    const CLI::Option* const option = verb.get_option_no_throw(words[i]);
    const bool takes_word = option != nullptr && option->get_expected_max() > 0;
    if (takes_word && looks_like_option(words[i + 1]) &&
        verb.get_option_no_throw(words[i + 1]) != nullptr) {
      return words[i] + " requires a value, and '" + words[i + 1] + "' was taken as its value";
    }
  }
  return std::nullopt;
}

/// What is wrong with an encoded word that is neither an option of the verb nor the value of one;
/// `words` are all.
std::string about_extra(const CLI::App& verb, const std::string& word,
                        const std::vector<std::string>& words) {
  if (const auto swallowed = about_swallowed(verb, words, decoded(word))) return *swallowed;
  const std::string see = "; see cluster-leader " + verb.get_name() + " --help";
  if (!looks_like_option(word)) {
    const std::string what = "unexpected argument '" + decoded(word) + "'";
    if (!verb.get_prefix_command()) return what + see;
    return what + "; put the command after '--', as in cluster-leader " + verb.get_name() +
           kExample;
  }
  const std::string name = name_in(word);
  return verb.get_name() + " has no option '" + name + "'" + advice_on(verb, name, see);
}

std::string about_excluded(const CLI::App& verb) {
  for (const CLI::Option* one : verb.get_options()) {
    for (const CLI::Option* other : one->get_excludes()) {
      if (one->count() > 0 && other->count() > 0) {
        return one->get_name() + " and " + other->get_name() + " cannot be combined";
      }
    }
  }
  return {};
}

/// The option whose value should follow the last word.
std::string about_missing_value(const std::string& last_word) {
  const bool is_long = last_word.starts_with("--");
  return (is_long ? last_word : std::string{'-', last_word.back()}) + " requires a value";
}

/// Parses `rest`, whose first word is at its end. Returns the first mistake and leaves in `rest`
/// what CLI11 has not read because of it.
std::optional<std::string> parse_rest(CLI::App& parser, std::vector<std::string>& rest,
                                      const std::vector<std::string>& words) {
  std::optional<std::string> mistake;
  std::vector<std::string> unread;
  try {
    parser.parse(rest);
  } catch (const CLI::Success&) {
    // Help or the version is asked for, which parse_words sees.
  } catch (const CLI::ArgumentMismatch&) {
    mistake = about_missing_value(words.empty() ? "" : words.back());
  } catch (const CLI::ExtrasError&) {
    mistake = about_extra(*parser.get_subcommands().front(), rest.back(), words);
  } catch (const CLI::ExcludesError&) {
    mistake = about_excluded(*parser.get_subcommands().front());
  } catch (const CLI::ParseError& error) {
    mistake = error.what();
    unread = std::move(rest);
  }
  rest = std::move(unread);
  for (const CLI::App* verb : parser.get_subcommands()) {
    // These came before anything that was thrown.
    if (const auto extras = verb->remaining(); !extras.empty()) {
      mistake = about_extra(*verb, extras.front(), words);
    }
  }
  return mistake;
}

}  // namespace

std::optional<std::string> parse_words(CLI::App& parser, std::vector<std::string> words) {
  const auto is_first = [&](const CLI::App* verb) { return verb->check_name(words.front()); };
  const bool has_verb = !words.empty() && !std::as_const(parser).get_subcommands(is_first).empty();
  // Without a verb, what follows may be the options of a command.
  if (!has_verb) words.resize(std::min<std::size_t>(words.size(), 1));
  std::vector<std::string> rest;
  std::transform(words.rbegin(), words.rend(), std::back_inserter(rest), encoded);
  std::optional<std::string> first_mistake;
  do {
    const auto mistake = parse_rest(parser, rest, words);
    if (!first_mistake) first_mistake = mistake;
    const CLI::App& app = has_verb ? *parser.get_subcommands().front() : parser;
    if (is_asked(app, "--version")) return parser.version();
    if (is_asked(app, "--help")) return parser.help("", CLI::AppFormatMode::All);
    if (is_asked(app, "-h")) return parser.help("", CLI::AppFormatMode::Normal);
    if (!has_verb) throw CLI::ValidationError(about_missing_verb(parser, words));
    // A mistake does not keep help from being asked for further on.
    if (!rest.empty()) rest.push_back(words.front());
  } while (!rest.empty());
  if (first_mistake) throw CLI::ValidationError(*first_mistake);
  return {};
}

std::string decoded(std::string text) {
  std::erase(text, kHide);
  return text;
}

}  // namespace cluster_leader
