#include "store/redis/probe.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "store/redis/info.h"
#include "store/redis/replies.h"

namespace cluster_leader {

namespace {

/// For all of it. A name server may be slower than an attempt, and a check goes on from one to the
/// next.
constexpr Duration kPatience = std::chrono::seconds(2);

}  // namespace

RedisProbe::RedisProbe(const RedisLine& line, Depth depth, Duration patience, Time now)
    : begun_at_(now),
      give_up_at_(now + kPatience),
      patience_(patience),
      peer_(line.peer()),
      line_(line.sibling()) {
  const RedisLocation& location = line.location();
  const bool is_name =
      location.socket_path.empty() && !numeric_address(location.host, location.port);
  if (depth == Depth::kLookUp && peer_ && is_name) {
    resolver_ = std::make_unique<Resolver>(location.host, location.port, now);
    check_addresses(now);
  } else if (depth == Depth::kLookUp && peer_) {
    result_ = SameAddress{};
  } else {
    connect(now);
  }
}

/// Goes on once the name is looked up.
void RedisProbe::check_addresses(Time now) {
  if (!resolver_->result()) return;
  const auto* addresses = std::get_if<std::vector<Address>>(&*resolver_->result());
  const bool is_same = addresses != nullptr &&
                       std::find(addresses->begin(), addresses->end(), *peer_) != addresses->end();
  resolver_.reset();
  if (!is_same) return connect(now);
  result_ = SameAddress{};
}

void RedisProbe::connect(Time now) {
  line_->open(patience_, now);
  handle_events(now);
}

void RedisProbe::watch(Poller& poller) {
  if (result_) return;
  if (resolver_) return resolver_->watch(poller);
  line_->watch(poller);
}

Time RedisProbe::wake_at() const {
  if (result_) return kNever;
  return std::min(give_up_at_, resolver_ ? resolver_->wake_at() : line_->wake_at());
}

void RedisProbe::advance(const Poller& poller, Time now) {
  if (result_) return;
  if (resolver_) {
    resolver_->advance(poller, now);
    check_addresses(now);
  } else {
    line_->advance(poller, now);
    handle_events(now);
  }
  if (!result_ && now >= give_up_at_) {
    result_ = Failed{.trouble = Trouble::kUnreachable,
                     .text = "no answer in time over a new connection (" + describe_stage() + ")"};
  }
}

void RedisProbe::handle_events(Time now) {
  while (const auto event = line_->next()) {
    if (std::holds_alternative<RedisLine::Connected>(*event)) {
      run_id_.reset();
      if (!line_->append(RedisLine::Purpose::kRunId, {"INFO", "server"})) {
        result_ = refused_memory();
      }
    } else if (std::holds_alternative<RedisLine::LoggedIn>(*event)) {
      is_logged_in_ = true;
    } else if (const auto* received = std::get_if<RedisLine::Received>(&*event)) {
      if (received->purpose != RedisLine::Purpose::kRunId) continue;
      // Empty if INFO is refused.
      run_id_ = facts_in(text_of(*received->reply)).run_id;
    } else if (const auto* ended = std::get_if<RedisLine::Ended>(&*event)) {
      if (ended->failure) {
        result_ = *ended->failure;
        return;
      }
      // The server speaks RESP2, and the line knows now.
      line_->close();
      line_->open(patience_, now);
    }
  }
  if (is_logged_in_ && run_id_ && !result_) result_ = Reached{*run_id_};
}

std::string RedisProbe::describe_stage() const {
  return resolver_ ? "looking up " + line_->location().host : line_->describe_stage();
}

}  // namespace cluster_leader
