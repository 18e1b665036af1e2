#include "store/redis/registry.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "store/redis/names.h"
#include "store/redis/replies.h"
#include "store/redis/scripts.h"

namespace cluster_leader {

namespace {

using Command = RedisCaller::Command;
using Replies = RedisCaller::Replies;

/// How many keys are inspected at once: enough to make the network's delay irrelevant, few enough
/// to block other clients of the server for a millisecond at most.
constexpr std::size_t kBatch = 100;

/// How many keys SCAN examines in one step.
constexpr const char* kScanCount = "1000";

/// How often an eviction is tried again because the lease has changed in the meantime.
constexpr int kMostChanges = 20;

Command inspect_command(const char* verb, std::string_view script, const LeaseName& lease) {
  return {verb,
          std::string(script),
          "3",
          lock_name(lease.key, lease.slot),
          record_name(lease.key, lease.slot),
          queue_name(lease.key)};
}

Command find_command(const char* verb, std::string_view script, const Key& key) {
  Command command = {verb, std::string(script), std::to_string(2 * (kMaxSlots - 1))};
  for (std::uint32_t slot = 1; slot < kMaxSlots; ++slot) {
    command.push_back(lock_name(key, slot));
    command.push_back(record_name(key, slot));
  }
  return command;
}

/// Adds those slots of `key` that the reply to find_command() names. None if it is an error: a user
/// may have no right to them, and nobody finds them all while the key is being moved to another
/// node.
void add_slots(const redisReply& reply, const Key& key, std::vector<LeaseName>& leases) {
  if (reply.elements == 0 || text_of(*reply.element[0]) != "slots") return;
  for (std::size_t i = 1; i < reply.elements; ++i) {
    const redisReply& slot = *reply.element[i];
    const bool is_one = slot.type == REDIS_REPLY_INTEGER && slot.integer > 0;
    if (!is_one || slot.integer >= kMaxSlots) continue;
    leases.push_back({key, static_cast<std::uint32_t>(slot.integer)});
  }
}

/// Where the commands that run our scripts name the record and the queue.
constexpr std::size_t kRecord = 4;
constexpr std::size_t kQueue = 5;

bool is_missing_script(const redisReply& reply) {
  return reply.type == REDIS_REPLY_ERROR && error_code(text_of(reply)) == "NOSCRIPT";
}

bool is_denied(const redisReply& reply) {
  return reply.type == REDIS_REPLY_ERROR && error_code(text_of(reply)) == "NOPERM";
}

std::variant<LeaseView, Failed> view_of(Inspection inspection) {
  if (auto* failed = std::get_if<Failed>(&inspection)) return std::move(*failed);
  return std::get<Inspected>(std::move(inspection)).view;
}

/// Where the next SCAN continues; nothing if `reply` cannot be a SCAN's.
std::optional<std::string> cursor_of(const redisReply& reply) {
  if (reply.elements != 2 || reply.element[1]->type != REDIS_REPLY_ARRAY) return std::nullopt;
  const std::string_view cursor = text_of(*reply.element[0]);
  constexpr std::size_t kLongestCursor = 20;
  if (cursor.empty() || cursor.size() > kLongestCursor) return std::nullopt;
  return std::string(cursor);
}

/// The number of subscribers of each channel in `reply`, in their order; nothing if it is unknown,
/// since asking needs a right of its own.
std::vector<std::optional<std::int64_t>> subscribers_of(const redisReply& reply,
                                                        std::size_t count) {
  std::vector<std::optional<std::int64_t>> subscribers(count);
  if (reply.elements != 2 * count) return subscribers;
  for (std::size_t i = 0; i < count; ++i) {
    const redisReply& number = *reply.element[2 * i + 1];
    if (number.type == REDIS_REPLY_INTEGER && number.integer >= 0) subscribers[i] = number.integer;
  }
  return subscribers;
}

/// The script that does this to a lease that was inspected, and what it answers once it has.
std::pair<const Script&, std::string_view> script_for(Evicted::Kind kind) {
  if (kind == Evicted::Kind::kForgotten) return {kForgetScript, "forgotten"};
  if (kind == Evicted::Kind::kAsked) return {kAskScript, "asked"};
  return {kEvictScript, "released"};
}

}  // namespace

std::variant<Listing, Failed> RedisRegistry::list(const std::string& prefix, Duration patience) {
  const Time deadline = BootClock::now() + kLongestList * patience;
  const auto leases = scan(prefix, patience, deadline);
  if (const auto* failed = std::get_if<Failed>(&leases)) return *failed;
  auto shown = show_until(std::get<Leases>(leases), patience, deadline);
  if (auto* listing = std::get_if<Listing>(&shown)) drop_free_keys(*listing);
  return shown;
}

std::variant<Listing, Failed> RedisRegistry::show(std::span<const Key> keys, Duration patience) {
  const Time deadline = BootClock::now() + kLongestList * patience;
  Leases leases;
  while (!keys.empty()) {
    const auto batch = keys.first(std::min(kBatch, keys.size()));
    keys = keys.subspan(batch.size());
    auto found = find(batch, std::min(deadline, BootClock::now() + patience));
    if (auto* failed = std::get_if<Failed>(&found)) return std::move(*failed);
    const auto& some = std::get<Leases>(found);
    leases.insert(leases.end(), some.begin(), some.end());
  }
  auto shown = show_until(leases, patience, deadline);
  if (auto* listing = std::get_if<Listing>(&shown)) drop_free_slots(*listing);
  return shown;
}

/// The leases of `keys`: slot 0 of each, and others that are or have been in use.
std::variant<RedisRegistry::Leases, Failed> RedisRegistry::find(std::span<const Key> keys,
                                                                Time deadline) {
  // In a quorum, no key has any.
  const bool has_others = waiters_ == Waiters::kQueued;
  std::vector<Command> commands;
  for (const Key& key : keys) {
    // The first one makes the script known to the server.
    commands.push_back(commands.empty() ? find_command("EVAL", kFindScript.text, key)
                                        : find_command("EVALSHA", kFindScript.sha1, key));
  }
  std::variant<Replies, Failed> answered;
  if (has_others) answered = call(std::move(commands), deadline);
  if (auto* failed = std::get_if<Failed>(&answered)) return std::move(*failed);
  Leases leases;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    leases.push_back({keys[i]});
    if (!has_others) continue;
    ReplyPtr& reply = std::get<Replies>(answered)[i];
    // The first one was refused before the server knew the script, or SCRIPT FLUSH came in between.
    if (is_missing_script(*reply)) {
      auto second = call_script(find_command("EVAL", kFindScript.text, keys[i]), deadline);
      if (auto* failed = std::get_if<Failed>(&second)) return std::move(*failed);
      reply = std::get<ReplyPtr>(std::move(second));
    }
    // Whoever may not read the others sees the first slot only, and so does everybody while a node
    // of a cluster has only some of them, since the key is being moved.
    add_slots(*reply, keys[i], leases);
  }
  return leases;
}

std::variant<Listing, Failed> RedisRegistry::show_until(std::span<const LeaseName> leases,
                                                        Duration patience, Time deadline) {
  Listing listing;
  while (!leases.empty()) {
    const auto batch = leases.first(std::min(kBatch, leases.size()));
    leases = leases.subspan(batch.size());
    auto inspected = inspect(batch, std::min(deadline, BootClock::now() + patience));
    if (auto* failed = std::get_if<Failed>(&inspected)) return std::move(*failed);
    for (Inspection& inspection : std::get<std::vector<Inspection>>(inspected)) {
      add_to(listing, view_of(std::move(inspection)));
    }
  }
  return listing;
}

std::variant<RedisRegistry::Leases, Failed> RedisRegistry::scan(const std::string& prefix,
                                                                Duration patience, Time deadline) {
  // SCAN may name one several times.
  std::set<std::pair<std::string, std::uint32_t>> names;
  std::string cursor = "0";
  do {
    const Command command = {"SCAN", cursor, "MATCH", records_pattern(prefix), "COUNT", kScanCount};
    const Time now = BootClock::now();
    if (now > deadline - patience) {
      return Failed{Trouble::kUnreachable, "listing its keys takes too long"};
    }
    auto answered = call_one(command, now + patience);
    if (auto* failed = std::get_if<Failed>(&answered)) return std::move(*failed);
    const redisReply& reply = *std::get<ReplyPtr>(answered);
    if (reply.type == REDIS_REPLY_ERROR) return failure_of_request(text_of(reply));
    const auto next = cursor_of(reply);
    if (!next) return not_understood();
    cursor = *next;
    const redisReply& found = *reply.element[1];
    for (std::size_t i = 0; i < found.elements; ++i) {
      const auto lease = lease_of_record(text_of(*found.element[i]));
      if (lease && lease->key.value.starts_with(prefix)) {
        names.emplace(lease->key.value, lease->slot);
      }
    }
  } while (cursor != "0");
  Leases leases;
  leases.reserve(names.size());
  for (const auto& [key, slot] : names) leases.push_back({{key}, slot});
  return leases;
}

/// Calls, behind ASKING if that is necessary, and notices that a key is not here.
std::variant<Replies, Failed> RedisRegistry::call(std::vector<Command> commands, Time deadline) {
  redirection_.reset();
  is_moving_key_ = false;
  if (is_asking_) {
    std::vector<Command> asking;
    for (Command& command : commands) {
      asking.push_back({"ASKING"});
      asking.push_back(std::move(command));
    }
    commands = std::move(asking);
  }
  auto answered = caller_.call(commands, deadline);
  auto* const replies = std::get_if<Replies>(&answered);
  if (replies == nullptr) return answered;
  if (is_asking_) {
    Replies kept;
    for (std::size_t i = 1; i < replies->size(); i += 2) kept.push_back(std::move((*replies)[i]));
    *replies = std::move(kept);
  }
  for (const ReplyPtr& reply : *replies) {
    if (reply->type != REDIS_REPLY_ERROR) continue;
    if (!redirection_) redirection_ = redirection_in(text_of(*reply), endpoint_);
    is_moving_key_ |= error_code(text_of(*reply)) == "TRYAGAIN";
  }
  return answered;
}

std::variant<ReplyPtr, Failed> RedisRegistry::call_one(Command command, Time deadline) {
  std::vector<Command> commands;
  commands.push_back(std::move(command));
  auto answered = call(std::move(commands), deadline);
  if (auto* failed = std::get_if<Failed>(&answered)) return std::move(*failed);
  return std::move(std::get<Replies>(answered).front());
}

/// Calls a script of ours. While the slot of its key is being moved, no node runs a script that
/// names a key that is not there, as the queue is not if nobody waits; and a user may have no right
/// to the queue. Then it does without.
std::variant<ReplyPtr, Failed> RedisRegistry::call_script(Command command, Time deadline) {
  auto answered = call_one(command, deadline);
  const auto* reply = std::get_if<ReplyPtr>(&answered);
  if (reply == nullptr || !(is_slot_moving() || is_denied(**reply))) return answered;
  command[kQueue] = command[kRecord];
  return call_one(std::move(command), deadline);
}

std::variant<std::vector<SlotRange>, Failed> RedisRegistry::slots(Duration patience) {
  const auto answered = call_one({"CLUSTER", "SLOTS"}, BootClock::now() + patience);
  if (const auto* failed = std::get_if<Failed>(&answered)) {
    // After the login, the answer was larger than any reply that we read.
    const bool is_too_large = failed->unknown && failed->trouble == Trouble::kMisconfigured;
    if (is_too_large) return std::vector<SlotRange>();
    return *failed;
  }
  return slots_in(*std::get<ReplyPtr>(answered), endpoint_);
}

/// Inspects `leases`, in one packet.
std::variant<std::vector<Inspection>, Failed> RedisRegistry::inspect(
    std::span<const LeaseName> leases, Time deadline) {
  std::vector<Command> commands;
  for (const LeaseName& lease : leases) {
    // The first one makes the script known to the server.
    commands.push_back(commands.empty() ? inspect_command("EVAL", kInspectScript.text, lease)
                                        : inspect_command("EVALSHA", kInspectScript.sha1, lease));
  }
  const bool counts_subscribers = waiters_ == Waiters::kSubscribed;
  if (counts_subscribers) {
    commands.push_back({"PUBSUB", "NUMSUB"});
    for (const LeaseName& lease : leases) commands.back().push_back(events_channel(lease.key));
  }
  auto answered = call(std::move(commands), deadline);
  if (auto* failed = std::get_if<Failed>(&answered)) return std::move(*failed);
  auto& replies = std::get<Replies>(answered);
  const auto subscribers = subscribers_of(*replies.back(), leases.size());

  std::vector<Inspection> inspections;
  for (std::size_t i = 0; i < leases.size(); ++i) {
    // SCRIPT FLUSH has just made the server forget it. Keys that are being moved are asked for one
    // by one.
    const bool is_moving = is_slot_moving() && leases.size() == 1;
    if (is_missing_script(*replies[i]) || is_denied(*replies[i]) || is_moving) {
      auto second = call_script(inspect_command("EVAL", kInspectScript.text, leases[i]), deadline);
      if (auto* failed = std::get_if<Failed>(&second)) return std::move(*failed);
      replies[i] = std::get<ReplyPtr>(std::move(second));
    }
    inspections.push_back(inspected_of(leases[i], *replies[i]));
    auto* one = std::get_if<Inspected>(&inspections.back());
    if (one != nullptr && counts_subscribers) {
      one->view.waiters = subscribers[i];
      if (one->listens && one->view.waiters > 0) --*one->view.waiters;
    }
  }
  return inspections;
}

/// Inspects `lease` without who waits for it, which needs rights of its own.
Inspection RedisRegistry::inspect(const LeaseName& lease, Time deadline) {
  Command command = inspect_command("EVAL", kInspectScript.text, lease);
  command[kQueue] = command[kRecord];
  const auto answered = call_one(std::move(command), deadline);
  if (const auto* failed = std::get_if<Failed>(&answered)) return *failed;
  return inspected_of(lease, *std::get<ReplyPtr>(answered));
}

std::variant<Listing, Failed> RedisRegistry::look(const Key& key, Duration patience) {
  const auto found = find(std::span(&key, 1), BootClock::now() + patience);
  if (const auto* failed = std::get_if<Failed>(&found)) return *failed;
  Listing listing;
  for (const LeaseName& lease : std::get<Leases>(found)) {
    auto view = view_of(inspect(lease, BootClock::now() + patience));
    if (auto* failed = std::get_if<Failed>(&view)) return std::move(*failed);
    listing.views.push_back(std::get<LeaseView>(std::move(view)));
  }
  drop_free_slots(listing);
  return listing;
}

std::variant<Evicted, Failed> RedisRegistry::evict(const Key& key, const Eviction& us,
                                                   Duration patience) {
  const Time deadline = BootClock::now() + patience;
  const LeaseName lease{key, us.slot.value_or(0)};
  for (int changes = 0; changes < kMostChanges; ++changes) {
    auto inspected = inspect(lease, deadline);
    if (auto* failed = std::get_if<Failed>(&inspected)) return std::move(*failed);
    auto& seen = std::get<Inspected>(inspected);
    const auto judgement = judge(seen.view, us);
    if (const auto* failed = std::get_if<Failed>(&judgement)) return *failed;
    const auto kind = std::get<Evicted::Kind>(judgement);
    if (changes_nothing(kind)) return Evicted{kind, std::move(seen.view)};

    const auto [script, done] = script_for(kind);
    const auto answered =
        call_script({"EVAL", std::string(script.text), "3", lock_name(key, lease.slot),
                     record_name(key, lease.slot), queue_name(key), seen.view.holder.value,
                     seen.fence, events_channel(key), us.node},
                    deadline);
    if (const auto* failed = std::get_if<Failed>(&answered)) return *failed;
    const redisReply& reply = *std::get<ReplyPtr>(answered);
    if (reply.type == REDIS_REPLY_ERROR) return failure_of_request(text_of(reply));
    const std::string_view verdict =
        reply.elements == 1 ? text_of(*reply.element[0]) : std::string_view();
    if (verdict == done) return Evicted{kind, std::move(seen.view)};
    if (verdict != "changed") return not_understood();
  }
  return Failed{Trouble::kNotServing, "its holder keeps changing: try again"};
}

}  // namespace cluster_leader
