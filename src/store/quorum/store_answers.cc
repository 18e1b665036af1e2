// What a QuorumStore makes of the answers of its servers, and of their silence.
#include <algorithm>
#include <bit>
#include <utility>

#include "store/failure.h"
#include "store/quorum/store.h"

namespace cluster_leader {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How long one server's word that the key is free waits for that of the others.
constexpr Duration kHintPause = milliseconds(20);

/// Between attempts to return a vote to a server that does not answer.
constexpr Duration kShortestReturnPause = milliseconds(100);
constexpr Duration kLongestReturnPause = seconds(5);

/// After a split vote, a pause has to be longer than the others need to return their votes.
constexpr Duration kShortestSplitPause = milliseconds(10);
constexpr Duration kLongestSplitPause = seconds(2);

}  // namespace

void QuorumStore::handle(std::size_t candidacy, std::size_t server, const Answered& answered) {
  Entry& entry = entries_[candidacy];
  Seat& seat = entry.seats[server];
  if (seat.attempt == 0 || answered.attempt != seat.attempt) return;
  seat.attempt = 0;
  const auto* failed = std::get_if<Failed>(&answered.answer);
  is_live_[server] = failed == nullptr || failed->trouble != Trouble::kUnreachable;
  if (is_live_[server]) heard_at_[server] = now_;
  const bool is_release = seat.kind == RequestKind::kRelease || seat.kind == RequestKind::kFinish;
  if (failed == nullptr) {
    seat.may_hold = is_grant(answered.answer) || std::holds_alternative<Renewed>(answered.answer);
  } else if (!failed->unknown && !is_release) {
    seat.may_hold = seat.held_before;
  }
  const bool is_current = seat.step == entry.steps && entry.step != Step::kNone;
  if (is_release && entry.step != Step::kRelease) {
    record_return(candidacy, server, answered.answer);
  } else if (is_current && seat.mark == Mark::kPending) {
    entry.step == Step::kVote ? record_ballot(candidacy, server, answered.answer)
                              : record_answer(candidacy, server, answered.answer);
  } else if (entry.step == Step::kAdopt && !seat.may_hold) {
    // Its vote came late, and was none.
    seat.mark = Mark::kFailed;
  }
  serve(candidacy, server);
  progress(candidacy);
}

/// The answer to the release of a vote.
void QuorumStore::record_return(std::size_t candidacy, std::size_t server, const Answer& answer) {
  Entry& entry = entries_[candidacy];
  Seat& seat = entry.seats[server];
  const auto* failed = std::get_if<Failed>(&answer);
  if (failed == nullptr) {
    seat.return_pause = {};
    if (entry.step == Step::kReturn && seat.mark == Mark::kPending) seat.mark = Mark::kYes;
    return;
  }
  seat.return_pause = std::clamp(2 * seat.return_pause, kShortestReturnPause, kLongestReturnPause);
  seat.return_at = now_ + seat.return_pause;
  if (failed->unknown && seat.holder == entry.holder) entry.is_burnt = true;
  if (seat.mark != Mark::kPending) return;
  seat.mark = Mark::kFailed;
  seat.ballot.kind = Ballot::Kind::kFailed;
  record_failure(entry, server, *failed);
}

void QuorumStore::record_ballot(std::size_t candidacy, std::size_t server, const Answer& answer) {
  Entry& entry = entries_[candidacy];
  Seat& seat = entry.seats[server];
  entry.slowest = std::max<Duration>(entry.slowest, now_ - seat.sent_at);
  seat.mark = Mark::kNo;
  HolderId voted_for;
  if (const auto* voted = std::get_if<Voted>(&answer)) {
    seat.mark = Mark::kYes;
    seat.ballot = {
        .kind = Ballot::Kind::kVote, .fence = voted->fence, .server_ms = voted->server_ms};
  } else if (const auto* busy = std::get_if<Busy>(&answer)) {
    seat.ballot = {.kind = Ballot::Kind::kBusy, .holder = busy->holder, .rest = busy->retry_after};
    seat.other_token = busy->token;
    if (busy->token == Token{}) voted_for = busy->holder;
  } else if (const auto* young = std::get_if<Young>(&answer)) {
    seat.ballot = {.kind = Ballot::Kind::kYoung, .rest = young->rest};
    if (!entry.young) {
      entry.young = *young;
      const std::string name = servers_[server].name + ": ";
      if (young->hidden_because.empty()) {
        entry.young->because = name + cause_of(*young);
      } else {
        entry.young->hidden_because.insert(0, name);
      }
    }
  } else {
    seat.mark = Mark::kFailed;
    seat.ballot = {.kind = Ballot::Kind::kFailed};
    const auto* failed = std::get_if<Failed>(&answer);
    record_failure(
        entry, server,
        failed != nullptr ? *failed : Failed{Trouble::kMisconfigured, "its answer makes no sense"});
  }
  seat.is_stuck = !voted_for.value.empty() && voted_for == seat.voted_for;
  seat.voted_for = std::move(voted_for);
}

void QuorumStore::record_answer(std::size_t candidacy, std::size_t server, const Answer& answer) {
  Entry& entry = entries_[candidacy];
  Seat& seat = entry.seats[server];
  if (const auto* failed = std::get_if<Failed>(&answer)) {
    seat.mark = Mark::kFailed;
    record_failure(entry, server, *failed);
  } else if (const auto* lost = std::get_if<Lost>(&answer)) {
    seat.mark = Mark::kNo;
    seat.ballot.holder = lost->holder;
  } else {
    seat.mark = Mark::kYes;
    const auto* renewed = std::get_if<Renewed>(&answer);
    if (renewed != nullptr && renewed->stop) entry.stop = renewed->stop;
  }
}

/// Keeps the failure that says most: one that cannot pass counts less if another can.
void QuorumStore::record_failure(Entry& entry, std::size_t server, const Failed& failure) {
  if (entry.failure && (!is_permanent(entry.failure->trouble) || is_permanent(failure.trouble))) {
    return;
  }
  entry.failure = from_server(servers_[server].name, failure);
}

void QuorumStore::handle(std::size_t candidacy, std::size_t server, const Notice& notice) {
  Entry& entry = entries_[candidacy];
  const std::uint32_t bit = 1U << server;
  switch (notice.kind) {
    case Notice::Kind::kBroken:
      reports_.notice(candidacy, notice);
      break;
    case Notice::Kind::kTaken:
      if (std::exchange(entry.taker, notice.holder) != notice.holder) entry.taken_on = 0;
      entry.taken_on |= bit;
      if (std::popcount(entry.taken_on) == static_cast<int>(majority())) {
        reports_.notice(candidacy, notice);
      }
      break;
    case Notice::Kind::kFree:
      // The others say the same a little later.
      if (entry.free_on == 0 && !notice.holder.value.empty() && notice.holder == entry.freed) break;
      entry.free_on |= bit;
      entry.freed = notice.holder;
      if (entry.hint_at == kNever) entry.hint_at = now_ + kHintPause;
      if (std::popcount(entry.free_on) >= static_cast<int>(majority())) hint(candidacy);
      break;
  }
}

void QuorumStore::hint(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  entry.free_on = 0;
  entry.hint_at = kNever;
  reports_.notice(candidacy, {Notice::Kind::kFree, entry.freed});
}

// What time does.

void QuorumStore::handle_timers(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  if (now_ >= entry.hint_at) hint(candidacy);
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Seat& seat = entry.seats[server];
    if (seat.attempt != 0 && now_ >= unless_heard(seat.cancel_at, server))
      give_up(candidacy, server);
    serve(candidacy, server);
  }
  progress(candidacy);
}

/// Cancels the request to this server that is in flight, if there is one.
void QuorumStore::give_up(std::size_t candidacy, std::size_t server) {
  Entry& entry = entries_[candidacy];
  Seat& seat = entry.seats[server];
  if (seat.attempt == 0) return;
  const Failed failure{
      .trouble = Trouble::kUnreachable,
      .text = "no answer in time (" + servers_[server].store->stage(candidacy) + ")",
      .unknown = true};
  servers_[server].store->cancel(candidacy);
  const bool is_current = seat.step == entry.steps;
  if (seat.kind == RequestKind::kRelease && seat.holder == entry.holder) entry.is_burnt = true;
  seat.attempt = 0;
  is_live_[server] = false;
  seat.return_pause = std::clamp(2 * seat.return_pause, kShortestReturnPause, kLongestReturnPause);
  seat.return_at = now_ + seat.return_pause;
  if (!is_current || seat.mark != Mark::kPending) return;
  seat.mark = Mark::kSilent;
  seat.ballot.kind = Ballot::Kind::kSilent;
  record_failure(entry, server, failure);
}

/// Servers that have not answered the step in time.
void QuorumStore::leave_out_silent(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  if (now_ < entry.silent_at) return;
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Seat& seat = entry.seats[server];
    if (seat.mark != Mark::kPending || now_ < unless_heard(entry.silent_at, server)) continue;
    seat.mark = Mark::kSilent;
    seat.ballot.kind = Ballot::Kind::kSilent;
    record_failure(entry, server,
                   {.trouble = Trouble::kUnreachable,
                    .text = "no answer in time (" + servers_[server].store->stage(candidacy) + ")",
                    .unknown = true});
  }
}

// Decisions.

void QuorumStore::progress(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  if (entry.step == Step::kNone) return;
  leave_out_silent(candidacy);
  if (entry.step == Step::kVote) return conclude_vote(candidacy);
  const MajorityAnswer majority = majority_now(entry);
  const bool is_pending = std::any_of(entry.seats.begin(), entry.seats.end(),
                                      [](const Seat& seat) { return seat.mark == Mark::kPending; });
  switch (entry.step) {
    case Step::kAdopt:
      if (majority == MajorityAnswer::kYes) return finish(candidacy, Granted{entry.token});
      if (majority != MajorityAnswer::kUndecided) return return_votes(candidacy, split(entry, {}));
      break;
    case Step::kRenew:
      // It is about this lease, whichever server says it. Whoever asks has asked a majority.
      if (majority == MajorityAnswer::kYes) return finish(candidacy, Renewed{entry.stop});
      if (majority == MajorityAnswer::kNo) return finish(candidacy, lost(entry));
      if (majority == MajorityAnswer::kNone) return finish(candidacy, no_majority(entry));
      break;
    case Step::kRelease:
      // All that answer, since the process may end with the answer.
      if (is_pending) break;
      if (majority == MajorityAnswer::kYes) return finish(candidacy, Released{});
      return finish(candidacy, no_majority(entry));
    case Step::kReturn:
      if (!is_pending) return finish(candidacy, std::exchange(entry.result, Failed{}));
      break;
    case Step::kVote:
    case Step::kNone:
      break;
  }
}

MajorityAnswer QuorumStore::majority_now(const Entry& entry) const {
  const auto count = [&](Mark mark) {
    return static_cast<std::size_t>(
        std::count_if(entry.seats.begin(), entry.seats.end(),
                      [&](const Seat& seat) { return seat.mark == mark; }));
  };
  return find_majority(count(Mark::kYes), count(Mark::kNo), count(Mark::kPending), servers_.size());
}

void QuorumStore::conclude_vote(std::size_t candidacy) {
  Entry& entry = entries_[candidacy];
  if (entry.is_alone) {
    const auto first = std::find_if(entry.seats.begin(), entry.seats.end(),
                                    [](const Seat& s) { return s.mark != Mark::kUnasked; });
    if (first->mark == Mark::kPending) return;
    // Somebody else is asking the others now. A vote that stays longer is one that nobody will
    // use, and a lease is one that a majority may have.
    if (!first->voted_for.value.empty() && !first->is_stuck) {
      return return_votes(candidacy, split(entry, first->voted_for));
    }
    ask_rest(candidacy);
  }
  std::vector<Ballot> ballots;
  for (const Seat& seat : entry.seats) ballots.push_back(seat.ballot);
  const Verdict verdict = tally(ballots);
  if (verdict.kind == Verdict::Kind::kUndecided) return;
  if (verdict.kind != Verdict::Kind::kWon) return return_votes(candidacy, defeat(entry, verdict));
  entry.token = verdict.token;
  begin(candidacy, Step::kAdopt);
}

Answer QuorumStore::defeat(Entry& entry, const Verdict& verdict) {
  if (verdict.kind == Verdict::Kind::kSplit) return split(entry, verdict.holder);
  entry.splits = 0;
  entry.backoff.reset();
  if (verdict.kind == Verdict::Kind::kUnreachable) return no_majority(entry);
  if (verdict.kind == Verdict::Kind::kYoung) {
    Young young = *entry.young;
    young.rest = std::max<Duration>(verdict.rest, milliseconds(1));
    return young;
  }
  Busy busy{verdict.holder, std::max<Duration>(verdict.rest, milliseconds(1)), {}};
  for (const Seat& seat : entry.seats) {
    if (seat.ballot.kind != Ballot::Kind::kBusy || seat.ballot.holder != busy.holder) continue;
    busy.token = std::max(busy.token, seat.other_token);
  }
  return busy;
}

/// Nobody has a majority, as after several candidates have asked at the same moment.
Answer QuorumStore::split(Entry& entry, const HolderId& leading) {
  ++entry.splits;
  const Duration shortest = std::max<Duration>(kShortestSplitPause, 2 * entry.slowest);
  Failed failure{.trouble = Trouble::kNotServing,
                 .text = "the servers' votes are split",
                 .retry_after = entry.backoff.next(shortest, kLongestSplitPause),
                 .id_spent = true};
  if (!leading.value.empty()) failure.text += "; " + node_of(leading.value) + " has one too";
  if (entry.failure) failure.text += "; " + entry.failure->text;
  return failure;
}

Failed QuorumStore::no_majority(const Entry& entry) const {
  const auto missing = std::count_if(entry.seats.begin(), entry.seats.end(), [](const Seat& seat) {
    return seat.mark == Mark::kSilent || seat.mark == Mark::kFailed;
  });
  Failed failure = entry.failure.value_or(Failed{Trouble::kNotServing, ""});
  failure.text = "no majority: " + std::to_string(missing) + " of " +
                 std::to_string(servers_.size()) + " servers gave no usable answer" +
                 (failure.text.empty() ? "" : "; " + failure.text);
  failure.unknown = true;
  // What may be left of an acquire is returned.
  failure.id_spent = entry.step == Step::kVote;
  return failure;
}

Lost QuorumStore::lost(const Entry& entry) const {
  std::vector<Ballot> ballots;
  for (const Seat& seat : entry.seats) {
    const bool is_named = seat.mark == Mark::kNo && !seat.ballot.holder.value.empty();
    ballots.push_back({.kind = is_named ? Ballot::Kind::kBusy : Ballot::Kind::kSilent,
                       .holder = seat.ballot.holder});
  }
  return {tally(ballots).holder};
}

/// Gives `result` once every server that has voted for us, or had been about to, has its lock back.
/// One that has not answered gets it back when it does.
void QuorumStore::return_votes(std::size_t candidacy, Answer result) {
  Entry& entry = entries_[candidacy];
  entry.result = std::move(result);
  entry.is_spent = true;
  entry.step = Step::kReturn;
  ++entry.steps;
  entry.is_alone = false;
  entry.silent_at = now_ + limit_;
  for (std::size_t server = 0; server < servers_.size(); ++server) {
    Seat& seat = entry.seats[server];
    seat.mark = seat.attempt == 0 && seat.may_hold ? Mark::kPending : Mark::kUnasked;
    if (seat.mark == Mark::kPending) seat.return_at = now_;
    serve(candidacy, server);
  }
  progress(candidacy);
}

void QuorumStore::finish(std::size_t candidacy, Answer answer) {
  Entry& entry = entries_[candidacy];
  entry.step = Step::kNone;
  end_vote(entry);
  if (std::holds_alternative<Granted>(answer)) {
    entry.splits = 0;
    entry.backoff.reset();
  }
  if (std::exchange(entry.in_flight, false)) {
    reports_.answer(candidacy, entry.request.attempt, std::move(answer));
  }
  arm(candidacy);
}

}  // namespace cluster_leader
