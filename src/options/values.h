#pragma once

#include <CLI/Error.hpp>
#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/signal_names.h"
#include "options/duration.h"

namespace cluster_leader {

/// "run, elect or doctor", where `before_last` is "or".
inline std::string listed(const std::vector<std::string>& words, const std::string& before_last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? ' ' + before_last + ' ' : ", ";
    text += words[i];
  }
  return text;
}

/// A kind of value that an option or a variable may have.
template <typename T>
struct Kind {
  std::string type;  ///< stands for the value in the help
  std::string what;  ///< what a text of another kind is not: "a number from 1 to 65535"
  std::function<std::optional<T>(const std::string&)> read;  ///< nothing: of another kind

  /// The value of `text`. Throws CLI::ValidationError about the option or variable `name`.
  T value(const std::string& name, const std::string& text) const {
    if (std::optional<T> value = read(text)) return *std::move(value);
    throw CLI::ValidationError(name, '\'' + text + "' is not " + what);
  }
};

inline Kind<std::string> any_text(const char* type) {
  return {type, "", [](const std::string& text) { return text; }};
}

inline Kind<Duration> any_duration() {
  return {"D", "a valid duration (10s, 1500ms, 2m, 1h30m, up to 1000d)", parse_duration};
}

inline Kind<int> any_signal() { return {"SIG", "a signal", signal_number}; }

/// Digits without anything around them, at most a minus.
inline Kind<int> number(const char* type, int least, int most) {
  return {type, "a number from " + std::to_string(least) + " to " + std::to_string(most),
          [=](const std::string& text) {
            int value = 0;
            const char* const last = text.data() + text.size();
            const auto [end, error] = std::from_chars(text.data(), last, value);
            const bool is_valid =
                error == std::errc() && end == last && value >= least && value <= most;
            return is_valid ? std::optional(value) : std::nullopt;
          }};
}

/// One of some words, each of which means something.
template <typename T>
Kind<T> word(const std::vector<std::pair<std::string, T>>& meanings) {
  std::vector<std::string> words;
  std::string type;
  for (const auto& [word, meaning] : meanings) {
    type += (type.empty() ? "" : "|") + word;
    words.push_back(word);
  }
  return {type, listed(words, "or"), [=](const std::string& text) {
            const auto found = std::find(words.begin(), words.end(), text);
            return found == words.end() ? std::nullopt
                                        : std::optional(meanings[found - words.begin()].second);
          }};
}

/// A program and its arguments, which blanks separate.
inline Kind<std::vector<std::string>> program() {
  return {"CMD", "a program and its arguments", [](const std::string& text) {
            constexpr const char* kBlanks = " \t\n";
            std::vector<std::string> words;
            for (std::size_t at = text.find_first_not_of(kBlanks); at != text.npos;) {
              const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
              words.push_back(text.substr(at, end - at));
              at = text.find_first_not_of(kBlanks, end);
            }
            return words.empty() ? std::nullopt : std::optional(words);
          }};
}

}  // namespace cluster_leader
