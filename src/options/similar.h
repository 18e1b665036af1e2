#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cluster_leader {

/// Which of `words` somebody meant who wrote `mistyped`: the one that is at most a third of its
/// letters away (a letter added, left out, replaced, or swapped with its neighbour), or the only
/// one that it begins or that begins it. Nothing if none is near enough.
std::optional<std::string> most_similar(const std::string& mistyped,
                                        const std::vector<std::string>& words);

}  // namespace cluster_leader
