#include "base/list.h"

#include <algorithm>

namespace cluster_leader {

std::string list_of(const std::vector<std::string>& items, std::size_t most) {
  std::string list;
  const std::size_t named = std::min(items.size(), most);
  for (std::size_t i = 0; i < named; ++i) list += (i == 0 ? "" : ", ") + items[i];
  if (named < items.size()) list += " and " + std::to_string(items.size() - named) + " more";
  return list;
}

}  // namespace cluster_leader
