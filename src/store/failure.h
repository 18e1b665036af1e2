#pragma once

#include <string>
#include <utility>

#include "lease/answer.h"

namespace cluster_leader {

/// `failure` with the name of the server in front that it is about: one of several at a location,
/// or one that the location does not name.
inline Failed from_server(const std::string& name, Failed failure) {
  failure.text.insert(0, name + ": ");
  return failure;
}

}  // namespace cluster_leader
