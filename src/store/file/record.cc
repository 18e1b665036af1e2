#include "store/file/record.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "lease/retry_after.h"
#include "store/file/members.h"

namespace cluster_leader {

namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

/// Large enough that a record of ordinary names has one size for its life, see format_record().
constexpr std::size_t kBlock = 1024;

/// A hundred times what the command line allows. Keeps sums of times far from an overflow.
constexpr std::int64_t kLongestTtlMs = std::int64_t{100} * 24 * 60 * 60 * 1000;

/// How much two estimates of the time of one boot may differ while nobody sets the clock.
constexpr std::int64_t kSameBootMs = 1000;

/// A candidacy and its candidate.
struct Contender {
  const Candidate& candidate;
  const Candidacy& candidacy;
};

FileRecord new_lease(const Contender& contender, Token token, const Moment& moment) {
  FileRecord record;
  record.key = contender.candidacy.key;
  record.fence = token;
  record.holder = contender.candidacy.holder;
  record.node = contender.candidate.node;
  record.host = contender.candidate.host;
  record.pid = contender.candidate.pid;
  record.label = contender.candidate.label.substr(0, kMaxLabelLength);
  record.identity = contender.candidate.identity;
  record.since_ms = moment.wall_ms;
  record.since = moment.now;
  return record;
}

/// `record` with a whole ttl from now. Renewals never add up.
FileRecord extended(FileRecord record, Duration ttl, const Moment& moment) {
  record.until = moment.now + ttl;
  record.ttl = ttl;
  record.boot_id = moment.boot_id;
  record.booted_ms = moment.booted_ms();
  return record;
}

/// Whether there is a result that makes a run of `candidate` unnecessary.
bool is_done(const Candidate& candidate, Token awaited, const FileRecord& record,
             const Moment& moment) {
  if (record.once_until_ms > moment.wall_ms) return true;
  if (!candidate.joins || record.result_token == Token{}) return false;
  if (awaited != Token{}) return record.result_token >= awaited;
  // It saw no run, but the key is still held after one.
  return is_reserved(record.holder) && time_left(record, moment) > Duration::zero() &&
         record.result_token == record.fence;
}

/// A new lease that keeps the parts of `record` that outlive a lease.
FileRecord next_lease(const Contender& contender, Token token, const FileRecord* record,
                      const Moment& moment) {
  FileRecord next = extended(new_lease(contender, token, moment), contender.candidate.ttl, moment);
  if (record != nullptr) {
    next.once_until_ms = record->once_until_ms;
    next.result_token = record->result_token;
    next.result = record->result;
    next.result_node = record->result_node;
    next.stopped = record->stopped;
    next.era = record->era;
    next.era_of = record->era_of;
  }
  return next;
}

/// `record` in a new era, in which whoever came before is sent away, and with its holder asked for
/// the key.
FileRecord superseded(FileRecord record, const Contender& contender, const Moment& moment) {
  record.era = std::max(record.era + 1, moment.wall_ms);
  record.era_of = contender.candidacy.holder;
  const bool is_outer = contender.candidate.outer.find(record.holder.value) != std::string::npos;
  if (!record.holder.value.empty() && !is_outer) {
    record.asked = record.holder;
    record.asked_by = contender.candidate.node;
    record.is_superseded = true;
  }
  return record;
}

Decision acquire(const Contender& contender, const Request& request, const FileRecord* record,
                 const Moment& moment) {
  const Candidate& candidate = contender.candidate;
  std::optional<FileRecord> changed;
  std::int64_t fence = 0;
  if (record != nullptr) {
    fence = record->fence.value;
    const Duration rest = time_left(*record, moment);
    if (rest > Duration::zero() && record->holder == contender.candidacy.holder) {
      // It is the same lease as before, and keeps its token.
      return {Granted{record->fence}, extended(*record, candidate.ttl, moment)};
    }
    if (is_done(candidate, request.awaited, *record, moment)) {
      return {Done{record->result, record->result_node, record->result_token}, {}};
    }
    if (record->era_of != contender.candidacy.holder) {
      if (candidate.yields && request.era && record->era > *request.era) {
        return {Superseded{node_of(record->era_of.value)}, {}};
      }
      if (candidate.supersedes && (!request.era || record->era < *request.era)) {
        changed = superseded(*record, contender, moment);
        record = &*changed;
      }
    }
    const Duration wait =
        is_parked_for(candidate, *record) ? record->hold_until - moment.now : rest;
    if (rest > Duration::zero() && wait > Duration::zero()) {
      return {Busy{record->holder, retry_after(wait, record->ttl), record->fence, record->era},
              changed};
    }
  }
  const Token token{std::max(fence + 1, moment.wall_ms)};
  return {Granted{token}, next_lease(contender, token, record, moment)};
}

Decision renew(const Contender& contender, Token token, const FileRecord* record,
               const Moment& moment) {
  if (record != nullptr) {
    if (record->holder == contender.candidacy.holder) {
      Renewed renewed;
      if (record->asked == record->holder) {
        renewed.stop = StopRequest{record->asked_by, record->is_superseded};
      }
      return {renewed, extended(*record, contender.candidate.ttl, moment)};
    }
    if (!record->holder.value.empty()) return {Lost{record->holder}, {}};
    // A released lease stays released: this renewal may be one that was delayed.
    if (record->fence >= token) return {Lost{}, {}};
  }
  return {Renewed{}, next_lease(contender, token, record, moment)};
}

Decision release(const Candidacy& candidacy, const FileRecord* record) {
  if (record == nullptr || record->holder != candidacy.holder) return {Released{}, {}};
  FileRecord released = *record;
  released.holder = {};
  released.until = {};
  return {Released{}, released};
}

Decision finish(const Request& request, const Contender& contender, const FileRecord* record,
                const Moment& moment) {
  const Candidate& candidate = contender.candidate;
  if (record == nullptr || record->holder != contender.candidacy.holder) return {Released{}, {}};
  FileRecord finished = *record;
  const Aftermath& after = candidate.aftermath;
  const Duration rest =
      std::clamp(record->since + after.hold - moment.now, Duration::zero(), after.hold);
  const bool is_parked = parks(candidate, request);
  const Duration stays = rest + (is_parked ? candidate.ttl : Duration::zero());
  finished.holder = {};
  finished.until = finished.hold_until = {};
  if (stays > Duration::zero()) {
    finished.holder =
        is_parked ? parked_for(candidate.identity) : held_after(contender.candidacy.holder);
    finished.until = moment.now + stays;
    finished.hold_until = moment.now + rest;
    finished.ttl = std::max(stays, candidate.ttl);
  }
  if (request.result) {
    finished.result = *request.result;
    finished.result_token = request.token;
    finished.result_node = candidate.node;
    if (after.once > Duration::zero() && request.result->status == 0) {
      finished.once_until_ms = moment.wall_ms + ceil_ms(after.once);
    }
  } else if (request.stopped) {
    finished.stopped = {*request.stopped, candidate.node, request.token};
  }
  return {Released{}, finished};
}

Json object_of(const EndedRun& run) {
  return {{"token", run.token.value},
          {"status", run.result.status},
          {"node", printable(run.node)},
          {"started", run.result.started_ms},
          {"finished", run.result.finished_ms}};
}

EndedRun run_in(const Json& record, const char* name) {
  EndedRun run;
  const auto found = record.find(name);
  if (found == record.end() || !found->is_object()) return run;
  run.token.value = integer_in(*found, "token", kLargestCount).value_or(0);
  run.result.status = static_cast<int>(integer_in(*found, "status", 255).value_or(0));
  run.node = text_in(*found, "node").value_or("");
  run.result.started_ms = integer_in(*found, "started", kLargestCount).value_or(0);
  run.result.finished_ms = integer_in(*found, "finished", kLargestCount).value_or(0);
  return run;
}

Failed misconfigured(const char* text) { return {Trouble::kMisconfigured, text}; }

}  // namespace

std::int64_t Moment::booted_ms() const {
  return wall_ms - std::chrono::floor<milliseconds>(now.time_since_epoch()).count();
}

bool Moment::is_of_boot_at(std::int64_t ms) const {
  return std::abs(ms - booted_ms()) <= kSameBootMs;
}

std::string format_record(const FileRecord& record) {
  Json object = {{"key", printable(record.key.value)}, {"fence", record.fence.value}};
  if (!record.holder.value.empty()) {
    object["holder"] = printable(record.holder.value);
    object["until_boottime_ns"] = record.until.time_since_epoch().count();
    object["since_boottime_ns"] = record.since.time_since_epoch().count();
    object["hold_until_boottime_ns"] = record.hold_until.time_since_epoch().count();
  }
  object["boot_id"] = printable(record.boot_id);
  object["booted"] = std::max<std::int64_t>(record.booted_ms, 0);
  object["ttl_ms"] = ceil_ms(record.ttl);
  object["node"] = printable(record.node);
  object["host"] = printable(record.host);
  object["pid"] = record.pid;
  object["label"] = printable(record.label);
  if (!record.identity.empty()) object["identity"] = printable(record.identity);
  object["since"] = std::max<std::int64_t>(record.since_ms, 0);
  if (record.once_until_ms > 0) object["once_until"] = record.once_until_ms;
  if (record.result_token != Token{}) {
    object["result"] = object_of({record.result, record.result_node, record.result_token});
  }
  if (record.stopped.token != Token{}) object["stopped"] = object_of(record.stopped);
  if (!record.asked.value.empty()) {
    object["asked"] = printable(record.asked.value);
    object["asked_by"] = printable(record.asked_by);
    if (record.is_superseded) object["superseded"] = true;
  }
  if (record.era > 0) {
    object["era"] = record.era;
    object["era_of"] = printable(record.era_of.value);
  }
  std::string text = object.dump();
  text.resize((text.size() + kBlock) / kBlock * kBlock, ' ');
  text.back() = '\n';
  return text;
}

std::optional<FileRecord> parse_record(std::string_view bytes) {
  constexpr auto kAny = INT64_MAX;
  const Json object = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  const auto key = text_in(object, "key");
  const auto fence = integer_in(object, "fence", kLargestCount);
  const auto boot_id = text_in(object, "boot_id");
  const auto booted = integer_in(object, "booted", kLargestCount);
  const auto ttl = integer_in(object, "ttl_ms", kLongestTtlMs);
  if (!key || !fence || !boot_id || !booted || !ttl) return std::nullopt;
  FileRecord record;
  record.key.value = *key;
  record.fence.value = *fence;
  record.boot_id = *boot_id;
  record.booted_ms = *booted;
  record.ttl = milliseconds(*ttl);
  if (object.contains("holder") || object.contains("until_boottime_ns")) {
    const auto holder = text_in(object, "holder");
    const auto until = integer_in(object, "until_boottime_ns", kLargestTime);
    if (!holder || holder->empty() || !until) return std::nullopt;
    record.holder.value = *holder;
    record.until = Time(Duration(*until));
    record.since =
        Time(Duration(integer_in(object, "since_boottime_ns", kLargestTime).value_or(0)));
    record.hold_until =
        Time(Duration(integer_in(object, "hold_until_boottime_ns", kLargestTime).value_or(0)));
  }
  // The rest is only shown to people: a lease is valid even if one of these is missing.
  record.node = text_in(object, "node").value_or("");
  record.host = text_in(object, "host").value_or("");
  record.pid = integer_in(object, "pid", kAny).value_or(0);
  // Earlier versions stored the command line. The next version need not read it any more.
  record.label =
      text_in(object, "label").value_or(label_of_command(text_in(object, "command").value_or("")));
  record.identity = text_in(object, "identity").value_or("");
  record.since_ms = integer_in(object, "since", kAny).value_or(0);
  record.once_until_ms = integer_in(object, "once_until", kLargestCount).value_or(0);
  const EndedRun run = run_in(object, "result");
  record.result_token = run.token;
  record.result = run.result;
  record.result_node = run.node;
  record.stopped = run_in(object, "stopped");
  record.asked.value = text_in(object, "asked").value_or("");
  record.asked_by = text_in(object, "asked_by").value_or("");
  record.is_superseded = object.value("superseded", Json()) == true;
  record.era = integer_in(object, "era", kLargestCount).value_or(0);
  record.era_of.value = text_in(object, "era_of").value_or("");
  return record;
}

std::optional<EndedRun> last_run(const FileRecord& record) {
  const EndedRun result{record.result, record.result_node, record.result_token};
  const EndedRun& last = record.stopped.token > result.token ? record.stopped : result;
  return last.token == Token{} ? std::nullopt : std::optional(last);
}

Duration time_left(const FileRecord& record, const Moment& moment) {
  if (record.holder.value.empty()) return Duration::zero();
  const Duration rest = record.until - moment.now;
  if (record.boot_id == moment.boot_id) {
    // A lease is never longer than its ttl, so a longer one was written by hand.
    return std::min(rest, record.ttl);
  }
  // The jobs of an earlier boot are dead. But LXC and systemd-nspawn give each container its own
  // boot id, on one kernel with one clock, and containers may share the directory; they agree about
  // when the machine was booted.
  return moment.is_of_boot_at(record.booted_ms) && rest <= record.ttl ? rest : Duration::zero();
}

bool is_parked_for(const Candidate& candidate, const FileRecord& record) {
  return !candidate.identity.empty() && record.holder == parked_for(candidate.identity);
}

Decision decide(const Request& request, const Candidate& candidate, const Candidacy& candidacy,
                const FoundRecord& found, const Moment& moment) {
  const Contender contender{candidate, candidacy};
  const auto* record = std::get_if<FileRecord>(&found);
  if (record != nullptr && record->key.value != candidacy.key.value) {
    return {misconfigured("is the record of another key; does the file system ignore case?"), {}};
  }
  // Data that cannot be read may be somebody's lease. Only a holder knows that it is its own.
  if (std::holds_alternative<ForeignData>(found) && request.kind != RequestKind::kRenew) {
    return {misconfigured("is not a record of cluster-leader; remove it if no job runs"), {}};
  }
  switch (request.kind) {
    case RequestKind::kAcquire:
      return acquire(contender, request, record, moment);
    case RequestKind::kRenew:
      return renew(contender, request.token, record, moment);
    case RequestKind::kFinish:
      return finish(request, contender, record, moment);
    case RequestKind::kRelease:
      break;
    case RequestKind::kVote:
    case RequestKind::kAdopt:
      return {misconfigured("is a directory, which has no vote in a quorum"), {}};
  }
  return release(candidacy, record);
}

}  // namespace cluster_leader
