// What the parser of the program's own command line knows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "options/parser.h"
#include "support/manual.h"

namespace cluster_leader {

/// The parser with every option of every verb.
inline const CLI::App& whole_parser() {
  static Options unused;
  static const std::unique_ptr<CLI::App> kParser = make_parser(unused);
  return *kParser;
}

/// Its verbs, in the order of the help.
inline std::vector<const CLI::App*> verbs_of_parser() {
  return whole_parser().get_subcommands(nullptr);
}

/// The names of the verbs.
inline Names verbs() {
  Names names;
  for (const CLI::App* verb : verbs_of_parser()) names.insert(verb->get_name());
  return names;
}

/// Every name that an option of `app` has, with its dashes.
inline Names options_of(const CLI::App& app) {
  Names names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames()) names.insert('-' + name);
    for (const std::string& name : option->get_lnames()) names.insert("--" + name);
  }
  return names;
}

}  // namespace cluster_leader
