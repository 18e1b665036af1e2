#include "lease/hash_tag.h"

namespace cluster_leader {

std::string_view hash_tag(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open == key.npos) return key;
  const std::size_t close = key.find('}', open + 1);
  if (close == key.npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

bool has_own_tag(std::string_view key) { return hash_tag(key).size() != key.size(); }

bool can_share_tag(std::string_view key) { return has_own_tag(key) || key.find('}') == key.npos; }

}  // namespace cluster_leader
