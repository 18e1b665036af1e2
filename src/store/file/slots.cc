#include "store/file/slots.h"

#include <optional>
#include <utility>
#include <variant>

namespace cluster_leader {

namespace {

/// When the last lease ended, if that is known.
std::optional<Time> end_of_lease(const FileRecord* record, const Moment& moment) {
  if (record == nullptr || record->holder.value.empty()) return std::nullopt;
  if (record->boot_id != moment.boot_id) return std::nullopt;
  return record->until;
}

bool is_held_by(const FoundSlot& slot, const HolderId& holder) {
  return slot.record() != nullptr && slot.record()->holder == holder;
}

/// Whether `one` is a better answer to an acquire than `other`, which is that of an earlier slot.
bool is_better(const Decision& one, const Decision& other) {
  if (std::holds_alternative<Granted>(other.answer)) return false;
  if (std::holds_alternative<Granted>(one.answer)) return true;
  return std::get<Busy>(one.answer).retry_after < std::get<Busy>(other.answer).retry_after;
}

}  // namespace

bool is_free(const FoundSlot& slot, const Moment& moment) {
  return slot.record() == nullptr || time_left(*slot.record(), moment) <= Duration::zero();
}

std::vector<Opening> openings_of(const std::vector<FoundSlot>& slots, const Moment& moment) {
  std::vector<Opening> openings;
  for (const FoundSlot& slot : slots) {
    if (!is_free(slot, moment)) continue;
    const FileRecord* const record = slot.record();
    const Token fence = record != nullptr ? record->fence : Token{};
    openings.push_back({fence, end_of_lease(record, moment), slot.slot});
  }
  return openings;
}

SlotDecision decide_among(const Request& request, const Candidate& candidate,
                          const Candidacy& candidacy, const std::vector<FoundSlot>& slots,
                          const Moment& moment) {
  const auto decide_at = [&](std::size_t index) {
    return decide(request, candidate, candidacy, slots[index].found, moment);
  };
  const bool acquires = request.kind == RequestKind::kAcquire;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    // Its own lease, if the answer to an earlier attempt was lost.
    if (is_held_by(slots[i], candidacy.holder) && (!acquires || !is_free(slots[i], moment))) {
      return {decide_at(i), i};
    }
  }
  SlotDecision best{decide_at(0)};
  if (!acquires) return best;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    Decision decision = i == 0 ? best.decision : decide_at(i);
    const auto* busy = std::get_if<Busy>(&decision.answer);
    if (busy != nullptr) best.rests.push_back(busy->retry_after);
    // What else there is to say concerns the key as a whole.
    const bool is_verdict = busy == nullptr && !std::holds_alternative<Granted>(decision.answer);
    const bool is_parked =
        slots[i].record() != nullptr && is_parked_for(candidate, *slots[i].record());
    const bool is_own = is_parked && busy == nullptr && !is_free(slots[i], moment);
    if (is_verdict || is_own || (i > 0 && is_better(decision, best.decision))) {
      best.decision = std::move(decision);
      best.index = i;
    }
    if (is_verdict || is_own) break;
  }
  return best;
}

}  // namespace cluster_leader
