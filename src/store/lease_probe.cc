#include "store/lease_probe.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "base/poller.h"
#include "base/random.h"

namespace cluster_leader {

namespace {

/// One candidacy of a store, with a loop that waits for each answer.
class Candidacyant {
 public:
  Candidacyant(Store& store, const Key& key, const std::string& node, Duration patience)
      : store_(store), patience_(patience), candidacy_(store.add(key)) {
    store_.set_holder(candidacy_, {node + '/' + random_hex_128()});
  }

  Answer ask(RequestKind kind, Token token) {
    const Time begin = BootClock::now();
    const Time end = begin + patience_;
    store_.send(candidacy_, {kind, ++attempt_, token, {}, {}}, begin);
    for (Time now = begin; now < end;) {
      store_.watch(poller_);
      now = poller_.wait(std::min(end, store_.wake_at()));
      store_.advance(poller_, now);
      while (auto event = store_.next()) {
        const auto* answered = std::get_if<Answered>(&event->what);
        if (answered != nullptr && answered->attempt == attempt_) {
          took_ = BootClock::now() - begin;
          return answered->answer;
        }
      }
    }
    const std::string stage = store_.stage(candidacy_);
    store_.cancel(candidacy_);
    return Failed{.trouble = Trouble::kUnreachable,
                  .text = "no answer in time (" + stage + ")",
                  .unknown = true};
  }

  /// How long the last answer took.
  Duration took() const { return took_; }

 private:
  Store& store_;
  Poller poller_;
  const Duration patience_;
  const std::size_t candidacy_;
  std::uint64_t attempt_ = 0;
  Duration took_{};
};

std::optional<Failed> failure_in(const Answer& answer) {
  if (const auto* failed = std::get_if<Failed>(&answer)) return *failed;
  if (const auto* young = std::get_if<Young>(&answer)) {
    return Failed{
        .trouble = Trouble::kNotServing, .text = describe(*young), .retry_after = young->rest};
  }
  if (std::holds_alternative<Granted>(answer) || std::holds_alternative<Renewed>(answer) ||
      std::holds_alternative<Released>(answer)) {
    return std::nullopt;
  }
  return Failed{Trouble::kNotServing, "the server says that an unused key is held"};
}

bool is_silent(const std::optional<Failed>& failure) {
  return failure && failure->trouble == Trouble::kUnreachable;
}

}  // namespace

Key probe_key(const std::string& prefix) {
  return {prefix + "cluster-leader:doctor:" + random_hex_128()};
}

LeaseProbe probe_lease(Store& store, const Key& key, const std::string& node, Duration patience) {
  constexpr int kRenewals = 20;
  LeaseProbe result;
  Candidacyant candidacyant(store, key, node, patience);
  const Answer acquired = candidacyant.ask(RequestKind::kAcquire, {});
  result.not_granted = failure_in(acquired);
  result.is_young = std::holds_alternative<Young>(acquired);
  // A server that does not answer is not asked again.
  if (is_silent(result.not_granted)) result.not_kept = result.not_granted;
  // If nothing is granted yet, a renewal sets the lease nevertheless, as for a holder that the
  // server has forgotten.
  const auto* granted = std::get_if<Granted>(&acquired);
  const Token token = granted != nullptr ? granted->token : Token{wall_clock_ms()};
  // The first one is not measured, since it may have to send the text of the script.
  for (int i = 0; i <= kRenewals && !result.not_kept; ++i) {
    result.not_kept = failure_in(candidacyant.ask(RequestKind::kRenew, token));
    if (i > 0 && !result.not_kept) result.round_trips.push_back(candidacyant.took());
  }
  if (is_silent(result.not_kept)) return result;
  const auto not_released = failure_in(candidacyant.ask(RequestKind::kRelease, token));
  if (!result.not_kept) result.not_kept = not_released;
  return result;
}

}  // namespace cluster_leader
