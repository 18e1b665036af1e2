#include "lease/claim.h"

namespace cluster_leader {

std::string node_of(const std::string& holder_value) {
  return holder_value.substr(0, holder_value.rfind('/'));
}

}  // namespace cluster_leader
