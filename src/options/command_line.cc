#include "options/command_line.h"

#include <getopt.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "options/mistakes.h"
#include "options/usage_error.h"

namespace cluster_leader {

namespace {

// What getopt_long(3) returns where it found no letter.
constexpr int kEnd = -1;
constexpr int kNoOption = 1;
constexpr int kLong = 256;
constexpr int kNoValue = ':';
constexpr int kWrong = '?';

/// The options of a verb as getopt_long(3) is told of them.
class Known {
 public:
  explicit Known(const VerbRow& verb) {
    for (const OptionRow& row : option_rows()) {
      if (row.is_of(verb.verb)) add(row);
    }
    longs_.push_back({});
  }

  const char* letters() const { return letters_.c_str(); }
  const option* longs() const { return longs_.data(); }

 private:
  void add(const OptionRow& row) {
    const int argument = row.is_flag()      ? no_argument
                         : row.wants_word() ? required_argument
                                            : optional_argument;
    for (const char* name : row.names()) {
      if (name[1] == '-') {
        longs_.push_back({name + 2, argument, nullptr, kLong});
      } else {
        letters_.append(1, name[1]).append(static_cast<std::size_t>(argument), ':');
      }
    }
  }

  /// The dash has words that are no options told in their turn, the colon a value that is missing,
  /// and nothing printed.
  std::string letters_ = "-:";
  std::vector<option> longs_;
};

/// Puts an option where it belongs.
struct Keep {
  const OptionRow& row;
  const char* value;  ///< nullptr if it has none
  bool is_again;
  RawOptions& raw;

  void operator()(bool RawOptions::*flag) const { raw.*flag = true; }
  void operator()(std::string RawOptions::*text) const {
    if (is_again) throw UsageError{row.name() + " must not be given twice"};
    raw.*text = value;
  }
  void operator()(std::vector<std::string> RawOptions::*texts) const {
    (raw.*texts).emplace_back(value);
  }
};

class Reader {
 public:
  explicit Reader(const VerbRow& verb) : verb_(verb) {}

  const RawOptions& raw() const { return raw_; }

  /// Takes what getopt_long(3) `found` in `word`.
  void take(int found, std::string_view word) {
    if (found == kNoOption) throw UsageError{about_extra(verb_, optarg)};
    const std::string name = name_of(found, word);
    // It takes an abbreviation for the whole. That would have another meaning, or none, as soon as
    // there is a new option.
    const OptionRow* const row = find_option(verb_.verb, name);
    if (row == nullptr) throw UsageError{about_extra(verb_, name)};
    if (found == kNoValue) throw UsageError{name + " lacks its value"};
    if (found == kWrong) throw UsageError{name + " takes no value"};
    const bool is_again = std::find(given_.begin(), given_.end(), row) != given_.end();
    if (!is_again) given_.push_back(row);
    std::visit(Keep{*row, optarg != nullptr ? optarg : row->bare, is_again, raw_}, row->target);
  }

 private:
  static std::string name_of(int found, std::string_view word) {
    if (word.starts_with("--")) return std::string(word.substr(0, word.find('=')));
    const bool is_letter = found != kNoValue && found != kWrong;
    return {'-', static_cast<char>(is_letter ? found : optopt)};
  }

  const VerbRow& verb_;
  RawOptions raw_;
  std::vector<const OptionRow*> given_;
};

}  // namespace

RawOptions read_command_line(const VerbRow& verb, std::span<const char* const> words) {
  const Known known(verb);
  const auto count = static_cast<int>(words.size());
  // It writes to none of them where it is not to put them into an order.
  auto* const argv = const_cast<char* const*>(words.data());
  Reader reader(verb);
  std::optional<UsageError> mistake;
  int mistaken = 0;
  optind = 0;
  for (;;) {
    const int at = std::max(optind, 1);
    const int found = ::getopt_long(count, argv, known.letters(), known.longs(), nullptr);
    if (found == kEnd) break;
    // It goes on behind a letter that it does not know, but that may be the value of this one.
    if (at == mistaken) continue;
    try {
      reader.take(found, words[static_cast<std::size_t>(at)]);
    } catch (const UsageError& error) {
      if (!mistake) mistake = error;
      mistaken = at;
      // Behind a command that lacks its "--" stand the options of that command.
      if (found == kNoOption) break;
    }
  }
  if (mistake && !reader.raw().help) throw *mistake;
  return reader.raw();
}

}  // namespace cluster_leader
