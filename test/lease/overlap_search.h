#pragma once

#include <cstddef>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace cluster_leader {

/// Visits every state that `begin` can come to, and returns the steps to one in which both jobs
/// run; empty if there is none. `visited`: the number of states. A World has
///
///   struct Step { std::string name; ... take; };   // take(World&)
///   std::vector<Step> steps() const;               // everything that can happen now
///   bool overlaps() const;
///   std::string encode() const;                    // the same for equal states only
template <typename World>
std::string find_overlap(const World& begin, std::size_t* visited = nullptr) {
  struct Node {
    World world;
    std::string path;
  };
  std::unordered_set<std::string> seen;
  std::vector<Node> open = {{begin, ""}};
  std::string found;
  while (!open.empty() && found.empty()) {
    const Node node = std::move(open.back());
    open.pop_back();
    for (const auto& step : node.world.steps()) {
      World next = node.world;
      step.take(next);
      if (!seen.insert(next.encode()).second) continue;
      if (next.overlaps()) found = node.path + step.name + "\n";
      open.push_back({std::move(next), node.path + step.name + "\n"});
    }
  }
  if (visited != nullptr) *visited = seen.size();
  return found;
}

}  // namespace cluster_leader
