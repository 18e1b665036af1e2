#pragma once

#include <cstddef>
#include <cstdint>

#include "lease/election.h"
#include "process/keeper_link.h"

namespace cluster_leader {

/// What the keeper reports to the front about one key.
struct LeadershipNews {
  std::size_t campaign = 0;
  Leadership leadership;
  /// If we lead: until when, without another renewal; otherwise kNever.
  Time good_until = kNever;
  std::uint32_t renewals = 0;  ///< of all terms of this keeper
  Duration slowest_renewal{};  ///< of the present term or, until it is renewed, of the last one
};

/// The message with these news. A holder id or a reason that is too long for a message, which no id
/// of ours is, is cut off.
LinkMessage leadership_message(const LeadershipNews& news);

/// The news in a message. REQUIRES: its kind is kElection.
LeadershipNews leadership_news(const LinkMessage& message);

}  // namespace cluster_leader
