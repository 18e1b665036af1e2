#pragma once

#include <cstddef>

#include "lease/election.h"
#include "process/keeper_link.h"

namespace cluster_leader {

/// What the keeper tells the front about one key.
struct StandingNews {
  std::size_t contest = 0;
  Leadership leadership;
  /// A leader leads no longer than this if nothing more is heard; kNever for everybody else.
  Time good_until = kNever;
};

/// The message that says it. A holder id that is too long for one, as no id of ours is, is cut off.
LinkMessage standing_message(std::size_t contest, const Leadership& leadership, Time good_until);

/// What a message of kind kStanding says.
StandingNews standing_news(const LinkMessage& message);

}  // namespace cluster_leader
