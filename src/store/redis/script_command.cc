#include "store/redis/script_command.h"

#include "store/redis/names.h"
#include "store/redis/scripts.h"

namespace cluster_leader {

namespace {

const Script& script_for(RequestKind kind) {
  switch (kind) {
    case RequestKind::kAcquire:
    case RequestKind::kVote:
      return kAcquireScript;
    case RequestKind::kAdopt:
      return kAdoptScript;
    case RequestKind::kRenew:
      return kRenewScript;
    case RequestKind::kFinish:
      return kFinishScript;
    case RequestKind::kRelease:
      break;
  }
  return kReleaseScript;
}

std::string text_of(std::optional<std::int64_t> number) {
  return number ? std::to_string(*number) : "";
}

std::string in_ms(Duration duration) { return std::to_string(ceil_ms(duration)); }

}  // namespace

ScriptCommand::ScriptCommand(const Candidate& candidate)
    : candidate_(candidate), ttl_(in_ms(candidate.ttl)), pid_(std::to_string(candidate.pid)) {}

std::span<const std::string_view> ScriptCommand::words(const Candidacy& candidacy,
                                                       const Request& request, By by, Form form,
                                                       bool listens, const Memory& memory,
                                                       const std::optional<KnownServer>& server) {
  const Script& script = script_for(request.kind);
  const bool is_own_channel = !hears_all(candidate_) && request.kind != RequestKind::kAdopt;
  const std::string_view listening = !listens ? "" : is_own_channel ? "2" : "1";
  token_ = std::to_string(request.token.value);
  words_.assign(
      {by == By::kSha1 ? "EVALSHA" : "EVAL", by == By::kSha1 ? script.sha1 : script.text});
  add_keys(candidacy, request, memory);
  add({candidacy.holder.value});
  if (request.kind == RequestKind::kRenew) {
    add({ttl_, token_});
    if (form == Form::kShort) return words_;
    add({candidate_.node, candidate_.host, pid_, candidate_.label, candidate_.identity, listening});
    return words_;
  }
  channel_ = request.kind == RequestKind::kVote ? "" : events_channel(candidacy.key);
  add({channel_});
  if (request.kind == RequestKind::kRelease) return words_;
  add({ttl_});
  if (request.kind == RequestKind::kAdopt) {
    add({token_, candidate_.node, candidate_.host, pid_, candidate_.label, candidate_.identity,
         listening});
    return words_;
  }
  if (takes_lock(request.kind)) {
    awaited_ = candidate_.joins ? std::to_string(request.awaited.value) : "";
    add({candidate_.node, candidate_.host, pid_, candidate_.label, candidate_.identity, awaited_,
         listening});
    earliest_ = memory.clock ? std::to_string(memory.clock->earliest_ms) : "";
    latest_ = memory.clock ? std::to_string(memory.clock->latest_ms) : "";
    since_step_ = text_of(memory.ms_since_step);
    since_loss_ = text_of(memory.ms_since_loss);
    add({memory.fences, earliest_, latest_, since_step_, since_loss_,
         memory.looks_for_promotion ? "1" : ""});
    add({memory.mark != nullptr ? std::string_view(memory.mark->replication_id) : "",
         memory.mark != nullptr ? std::string_view(memory.mark->since_ms) : ""});
    const bool yields = candidate_.yields && request.kind == RequestKind::kAcquire;
    era_ = !yields ? "" : request.era ? std::to_string(*request.era) : "?";
    add({era_, candidate_.supersedes ? "1" : "", candidate_.outer});
    if (!server) return words_;
    age_ = std::to_string(server->age_s);
    add({age_, server->replication_id, server->was_replica ? "1" : ""});
    return words_;
  }
  const std::optional<RunResult>& run = request.result ? request.result : request.stopped;
  const RunResult result = run.value_or(RunResult{});
  hold_ = in_ms(candidate_.aftermath.hold);
  once_ = in_ms(candidate_.aftermath.once);
  status_ = run ? std::to_string(result.status) : "";
  started_ = std::to_string(result.started_ms);
  finished_ = std::to_string(result.finished_ms);
  const bool is_parked = parks(candidate_, request);
  const std::string_view parked_for = is_parked ? std::string_view(candidate_.identity) : "";
  add({token_, hold_, parked_for, once_, status_, started_, finished_, candidate_.node,
       request.stopped ? "1" : ""});
  return words_;
}

/// The names of what the script touches, and their number.
void ScriptCommand::add_keys(const Candidacy& candidacy, const Request& request,
                             const Memory& memory) {
  const Key& key = candidacy.key;
  const bool knows_slot =
      request.kind == RequestKind::kRenew || request.kind == RequestKind::kFinish;
  const std::uint32_t slot = knows_slot ? request.slot : 0;
  lock_ = lock_name(key, slot);
  record_ = record_name(key, slot);
  add({"", lock_, record_});
  if (uses_queue(request.kind)) {
    const bool is_without_queue = memory.is_without_queue || request.kind == RequestKind::kVote;
    queue_ = is_without_queue ? record_ : queue_name(key);
    add({queue_});
  }
  if (takes_lock(request.kind) && !memory.is_cluster_node) add({kPromotionMark});
  others_.clear();
  if (takes_lock(request.kind) || request.kind == RequestKind::kRelease) {
    for (std::uint32_t other = 1; other < candidate_.slots; ++other) {
      others_.push_back(lock_name(key, other));
      others_.push_back(record_name(key, other));
    }
  }
  words_.insert(words_.end(), others_.begin(), others_.end());
  keys_ = std::to_string(words_.size() - 3);
  words_[2] = keys_;
}

std::span<const std::string_view> ScriptCommand::words_of_notice(std::string_view mark,
                                                                 std::string_view replication_id,
                                                                 bool was_replica) {
  words_.assign({"EVAL", kNoticeScript.text, "1", mark, replication_id, was_replica ? "1" : ""});
  return words_;
}

void ScriptCommand::add(std::initializer_list<std::string_view> words) {
  words_.insert(words_.end(), words);
}

}  // namespace cluster_leader
