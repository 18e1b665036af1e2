// What a RedisStore writes to its connection.
#include <hiredis/hiredis.h>

#include <algorithm>
#include <utility>

#include "store/redis/names.h"
#include "store/redis/replies.h"
#include "store/redis/store.h"

namespace cluster_leader {

namespace {

/// With this many requests on a new connection, the first of each kind is sent with the text of its
/// script, rather than having each of them refused because the server does not know it.
constexpr std::size_t kManyRequests = 10;

/// A release needs only the holder id, which is part of the candidacy.
constexpr Request kReleaseRequest{.kind = RequestKind::kRelease, .token = {}};

}  // namespace

/// Queues everything that has waited for the connection; it is written as one packet with the
/// login.
void RedisStore::append_waiting() {
  const std::vector<Waiting> waiting = std::exchange(waiting_, {});
  const bool teaches = waiting.size() >= kManyRequests;
  // So that the answer does not come after all of theirs.
  if (teaches) ask_run_id();
  for (const Waiting& request : waiting) {
    if (!is_in_flight(request.candidacy, request.attempt)) continue;
    const std::size_t kind = static_cast<std::size_t>(candidacies_[request.candidacy].request.kind);
    append_request(request.candidacy, teaches && taught_at_[kind] == 0 ? By::kText : By::kSha1);
  }
}

void RedisStore::append_request(std::uint32_t candidacy, By by) {
  Entry& entry = candidacies_[candidacy];
  entry.is_without_queue = entry.queue_denied_on == connection_number_;
  const bool ends =
      entry.request.kind == RequestKind::kRelease || entry.request.kind == RequestKind::kFinish;
  if (candidate_.listens && !ends) listen(candidacy);
  // Otherwise the candidate would wait for what it has acquired itself.
  if (takes_lock(entry.request.kind)) append_unreleased(entry);
  append_script(candidacy, entry.request, by, Form::kShort, Purpose::kRequest);
}

/// Subscribes to what the candidacy must hear, unless that was done. With thousands in line, one
/// event for all of them would keep the server and their machines from serving the next one, so
/// they hear only what concerns them. But a client that knows no queue tells everybody, and who is
/// near the front must hear that.
void RedisStore::listen(std::uint32_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  const std::string all = events_channel(entry.candidacy.key);
  // A quorum has no order.
  const RequestKind kind = entry.request.kind;
  const bool is_vote = kind == RequestKind::kVote || kind == RequestKind::kAdopt;
  if (hears_all(candidate_) || is_vote) return subscribe(candidacy, {all}, entry.listening_on);
  subscribe(candidacy, {own_channel(entry.candidacy), waiters_channel(entry.candidacy.key)},
            entry.listening_on);
  // A holder must hear that somebody else has the key, since the server may have lost the lease.
  if (entry.is_near || kind == RequestKind::kRenew || entry.is_own_channel_denied) {
    subscribe(candidacy, {all}, entry.hearing_all_on);
  }
}

/// The user may have the right to the channel of the key only. What concerns us comes there as well
/// if nobody hears our own.
void RedisStore::handle_refused_channel(std::uint32_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  if (hears_all(candidate_) || entry.is_own_channel_denied || !accepts_requests()) return;
  entry.is_own_channel_denied = true;
  listen(candidacy);
  // It may have come before.
  reports_.notice(candidacy, {Notice::Kind::kFree});
}

/// `on`: the connection on which that was done.
void RedisStore::subscribe(std::uint32_t candidacy, std::initializer_list<std::string> channels,
                           std::uint32_t& on) {
  if (line_->login().speaks_resp2()) {
    if (!events_) events_ = std::make_unique<RedisEvents>(line_->location(), asking_);
    for (const std::string& channel : channels) events_->subscribe(candidacy, channel);
  } else if (on != connection_number_) {
    for (const std::string& channel : channels) {
      const std::string_view words[] = {"SUBSCRIBE", channel};
      // If memory is refused, only the timer wakes.
      if (!line_->append(Purpose::kSubscribe, words, candidacy)) return;
    }
    on = connection_number_;
  }
}

/// Releases once more what an acquire may have left behind. Its reply is ignored: the reply to the
/// candidacy's next request comes after it.
void RedisStore::append_unreleased(const Entry& entry) {
  if (!entry.unreleased) return;
  const Candidacy former{entry.candidacy.key, *entry.unreleased};
  Memory memory;
  memory.is_without_queue = entry.queue_denied_on == connection_number_;
  const auto words =
      command_.words(former, kReleaseRequest, By::kText, Form::kFull, /*listens=*/false, memory);
  // If memory is refused, it ends with its ttl.
  if (entry.is_asking && !line_->append(Purpose::kAsking, {"ASKING"})) return;
  static_cast<void>(line_->append(Purpose::kUndo, words));
}

/// Sends a request again that the server has not executed because it did not know the script, or
/// because the script needs more arguments. Nothing was done, so that it is safe.
void RedisStore::append_again(const Received& refused) {
  const Entry& entry = candidacies_[refused.candidacy];
  const Request& request = entry.request;
  // Of many requests that find the server without their script, one teaches it.
  const bool is_known = is_incomplete(*refused.reply) || is_suspect(*refused.reply) ||
                        refused.begin < taught_at_[static_cast<std::size_t>(request.kind)];
  std::optional<KnownServer> server;
  if (entry.says_age) server = age_->at(now_);
  append_script(refused.candidacy, request, is_known ? By::kSha1 : By::kText, Form::kFull,
                Purpose::kRequest, server);
}

/// By its text, since nobody may be there to send it again.
void RedisStore::append_release(std::uint32_t candidacy) {
  candidacies_[candidacy].id_spent = true;
  append_script(candidacy, kReleaseRequest, By::kText, Form::kFull, Purpose::kUndo);
}

void RedisStore::append_script(std::uint32_t candidacy, const Request& request, By by, Form form,
                               Purpose purpose, std::optional<KnownServer> server) {
  Entry& entry = candidacies_[candidacy];
  entry.asked_at = now_;
  // Where nothing is to be learnt from the server, each acquire says it.
  if (age_->is_only_watched() && !server) server = age_->at(now_);
  entry.says_age = server.has_value();
  Memory memory = memory_of(entry);
  memory.is_cluster_node = node_ != nullptr;
  memory.is_without_queue = entry.is_without_queue;
  if (node_ && node_->mark) memory.mark = &*node_->mark;
  entry.says_mark = memory.mark != nullptr;
  // A node to which the slot is being moved cannot have the mark in that slot, and it gives nobody
  // a free key.
  if (takes_lock(request.kind) && !known_.has_noticed_promotion && !entry.is_asking) {
    memory.looks_for_promotion = known_.noticing.value_or(candidacy) == candidacy;
    if (memory.looks_for_promotion) known_.noticing = candidacy;
  }
  // That goes for one command, so that there is no second try by its text.
  if (entry.is_asking) by = By::kText;
  const auto words =
      command_.words(entry.candidacy, request, by, form, candidate_.listens, memory, server);
  const std::uint64_t begin = line_->queued();
  const bool is_queued = !entry.is_asking || line_->append(Purpose::kAsking, {"ASKING"});
  if (!is_queued || !line_->append(purpose, words, candidacy, entry.request.attempt)) {
    Failed failure = refused_memory();
    failure.unknown = failure.id_spent = purpose == Purpose::kUndo;
    return finish(candidacy, std::move(failure));
  }
  must_wait_ |= location_.min_replicas > 0 && purpose == Purpose::kRequest &&
                (request.kind == RequestKind::kAcquire || request.kind == RequestKind::kRenew);
  if (by == By::kText) taught_at_[static_cast<std::size_t>(request.kind)] = begin;
}

/// Has the server say how many replicas have what was queued before. One WAIT is enough for all
/// requests of a packet; what is queued behind it waits as well.
void RedisStore::append_wait() {
  if (!line_->is_open() || !std::exchange(must_wait_, false)) return;
  using std::chrono::milliseconds;
  const auto patience = std::chrono::floor<milliseconds>(patience_ / 2);
  const std::string replicas = std::to_string(location_.min_replicas);
  const std::string ms = std::to_string(std::max(patience, milliseconds(1)).count());
  // If memory is refused, the answers that wait for it are cancelled in time.
  must_wait_ = !line_->append(Purpose::kWait, {"WAIT", replicas, ms});
}

}  // namespace cluster_leader
