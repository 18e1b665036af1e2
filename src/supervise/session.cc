#include "supervise/session.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace cluster_leader {

namespace {

/// Why `answer` does not say who has the lease, as a message; empty if it does.
std::string failure_in(const Answer& answer) {
  if (const auto* young = std::get_if<Young>(&answer)) return describe(*young);
  const auto* failed = std::get_if<Failed>(&answer);
  return failed != nullptr ? failed->text : "";
}

}  // namespace

Session::Session(std::unique_ptr<Store> store, ServerName server,
                 std::function<HolderId()> new_holder, Reporter& reporter)
    : store_(std::move(store)),
      server_(std::move(server)),
      new_holder_(std::move(new_holder)),
      reporter_(reporter) {}

std::size_t Session::add(Key key, std::string name, const Supervisor& supervisor) {
  const std::size_t campaign = campaigns_.size();
  campaigns_.push_back({std::move(name), supervisor, new_holder_(), {}, {}});
  if (store_) {
    [[maybe_unused]] const std::size_t candidacy = store_->add(std::move(key));
    assert(candidacy == campaign);
    store_->set_holder(campaign, campaigns_[campaign].own);
  }
  arm(campaign);
  return campaign;
}

void Session::begin_term(std::size_t campaign, const Supervisor& supervisor) {
  Campaign& c = campaigns_[campaign];
  assert(c.supervisor.phase() == Phase::kDone);
  const Supervisor earlier = std::exchange(c.supervisor, supervisor);
  c.supervisor.continue_numbers_of(earlier);
  c.renewals_before += std::exchange(c.renewals, 0);
  c.slowest_before = std::exchange(c.slowest_renewal, {});
  c.stop.reset();
  renew_id(campaign);
  arm(campaign);
}

void Session::renew_id(std::size_t campaign) {
  Campaign& c = campaigns_[campaign];
  c.last_own = std::exchange(c.own, new_holder_());
  store_->set_holder(campaign, c.own);
}

void Session::step(std::size_t campaign, const Event& event, Time now, ToDos& rest) {
  Campaign& c = campaigns_[campaign];
  const Actions actions = c.supervisor.step(event, now);
  carry_out(campaign, actions, now, rest);
  update(campaign, after_step(c.leadership, c.supervisor, c.own));
  arm(campaign);
}

void Session::carry_out(std::size_t campaign, const Actions& actions, Time now, ToDos& rest) {
  for (const Action& action : actions) {
    switch (action.kind) {
      case Action::Kind::kSend:
        store_->send(campaign, action.request, now);
        break;
      case Action::Kind::kCancel:
        record_no_answer(campaign);
        store_->cancel(campaign);
        break;
      case Action::Kind::kAbandon:
        record_no_answer(campaign);
        store_->abandon(campaign);
        break;
      case Action::Kind::kLeave:
        store_->abandon(campaign);
        break;
      case Action::Kind::kNewId:
        renew_id(campaign);
        break;
      case Action::Kind::kStartJob:
      case Action::Kind::kStopJob:
      case Action::Kind::kKillJob:
      case Action::Kind::kDone:
        rest.push_back({campaign, action.kind});
        break;
    }
  }
}

void Session::update(std::size_t campaign, Leadership leadership) {
  Campaign& c = campaigns_[campaign];
  // A token that becomes known later changes nothing for anybody.
  const bool is_news =
      leadership.state != c.leadership.state || leadership.holder != c.leadership.holder;
  c.leadership = std::move(leadership);
  if (is_news) mark_changed(campaign);
}

void Session::mark_changed(std::size_t campaign) {
  if (std::exchange(campaigns_[campaign].has_changed, true)) return;
  changed_.push_back(campaign);
}

void Session::repeat_led() {
  for (std::size_t i = 0; i < campaigns_.size(); ++i) {
    if (campaigns_[i].leadership.state == ElectionState::kLeader) mark_changed(i);
  }
}

std::optional<std::size_t> Session::next_change() {
  if (next_changed_ == changed_.size()) {
    changed_.clear();
    next_changed_ = 0;
    return std::nullopt;
  }
  const std::size_t campaign = changed_[next_changed_++];
  campaigns_[campaign].has_changed = false;
  return campaign;
}

void Session::arm(std::size_t campaign) {
  Campaign& c = campaigns_[campaign];
  const Time at = c.supervisor.wake_at();
  // An entry that is too early does no harm: tick() replaces it by the right one.
  if (at >= c.armed) return;
  c.armed = at;
  queue_.push({at, campaign});
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
    Campaign& c = campaigns_[wake.campaign];
    if (wake.at != c.armed) continue;
    c.armed = kNever;
    if (c.supervisor.wake_at() <= now) {
      step(wake.campaign, Tick{}, now, rest);
    } else {
      arm(wake.campaign);
    }
  }
}

void Session::advance(const Poller& poller, Time now, ToDos& rest) {
  tick(now, rest);
  if (!store_) return;
  store_->advance(poller, now);
  while (const std::optional<StoreEvent> event = store_->next()) {
    if (const auto* answered = std::get_if<Answered>(&event->what)) {
      handle(event->candidacy, *answered, now, rest);
    } else {
      handle(event->candidacy, std::get<Notice>(event->what), now, rest);
    }
  }
}

void Session::handle(std::size_t campaign, const Answered& answered, Time now, ToDos& rest) {
  Campaign& c = campaigns_[campaign];
  if (!c.supervisor.awaits(answered.attempt)) return;
  const Answer& answer = answered.answer;
  const auto* busy = std::get_if<Busy>(&answer);
  const bool was_follower = c.leadership.state == ElectionState::kFollower;
  const bool is_news =
      busy != nullptr && (c.supervisor.is_shared() ? !was_follower : busy->holder != c.other);
  const bool is_new_failure = record(campaign, answer, now);
  step(campaign, answered, now, rest);
  if (is_new_failure) {
    const bool waits =
        std::holds_alternative<Young>(answer) && c.supervisor.phase() == Phase::kCandidate;
    reporter_.info(describe_failure(campaign) + (waits ? "; waiting" : ""));
  }
  if (busy != nullptr && busy->holder == c.last_own && !c.supervisor.is_shared()) {
    // The key still has the id of a lease that we have lost, for a moment: nobody leads.
    update(campaign,
           after_answer(c.leadership, c.supervisor, c.own, Busy{{}, busy->retry_after, {}}));
  } else {
    update(campaign, after_answer(c.leadership, c.supervisor, c.own, answer));
  }
  warn_of_hidden_age(campaign, answer);
  if (is_news && c.supervisor.phase() == Phase::kCandidate) {
    reporter_.info(describe(campaign) + ": waiting; " +
                   (c.supervisor.is_shared() ? kAllSlotsTaken : describe_holder(c.other)));
  }
}

/// Warns, once, that each candidate waits because the server does not say how old it is: with one
/// more right it would not.
void Session::warn_of_hidden_age(std::size_t campaign, const Answer& answer) {
  const auto* young = std::get_if<Young>(&answer);
  const bool waits = campaigns_[campaign].supervisor.phase() == Phase::kCandidate;
  if (young == nullptr || young->hidden_because.empty() || !waits) return;
  if (!std::exchange(warned_of_hidden_age_, true)) reporter_.warning(describe_failure(campaign));
}

void Session::handle(std::size_t campaign, const Notice& notice, Time now, ToDos& rest) {
  Campaign& c = campaigns_[campaign];
  if (notice.kind == Notice::Kind::kTaken) {
    update(campaign,
           after_acquisition(c.leadership, c.supervisor, c.own, notice.holder, notice.token));
  }
  // That a key is free matters to candidates, and that somebody has taken it to its holder. A
  // candidate without an answer, as from a young server, asks again for either reason.
  const bool is_free = notice.kind == Notice::Kind::kFree;
  const bool is_candidate = c.supervisor.phase() == Phase::kCandidate;
  const bool has_no_answer = is_candidate && c.supervisor.contact() == Contact::kNone;
  const bool is_news =
      notice.kind == Notice::Kind::kBroken || is_candidate == is_free || has_no_answer;
  if (is_news) step(campaign, Hinted{notice.delay}, now, rest);
  if (notice.kind == Notice::Kind::kFree) {
    update(campaign, after_release(c.leadership, c.supervisor, c.own, notice.holder));
  }
}

bool Session::record(std::size_t campaign, const Answer& answer, Time now) {
  Campaign& c = campaigns_[campaign];
  const std::string failure = failure_in(answer);
  const bool is_news = !failure.empty() && c.failure != failure;
  c.failure = failure;
  if (const auto* busy = std::get_if<Busy>(&answer)) {
    // Of several holders none is the one in the way.
    c.other = c.supervisor.is_shared() ? HolderId{} : busy->holder;
  } else if (const auto* lost = std::get_if<Lost>(&answer)) {
    c.other = lost->holder;
  } else if (const auto* superseded = std::get_if<Superseded>(&answer)) {
    c.other.value = superseded->node + '/';
  } else if (const auto* done = std::get_if<Done>(&answer)) {
    c.done = std::make_unique<Done>(*done);
    c.other.value = done->node + '/';
  } else if (const auto* renewed = std::get_if<Renewed>(&answer)) {
    if (renewed->stop && !c.stop) c.stop = std::make_unique<StopRequest>(*renewed->stop);
    ++c.renewals;
    c.slowest_renewal = std::max<Duration>(c.slowest_renewal, now - *c.supervisor.asked_at());
  }
  return is_news;
}

void Session::record_no_answer(std::size_t campaign) {
  Campaign& c = campaigns_[campaign];
  // An earlier failure says more than that the last attempt timed out.
  if (c.failure.empty()) c.failure = "no answer in time (" + store_->stage(campaign) + ")";
  reporter_.info(describe_failure(campaign));
}

std::string Session::describe(std::size_t campaign) const {
  return describe_key(campaigns_[campaign].name, server_);
}

std::string Session::describe_failure(std::size_t campaign) const {
  const Campaign& c = campaigns_[campaign];
  return cluster_leader::describe_failure(c.name, server_, c.failure);
}

}  // namespace cluster_leader
