#include "lease/tally.h"

#include <algorithm>
#include <vector>

namespace cluster_leader {

namespace {

using Kind = Ballot::Kind;

std::size_t count_of(std::span<const Ballot> ballots, Kind kind) {
  return static_cast<std::size_t>(std::count_if(
      ballots.begin(), ballots.end(), [&](const Ballot& ballot) { return ballot.kind == kind; }));
}

std::size_t count_of(std::span<const Ballot> ballots, const HolderId& holder) {
  return static_cast<std::size_t>(std::count_if(
      ballots.begin(), ballots.end(),
      [&](const Ballot& ballot) { return ballot.kind == Kind::kBusy && ballot.holder == holder; }));
}

/// The ballot that names the holder of the most locks; null if none names one.
const Ballot* leading(std::span<const Ballot> ballots) {
  const Ballot* found = nullptr;
  for (const Ballot& ballot : ballots) {
    if (ballot.kind != Kind::kBusy) continue;
    if (found == nullptr || count_of(ballots, ballot.holder) > count_of(ballots, found->holder)) {
      found = &ballot;
    }
  }
  return found;
}

Token new_token(std::span<const Ballot> ballots) {
  Token token;
  for (const Ballot& ballot : ballots) {
    if (ballot.kind != Kind::kVote) continue;
    token.value = std::max({token.value, ballot.fence.value + 1, ballot.server_ms});
  }
  return token;
}

/// The time after which a majority of the servers is free, or all of those that have said when.
Duration rest_of(std::span<const Ballot> ballots) {
  std::vector<Duration> rests;
  for (const Ballot& ballot : ballots) {
    if (ballot.kind == Kind::kVote) rests.push_back({});
    if (ballot.kind == Kind::kBusy || ballot.kind == Kind::kYoung) rests.push_back(ballot.rest);
  }
  if (rests.empty()) return {};
  std::sort(rests.begin(), rests.end());
  return rests[std::min(majority_of(ballots.size()), rests.size()) - 1];
}

/// What it comes to if the candidate cannot win.
Verdict::Kind defeat(std::span<const Ballot> ballots, std::size_t leading_count) {
  const std::size_t need = majority_of(ballots.size());
  const std::size_t votes = count_of(ballots, Kind::kVote);
  const std::size_t young = count_of(ballots, Kind::kYoung);
  const std::size_t pending = count_of(ballots, Kind::kPending);
  const std::size_t answered = votes + young + count_of(ballots, Kind::kBusy);
  if (leading_count >= need) return Verdict::Kind::kBusy;
  if (pending > 0 && answered + pending >= need) return Verdict::Kind::kUndecided;
  if (answered < need) return Verdict::Kind::kUnreachable;
  return young > 0 && votes + young >= need ? Verdict::Kind::kYoung : Verdict::Kind::kSplit;
}

}  // namespace

Verdict tally(std::span<const Ballot> ballots) {
  const std::size_t need = majority_of(ballots.size());
  const std::size_t votes = count_of(ballots, Kind::kVote);
  if (votes >= need) return {.kind = Verdict::Kind::kWon, .token = new_token(ballots)};
  if (votes + count_of(ballots, Kind::kPending) >= need) return {};
  const Ballot* const leader = leading(ballots);
  Verdict verdict;
  verdict.kind = defeat(ballots, leader != nullptr ? count_of(ballots, leader->holder) : 0);
  if (verdict.kind == Verdict::Kind::kUndecided) return {};
  if (leader != nullptr) verdict.holder = leader->holder;
  verdict.rest = rest_of(ballots);
  return verdict;
}

MajorityAnswer find_majority(std::size_t yes, std::size_t no, std::size_t pending,
                             std::size_t servers) {
  const std::size_t need = majority_of(servers);
  if (yes >= need) return MajorityAnswer::kYes;
  if (no >= need) return MajorityAnswer::kNo;
  const bool may_change = yes + pending >= need || no + pending >= need;
  return may_change && pending > 0 ? MajorityAnswer::kUndecided : MajorityAnswer::kNone;
}

}  // namespace cluster_leader
