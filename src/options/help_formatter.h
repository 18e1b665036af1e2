#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "options/verbs.h"

namespace cluster_leader {

/// Writes the help of the program and of each verb: what it does, its usage, the options of every
/// day and three examples. That is the short help (AppFormatMode::Normal); the complete one (All)
/// has the other options and the exit statuses as well. Lines fit the terminal, else 80 columns.
class HelpFormatter : public CLI::Formatter {
 public:
  /// Of `row`'s verb; of the program if that is null.
  explicit HelpFormatter(const VerbRow* row) : row_(row) {}

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;

 private:
  const VerbRow* row_;
};

}  // namespace cluster_leader
