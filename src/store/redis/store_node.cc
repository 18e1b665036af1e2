// What a RedisStore does if its server is a node of a cluster.
#include <hiredis/hiredis.h>

#include <algorithm>
#include <utility>

#include "store/redis/names.h"
#include "store/redis/replies.h"
#include "store/redis/store.h"

namespace cluster_leader {

std::optional<RedisStore::Redirected> RedisStore::next_redirection() {
  if (node_->redirected.empty()) return std::nullopt;
  const Redirected redirected = std::move(node_->redirected.front());
  node_->redirected.pop_front();
  return redirected;
}

void RedisStore::send_asking(std::size_t candidacy, const Request& request, Time now) {
  start(candidacy, request, now, /*is_asking=*/true);
}

RedisStore::Past RedisStore::past(std::size_t candidacy) const {
  const Entry& entry = candidacies_[candidacy];
  Past past{.fences = entry.fences};
  if (entry.loss) past.loss = std::make_unique<const Loss>(*entry.loss);
  if (entry.unreleased) past.unreleased = std::make_unique<const HolderId>(*entry.unreleased);
  if (entry.id_spent) past.unreleased = std::make_unique<const HolderId>(entry.candidacy.holder);
  return past;
}

void RedisStore::enter(std::size_t candidacy, Past past) {
  Entry& entry = candidacies_[candidacy];
  entry.fences = std::move(past.fences);
  entry.loss = std::move(past.loss);
  entry.unreleased = std::move(past.unreleased);
  entry.id_spent = false;
}

void RedisStore::leave(std::size_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  if (std::exchange(entry.used, false)) --used_;
  if (known_.noticing == candidacy) known_.noticing.reset();
  forget_request(entry);
}

void RedisStore::ask_slots() {
  if (!accepts_requests() || node_->is_asked_for_slots || node_->breaks_at_slots) return;
  node_->is_asked_for_slots = line_->append(Purpose::kSlots, {"CLUSTER", "SLOTS"});
}

std::optional<std::vector<SlotRange>> RedisStore::take_slots() {
  if (!std::exchange(node_->has_news, false)) return std::nullopt;
  return node_->slots;
}

/// Nothing is known about the node at the end of a new connection.
void RedisStore::forget_node() {
  node_->is_asked_for_slots = false;
  node_->slots.reset();
  node_->promoted_id.clear();
  node_->is_notice_sent = false;
  node_->mark.reset();
}

/// Finds out when it was noticed that the node was promoted, which the script could not. Nothing
/// was done.
void RedisStore::handle_unmarked(const Received& received, std::string replication_id) {
  if (node_->mark && node_->mark->replication_id == replication_id) {
    if (candidacies_[received.candidacy].says_mark) {
      return finish(received.candidacy, not_understood());
    }
    // It was sent before that was known.
    return append_again(received);
  }
  node_->unmarked.push_back({received.candidacy, received.attempt});
  // It is under way.
  if (!node_->promoted_id.empty()) return;
  node_->promoted_id = std::move(replication_id);
  node_->was_replica = says_was_replica(*received.reply);
  node_->is_beside_key = node_->is_notice_sent = false;
  if (!node_->slots) ask_slots();
  if (!node_->is_asked_for_slots) append_notice();
}

/// Asks for the mark in the lowest slot of the node, so that all candidates find the same one; if
/// that is not possible, in the slot of a key, which is the node's too.
void RedisStore::append_notice() {
  const auto first =
      std::find_if(node_->unmarked.begin(), node_->unmarked.end(),
                   [&](const Waiting& one) { return is_in_flight(one.candidacy, one.attempt); });
  if (first == node_->unmarked.end()) {
    node_->unmarked.clear();
    node_->promoted_id.clear();
    return;
  }
  std::uint16_t slot = slot_of(candidacies_[first->candidacy].candidacy.key.value);
  std::optional<std::uint16_t> lowest;
  if (node_->slots && !node_->is_beside_key) lowest = lowest_slot_beside(slot, *node_->slots);
  node_->is_beside_key = !lowest;
  const std::string mark = std::string(kPromotionMark) + ':' + tag_for(lowest.value_or(slot));
  node_->is_notice_sent = line_->append(
      Purpose::kNotice, command_.words_of_notice(mark, node_->promoted_id, node_->was_replica));
  if (node_->is_notice_sent) return;
  node_->promoted_id.clear();
  fail_waiting(node_->unmarked, refused_memory());
}

void RedisStore::handle_notice(const redisReply& reply) {
  const auto since = noticed_in(reply);
  // Its slot may just have become another node's, or be on its way there.
  if (!since && !node_->is_beside_key) {
    node_->is_beside_key = true;
    return append_notice();
  }
  node_->is_notice_sent = false;
  std::string replication_id = std::exchange(node_->promoted_id, {});
  if (!since) {
    const std::string_view error = text_of(reply);
    const bool is_moving = redirection_in(error, server()).has_value();
    const Failed failure =
        error.empty() ? not_understood() : failure_of_request(is_moving ? "TRYAGAIN" : error);
    return fail_waiting(node_->unmarked, failure);
  }
  node_->mark = {std::move(replication_id), *since};
  for (const Waiting& waiting : std::exchange(node_->unmarked, {})) {
    if (!is_in_flight(waiting.candidacy, waiting.attempt)) continue;
    append_script(waiting.candidacy, candidacies_[waiting.candidacy].request, By::kSha1,
                  Form::kShort, Purpose::kRequest);
  }
}

/// Whether `received` was a reply that only a node of a cluster gives; it is dealt with then.
bool RedisStore::handle_as_node(const Received& received) {
  const redisReply& reply = *received.reply;
  const bool is_error = reply.type == REDIS_REPLY_ERROR;
  const std::string_view code = is_error ? error_code(text_of(reply)) : std::string_view();
  node_->is_out_of_service =
      code == "CLUSTERDOWN" || code == "MASTERDOWN" || code == "READONLY" || code == "LOADING";
  const auto to = redirection_in(is_error ? text_of(reply) : std::string_view(), server());
  Entry& entry = candidacies_[received.candidacy];
  const bool is_moving = code == "TRYAGAIN" || (to && !to->is_for_good);
  if (is_moving && uses_queue(entry.request.kind) && !entry.is_without_queue) {
    // While a slot is moved, its node runs no script that names a key that is not there, as the
    // queue is not if nobody waits. Redis 6 sends us to the other node even if the rest is here.
    entry.is_without_queue = true;
    append_again(received);
    return true;
  }
  // A replica accepts connections here, which its promotion does not break.
  if (to || node_->is_out_of_service) age_->watch_from(now_);
  if (to) {
    if (known_.noticing == received.candidacy) known_.noticing.reset();
    entry.in_flight = false;
    node_->redirected.push_back({received.candidacy, received.attempt, *to});
    return true;
  }
  if (auto id = unmarked_in(reply)) {
    handle_unmarked(received, *std::move(id));
    return true;
  }
  return false;
}

void RedisStore::handle_slots(const redisReply& reply) {
  node_->is_asked_for_slots = false;
  node_->slots = slots_in(reply, server());
  node_->has_news = true;
  if (!node_->promoted_id.empty() && !node_->is_notice_sent) append_notice();
}

}  // namespace cluster_leader
