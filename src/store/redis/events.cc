#include "store/redis/events.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace cluster_leader {

namespace {

using std::chrono::seconds;

/// For all addresses of the server together; and for the login and each packet of subscriptions.
constexpr Duration kPatience = seconds(1);
constexpr Duration kPatienceForAnswers = seconds(5);

/// After a connection that failed: an event that is missed costs less than a server that is asked
/// all the time.
constexpr Duration kPause = seconds(1);

}  // namespace

RedisEvents::RedisEvents(RedisLocation location, Duration asking)
    : asking_(asking),
      line_(std::make_unique<RedisLine>(std::move(location), RedisLine::Role::kAny, asking)) {}

void RedisEvents::subscribe(std::uint32_t candidacy, const std::string& channel) {
  if (known_.insert(channel).second) channels_.emplace_back(candidacy, channel);
}

void RedisEvents::reconnect(const RedisLocation& location) {
  close();
  line_ = std::make_unique<RedisLine>(location, RedisLine::Role::kAny, asking_);
  open_at_ = Time::min();
}

void RedisEvents::watch(Poller& poller, Time now) {
  now_ = now;
  if (line_->stage() == RedisLine::Stage::kClosed && now >= open_at_) {
    line_->open(kPatience, now);
    give_up_at_ = now + kPatience + kPatienceForAnswers;
  }
  append_subscriptions();
  line_->watch(poller);
}

Time RedisEvents::wake_at() const {
  if (line_->stage() == RedisLine::Stage::kClosed) return open_at_;
  return std::min(line_->wake_at(), give_up_at_);
}

void RedisEvents::advance(const Poller& poller, Time now) {
  now_ = now;
  line_->advance(poller, now);
  if (line_->stage() == RedisLine::Stage::kClosed || now < give_up_at_) return;
  open_at_ = now + kPause;
  close();
}

void RedisEvents::close() {
  line_->close();
  is_logged_in_ = false;
  give_up_at_ = kNever;
}

std::optional<RedisEvents::Event> RedisEvents::next() {
  while (auto event = line_->next()) {
    if (auto* received = std::get_if<RedisLine::Received>(&*event)) {
      if (received->purpose == RedisLine::Purpose::kMessage) return std::move(received->reply);
      if (++confirmed_ == appended_) give_up_at_ = kNever;
      if (received->reply->type == REDIS_REPLY_ERROR) return Refused{received->candidacy};
      return Subscribed{received->candidacy};
    } else if (const auto* ended = std::get_if<RedisLine::Ended>(&*event)) {
      // Without a failure, the line has found out that the server speaks RESP2.
      if (ended->failure) open_at_ = now_ + kPause;
      close();
    } else if (std::holds_alternative<RedisLine::LoggedIn>(*event)) {
      is_logged_in_ = true;
      appended_ = confirmed_ = 0;
      give_up_at_ = kNever;
      append_subscriptions();
    }
  }
  return std::nullopt;
}

void RedisEvents::append_subscriptions() {
  for (; is_logged_in_ && appended_ < channels_.size(); ++appended_) {
    const auto& [candidacy, channel] = channels_[appended_];
    const std::string_view words[] = {"SUBSCRIBE", channel};
    // If memory is refused, the next turn tries again.
    if (!line_->append(RedisLine::Purpose::kSubscribe, words, candidacy)) return;
    give_up_at_ = now_ + kPatienceForAnswers;
  }
}

}  // namespace cluster_leader
