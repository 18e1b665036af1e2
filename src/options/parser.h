#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "options/options.h"

namespace cluster_leader {

/// The command line of cluster-leader: a subcommand for each verb, whose options are bound to
/// `options`. It is whole without `words`; otherwise only what is needed to parse them is defined,
/// because the rest would cost time. An option is
/// - a flag if get_expected_max() is 0, and has an optional value if get_default_str() is set too;
/// - allowed several times if get_multi_option_policy() is TakeAll.
/// A verb that runs a command has get_prefix_command(). Each value is checked and stored as soon as
/// it is read; an empty one leaves its option as if it were not given.
std::unique_ptr<CLI::App> make_parser(Options& options,
                                      const std::vector<std::string>* words = nullptr);

}  // namespace cluster_leader
