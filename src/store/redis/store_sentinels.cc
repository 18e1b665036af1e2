// How a RedisStore follows the Sentinels. What a server answers counts only if a majority of them
// names that server, since an old primary goes on answering for some seconds after another one was
// promoted.
#include <utility>

#include "store/failure.h"
#include "store/redis/store.h"

namespace cluster_leader {

/// A round that begins later than now: in the next watch(). 0 without Sentinels.
std::uint64_t RedisStore::later_round() {
  if (!sentinels_) return 0;
  needed_round_ = sentinels_->round() + 1;
  return needed_round_;
}

void RedisStore::ask_sentinels() {
  if (sentinels_ && needed_round_ > sentinels_->round()) sentinels_->ask(now_);
}

/// Whether a majority has named the server of the line in that round or later.
bool RedisStore::is_named(std::uint64_t round) const {
  if (!sentinels_) return true;
  const auto named = sentinels_->named(round);
  return named && *named == server();
}

/// Names the server in a failure, since the location names only the Sentinels.
Failed RedisStore::at_server(Failed failure) const {
  if (!sentinels_) return failure;
  return from_server(describe(server()), std::move(failure));
}

/// Whether the line leads to where the Sentinels say, or can be made to. REQUIRES: it is not open.
bool RedisStore::knows_server() {
  if (is_named(address_round_)) return true;
  const auto named = sentinels_->named(address_round_);
  if (!named) return false;
  line_ = std::make_unique<RedisLine>(at(location_, *named), RedisLine::Role::kPrimary, asking_);
  if (events_) events_->reconnect(line_->location());
  return true;
}

/// Does what has become possible, or necessary, by the answers of the Sentinels.
void RedisStore::follow_sentinels() {
  if (!sentinels_) return;
  const bool is_elsewhere = sentinels_->named(address_round_) && !is_named(address_round_);
  if (is_elsewhere && line_->stage() != RedisLine::Stage::kClosed) {
    // Requests on it are sent again on the next one, which watch() opens.
    line_->is_open() ? leave_server() : static_cast<void>(line_->close());
    open_at_ = now_;
  }
  if (line_->stage() == RedisLine::Stage::kClosed && has_waiting() && !is_elsewhere) {
    if (auto failure = sentinels_->failure(address_round_)) {
      fail_waiting(waiting_, *std::move(failure));
    }
  }
  finish_held();
}

}  // namespace cluster_leader
