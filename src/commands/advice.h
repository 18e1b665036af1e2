#pragma once

#include <chrono>

#include "commands/reporter.h"
#include "lease/timeline.h"

namespace cluster_leader {

/// Says, to those who want to hear more, what is to be expected of an unusual ttl.
inline void advise_on_ttl(const Timeline& timeline, Reporter& reporter) {
  if (timeline.ttl < std::chrono::seconds(5)) {
    reporter.info("a ttl below 5 s loses leases on short hiccups of the network");
  } else if (timeline.ttl > std::chrono::minutes(1)) {
    reporter.info("a ttl above 60 s makes a failover slow when a machine dies");
  }
}

}  // namespace cluster_leader
