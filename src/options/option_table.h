#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "options/options.h"
#include "options/raw_options.h"

namespace cluster_leader {

/// What a verb is called, and what its help says.
struct VerbRow {
  enum class Command : std::uint8_t { kNone, kMay, kMust };

  Options::Verb verb;
  const char* name;
  const char* arguments;    ///< what stands behind the name in its usage line
  const char* summary;      ///< what it does, in a sentence
  const char* exit_status;  ///< how it ends when nothing failed
  Command command;          ///< whether one may stand behind "--"
};

/// A set of verbs: one bit for each.
using Verbs = std::uint8_t;
constexpr Verbs bit_of(Options::Verb verb) {
  return static_cast<Verbs>(1U << static_cast<unsigned>(verb));
}

/// An option: how it is written, who has it, where its text goes. All that is said about options
/// anywhere comes from here. A verb has no two rows with the same name; two verbs may each have a
/// row of their own where the same option means something else to them.
struct OptionRow {
  /// A flag; an option that has one value; one that may be given again and again.
  using Target = std::variant<bool RawOptions::*, std::string RawOptions::*,
                              std::vector<std::string> RawOptions::*>;
  /// Its names with their dashes, the short one first: "-w", "--wait", "--timeout". What is left
  /// is nullptr.
  using Spellings = std::array<const char*, 3>;

  Verbs verbs;
  Spellings spellings;
  const char* value;  ///< stands for it in help: "D", "text|json"; empty for a flag
  Target target;
  const char* group;           ///< under which help shows it
  const char* help;            ///< what it does, its default, and its variables in brackets
  const char* bare = nullptr;  ///< the value where there is only the name; nullptr: it needs one

  bool is_of(Options::Verb verb) const { return (verbs & bit_of(verb)) != 0; }
  bool is_flag() const { return std::holds_alternative<bool RawOptions::*>(target); }
  /// Whether the next word is its value, unless that stands in the same word.
  bool wants_word() const { return !is_flag() && bare == nullptr; }
  /// All of its names.
  std::span<const char* const> names() const;
  /// The long name that stands first: what messages call it.
  std::string name() const;
};

/// In the order in which they are shown.
std::span<const VerbRow> verb_rows();
std::span<const OptionRow> option_rows();

/// Whether a verb is there for any number of keys.
constexpr bool takes_many_keys(Options::Verb verb) {
  return verb == Options::Verb::kElect || verb == Options::Verb::kStatus;
}

/// The verb of that name; nullptr if there is none.
const VerbRow* find_verb(std::string_view name);

/// The option of `verb` with that name, "--wait" or "-w"; nullptr if there is none.
const OptionRow* find_option(Options::Verb verb, std::string_view name);

}  // namespace cluster_leader
