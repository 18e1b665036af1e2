#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>

#include "options/options.h"

namespace cluster_leader {

/// Writes the help of the program and of each verb: what it does, its usage, and a table for each
/// heading.
class HelpFormatter : public CLI::Formatter {
 public:
  /// `arguments` is what the usage line has after the name.
  explicit HelpFormatter(std::string arguments) : arguments_(std::move(arguments)) {}

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;

 private:
  std::string arguments_;
};

/// The rows of the manual's EXIT STATUS that `verb` may end with, for machines that have only the
/// binary. `otherwise` is how it ends when nothing failed.
std::string exit_statuses(Options::Verb verb, const std::string& otherwise);

}  // namespace cluster_leader
