#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "options/values.h"

namespace cluster_leader {

/// Whether one of `words` may be an option with one of these names. Others need no definition, and
/// CLI11 takes longer to define all options of `run` than a run takes otherwise to start.
inline bool may_mean(const std::vector<std::string>& words, std::string_view names) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    if (!word.starts_with('-')) return false;
    for (std::size_t at = 0, end = 0; end != names.npos; at = end + 1) {
      end = names.find(',', at);
      const std::string_view name = names.substr(at, end - at);
      const bool is_long = name.starts_with("--");
      if (is_long ? word.starts_with(name) : word.find(name[1]) != word.npos) return true;
    }
    return false;
  });
}

/// Adds options to a verb, each of which is checked and stored as soon as it is read. A value is
/// decoded first; an empty one leaves its option as if it were not given. What `words` cannot mean
/// is left out, and nullptr is returned for it; nothing is left out without `words`.
class Definition {
 public:
  Definition(CLI::App& verb, const std::vector<std::string>* words)
      : verb_(verb), words_(words != nullptr && may_mean(*words, "-h,--help") ? nullptr : words) {}

  /// What is added from now on has this heading in the help.
  void heading(const char* text) { verb_.option_defaults()->group(text); }

  CLI::Option* flag(const char* names, bool& target, const char* help) {
    return is_wanted(names) ? without_value(verb_.add_flag(names, target, help)) : nullptr;
  }
  template <typename T>
  CLI::Option* flag(const char* names, T& target, T meaning, const char* help) {
    if (!is_wanted(names)) return nullptr;
    return without_value(verb_.add_flag_callback(
        names, [&target, meaning] { target = meaning; }, help));
  }
  /// A flag that only has to be given.
  CLI::Option* flag(const char* names, const std::string& help) {
    return is_wanted(names) ? without_value(verb_.add_flag(names, help)) : nullptr;
  }
  void version_flag(const std::string& version) {
    without_value(verb_.set_version_flag("-V,--version", version, "show the version and exit"));
  }
  void help_flags() {
    if (!is_wanted("-h,--help")) return;
    without_value(verb_.add_flag_callback(
        "-h", [] {}, "show a short help and exit"));
    without_value(verb_.set_help_flag("--help", "show all options and exit"));
  }
  /// Has the parser refuse two options together.
  void exclude(const char* one, const char* other) {
    CLI::Option* const option = verb_.get_option_no_throw(one);
    CLI::Option* const excluded = verb_.get_option_no_throw(other);
    if (option != nullptr && excluded != nullptr) option->excludes(excluded);
  }

  template <typename Target, typename T>
  CLI::Option* value(const char* names, Target& target, const Kind<T>& kind, const char* help,
                     const std::function<std::string(std::type_identity_t<T>)>& fault = {}) {
    if (!is_wanted(names)) return nullptr;
    const auto option = std::make_shared<CLI::Option*>();
    *option = verb_.add_option(
        names,
        [option, &target, kind, fault, is_given = false](const CLI::results_t& results) mutable {
          const bool is_list =
              (*option)->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
          if (std::exchange(is_given, true) && !is_list) {
            throw CLI::ValidationError((*option)->get_name() + " is given twice");
          }
          const std::string& text = results.front();
          if (text.empty()) {
            (*option)->clear();
          } else {
            const T value = kind.value((*option)->get_name(), text);
            const std::string wrong = fault ? fault(value) : "";
            if (!wrong.empty()) throw CLI::ValidationError((*option)->get_name(), wrong);
            store(value, target);
          }
          return true;
        },
        help);
    return (*option)->type_name(kind.type)->transform(decoded)->trigger_on_parse();
  }

 private:
  bool is_wanted(const char* names) const { return words_ == nullptr || may_mean(*words_, names); }

  template <typename T, typename Target>
  static void store(const T& value, Target& target) {
    if constexpr (requires { target.push_back(value); }) {
      target.push_back(value);
    } else {
      target = static_cast<Target>(value);
    }
  }

  static CLI::Option* without_value(CLI::Option* flag) {
    return flag->trigger_on_parse()->check(
        [](const std::string& text) { return text == "true" ? "" : "this option takes no value"; });
  }

  CLI::App& verb_;
  const std::vector<std::string>* words_;
};

}  // namespace cluster_leader
