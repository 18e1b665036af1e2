#include "commands/session.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "commands/place.h"

namespace cluster_leader {

namespace {

/// Why `answer` says nothing about the lease, for people; empty if it does.
std::string failure_in(const Answer& answer) {
  if (const auto* young = std::get_if<Young>(&answer)) return describe(*young);
  const auto* failed = std::get_if<Failed>(&answer);
  return failed != nullptr ? failed->text : "";
}

}  // namespace

Session::Session(std::unique_ptr<Store> store, std::string place,
                 std::function<HolderId()> new_holder, Reporter& reporter)
    : store_(std::move(store)),
      place_(std::move(place)),
      new_holder_(std::move(new_holder)),
      reporter_(reporter) {}

std::size_t Session::add(Key key, std::string name, const Supervisor& supervisor) {
  const std::size_t contest = contests_.size();
  contests_.push_back({std::move(name), supervisor, new_holder_(), {}, {}});
  if (store_) {
    [[maybe_unused]] const std::size_t claim = store_->add(std::move(key));
    assert(claim == contest);
    store_->set_holder(contest, contests_[contest].own);
  }
  arm(contest);
  return contest;
}

void Session::stand(std::size_t contest, const Supervisor& supervisor) {
  Contest& c = contests_[contest];
  assert(c.supervisor.phase() == Phase::kDone);
  const Supervisor earlier = std::exchange(c.supervisor, supervisor);
  c.supervisor.number_on_from(earlier);
  c.renewals = 0;
  c.slowest_renewal = {};
  take_new_id(contest);
  arm(contest);
}

void Session::take_new_id(std::size_t contest) {
  Contest& c = contests_[contest];
  c.last_own = std::exchange(c.own, new_holder_());
  store_->set_holder(contest, c.own);
}

void Session::tell(std::size_t contest, const Event& event, Time now, ToDos& rest) {
  Contest& c = contests_[contest];
  const Actions actions = c.supervisor.step(event, now);
  carry_out(contest, actions, now, rest);
  see(contest, after_step(c.leadership, c.supervisor, c.own));
  arm(contest);
}

void Session::carry_out(std::size_t contest, const Actions& actions, Time now, ToDos& rest) {
  for (const Action& action : actions) {
    switch (action.kind) {
      case Action::Kind::kSend:
        store_->send(contest, action.request, now);
        break;
      case Action::Kind::kCancel:
        note_no_answer(contest);
        store_->cancel(contest);
        break;
      case Action::Kind::kAbandon:
        note_no_answer(contest);
        store_->abandon(contest);
        break;
      case Action::Kind::kNewId:
        take_new_id(contest);
        break;
      case Action::Kind::kStartJob:
      case Action::Kind::kStopJob:
      case Action::Kind::kKillJob:
      case Action::Kind::kFinish:
        rest.push_back({contest, action.kind});
        break;
    }
  }
}

void Session::see(std::size_t contest, Leadership leadership) {
  Contest& c = contests_[contest];
  // A token that is only learned later is no change for anybody.
  const bool is_news =
      leadership.standing != c.leadership.standing || leadership.holder != c.leadership.holder;
  c.leadership = std::move(leadership);
  if (is_news) note_change(contest);
}

void Session::note_change(std::size_t contest) {
  if (std::exchange(contests_[contest].has_changed, true)) return;
  changed_.push_back(contest);
}

void Session::repeat_led() {
  for (std::size_t i = 0; i < contests_.size(); ++i) {
    if (contests_[i].leadership.standing == Standing::kLeader) note_change(i);
  }
}

std::optional<std::size_t> Session::next_change() {
  if (next_changed_ == changed_.size()) {
    changed_.clear();
    next_changed_ = 0;
    return std::nullopt;
  }
  const std::size_t contest = changed_[next_changed_++];
  contests_[contest].has_changed = false;
  return contest;
}

void Session::arm(std::size_t contest) {
  Contest& c = contests_[contest];
  const Time at = c.supervisor.wake_at();
  // An entry that comes too early is only looked at in vain; it makes the right one then.
  if (at >= c.armed) return;
  c.armed = at;
  queue_.push({at, contest});
}

void Session::watch(Poller& poller) {
  if (store_) store_->watch(poller);
}

Time Session::wake_at() const {
  const Time supervisors = queue_.empty() ? kNever : queue_.top().at;
  return store_ ? std::min(supervisors, store_->wake_at()) : supervisors;
}

void Session::tick(Time now, ToDos& rest) {
  while (!queue_.empty() && queue_.top().at <= now) {
    const Wake wake = queue_.top();
    queue_.pop();
    Contest& c = contests_[wake.contest];
    if (wake.at != c.armed) continue;
    c.armed = kNever;
    if (c.supervisor.wake_at() <= now) {
      tell(wake.contest, Tick{}, now, rest);
    } else {
      arm(wake.contest);
    }
  }
}

void Session::advance(const Poller& poller, Time now, ToDos& rest) {
  tick(now, rest);
  if (!store_) return;
  store_->advance(poller, now);
  while (const std::optional<StoreEvent> event = store_->next()) {
    if (const auto* answered = std::get_if<Answered>(&event->what)) {
      take_answer(event->claim, *answered, now, rest);
    } else {
      take_notice(event->claim, std::get<Notice>(event->what), now, rest);
    }
  }
}

void Session::take_answer(std::size_t contest, const Answered& answered, Time now, ToDos& rest) {
  Contest& c = contests_[contest];
  if (!c.supervisor.awaits(answered.attempt)) return;
  const Answer& answer = answered.answer;
  const auto* busy = std::get_if<Busy>(&answer);
  const bool is_news = busy != nullptr && busy->holder != c.other;
  note(contest, answer, now);
  tell(contest, answered, now, rest);
  if (busy != nullptr && busy->holder == c.last_own) {
    // A lease that has slipped away from us still stands there for a moment, and nobody leads.
    see(contest, after_answer(c.leadership, c.supervisor, c.own, Busy{{}, busy->retry_after, {}}));
  } else {
    see(contest, after_answer(c.leadership, c.supervisor, c.own, answer));
  }
  if (is_news && c.supervisor.phase() == Phase::kCandidate) {
    reporter_.info(where(contest) + ": waiting; " + describe_holder(c.other));
  }
}

void Session::take_notice(std::size_t contest, const Notice& notice, Time now, ToDos& rest) {
  Contest& c = contests_[contest];
  if (notice.kind == Notice::Kind::kTaken) {
    see(contest, after_taken(c.leadership, c.supervisor, c.own, notice.holder, notice.token));
  }
  // That a key is free is news for candidates, and that somebody else has taken it for its holder;
  // a candidate without an answer, as from a young server, asks again for either reason.
  const bool is_free = notice.kind == Notice::Kind::kFree;
  const bool is_candidate = c.supervisor.phase() == Phase::kCandidate;
  const bool is_in_the_dark = is_candidate && c.supervisor.contact() == Contact::kNone;
  const bool is_news =
      notice.kind == Notice::Kind::kBroken || is_candidate == is_free || is_in_the_dark;
  if (is_news) tell(contest, Hinted{}, now, rest);
  if (notice.kind == Notice::Kind::kFree) {
    see(contest, after_given_back(c.leadership, c.supervisor, c.own, notice.holder));
  }
}

void Session::note(std::size_t contest, const Answer& answer, Time now) {
  Contest& c = contests_[contest];
  const std::string failure = failure_in(answer);
  if (!failure.empty() && c.failure != failure) reporter_.info(where(contest) + ": " + failure);
  c.failure = failure;
  if (const auto* busy = std::get_if<Busy>(&answer)) {
    c.other = busy->holder;
  } else if (const auto* lost = std::get_if<Lost>(&answer)) {
    c.other = lost->holder;
  } else if (const auto* done = std::get_if<Done>(&answer)) {
    c.done = std::make_unique<Done>(*done);
    c.other.value = done->node + '/';
  } else if (std::holds_alternative<Renewed>(answer)) {
    ++c.renewals;
    c.slowest_renewal =
        std::max<Duration>(c.slowest_renewal, now - *c.supervisor.asked_at());
  }
}

void Session::note_no_answer(std::size_t contest) {
  Contest& c = contests_[contest];
  // What failed earlier in the same candidacy says more than that the last attempt ran out of time.
  if (c.failure.empty()) c.failure = "no answer in time (" + store_->stage(contest) + ")";
  reporter_.info(where(contest) + ": " + c.failure);
}

std::string Session::where(std::size_t contest) const {
  return "key " + contests_[contest].name + " at " + place_;
}

}  // namespace cluster_leader
