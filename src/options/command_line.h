#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace cluster_leader {

/// Has `parser` (make_parser) read the words before "--". Returns the text to show if they ask for
/// help, whatever else is wrong with them, or for the version. Throws CLI::ParseError about the
/// first mistake. No message has the value of an unknown option, which may be a password.
std::optional<std::string> parse_words(CLI::App& parser, std::vector<std::string> words);

/// A value as the user wrote it: what CLI11 would take for syntax is hidden from it by NUL bytes,
/// which no word of a command line can have.
std::string decoded(std::string text);

}  // namespace cluster_leader
