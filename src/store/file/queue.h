#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lease/queue.h"
#include "store/file/record.h"
#include "store/file/slots.h"

namespace cluster_leader {

/// The queue of a key as one JSON object in ASCII; empty if nobody waits. Its times count from the
/// boot of `moment`.
std::string format_queue(const Queue& queue, const Moment& moment);

/// Empty if `text` is no queue, or one from before the boot of `moment`: that costs the order, and
/// nothing else.
Queue parse_queue(std::string_view text, const Moment& moment);

/// What else is true of a candidacy's request, and its place in the queue.
struct Standing {
  const Request& request;
  const Candidate& candidate;
  const Candidacy& candidacy;
  const std::vector<FoundSlot>& slots;
  const Moment& moment;
};

/// Changes what was `decided` without it by the rules of `queue`, and `queue` by that decision.
/// True if whoever is next must be woken although the key has no other holder than before.
bool apply_queue(Queue& queue, SlotDecision& decided, const Standing& standing);

}  // namespace cluster_leader
