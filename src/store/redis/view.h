#pragma once

#include <string>
#include <variant>

#include "lease/answer.h"
#include "lease/candidacy.h"
#include "store/redis/names.h"
#include "store/registry.h"

struct redisReply;

namespace cluster_leader {

/// What inspect.lua has found at a key.
struct Inspected {
  LeaseView view;
  std::string fence;     ///< of the record, byte for byte; empty: none
  bool listens = false;  ///< the holder is itself a subscriber of the channel
};

using Inspection = std::variant<Inspected, Failed>;

/// Reads the script's reply about that lease. A reply that the script cannot have given is a
/// Failed.
Inspection inspected_of(const LeaseName& lease, const redisReply& reply);

}  // namespace cluster_leader
