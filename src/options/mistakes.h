#pragma once

#include <span>
#include <string>

#include "options/option_table.h"

namespace cluster_leader {

/// What is wrong with words that do not begin with a verb.
std::string about_missing_verb(std::span<const char* const> words);

/// What is wrong with a word that is no option of the verb, and not the value of one.
std::string about_extra(const VerbRow& verb, const std::string& word);

}  // namespace cluster_leader
