#include "histories/servers_world.h"

#include <filesystem>

#include "support/tls_redis.h"

namespace cluster_leader::histories {

using Words = std::vector<std::string>;

ServersWorld::ServersWorld(const Plan& plan) : topology_(plan.topology) {
  const int count = topology_ == Topology::kQuorum ? 3 : 1;
  for (int i = 0; i < count; ++i) add_server(plan, i);
  for (std::size_t candidate = 0; candidate < plan.candidates.size(); ++candidate) {
    auto& of_candidate = passages_.emplace_back();
    for (const One& one : servers_) of_candidate.push_back(std::make_unique<Passage>(one.port));
  }
}

void ServersWorld::add_server(const Plan& plan, int number) {
  // A quorum has both.
  const bool is_valkey = plan.is_valkey != (number == 1);
  Words arguments;
  if (plan.has_aof) {
    arguments = {
        "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"};
  }
  One one;
  std::uint16_t tls_port = 0;
  if (topology_ == Topology::kTls) {
    tls_port = free_port();
    const Words tls = tls_arguments(tls_port, certificates_.sign({}), {});
    arguments.insert(arguments.end(), tls.begin(), tls.end());
  }
  one.server = std::make_unique<ClockServer>(is_valkey ? VALKEY_SERVER : REDIS_SERVER, arguments);
  one.port = tls_port != 0 ? tls_port : one.server->port();
  servers_.push_back(std::move(one));
}

Words ServersWorld::options(int candidate) const {
  Words words;
  const std::string scheme = topology_ == Topology::kTls ? "rediss" : "redis";
  for (const auto& passage : passages_[static_cast<std::size_t>(candidate)]) {
    words.insert(words.end(),
                 {"--server", scheme + "://127.0.0.1:" + std::to_string(passage->port())});
  }
  if (topology_ == Topology::kTls) words.insert(words.end(), {"--tls-ca", certificates_.ca()});
  return words;
}

bool ServersWorld::begin(const Fault& fault) {
  if (is_of_network(fault.kind)) {
    begin_network(fault);
    return true;
  }
  One& one = servers_[static_cast<std::size_t>(fault.server)];
  if (one.is_frozen || one.is_down) return false;
  switch (fault.kind) {
    case FaultKind::kFreeze:
      one.server->pause();
      one.is_frozen = true;
      return true;
    case FaultKind::kRestartEmpty:
    case FaultKind::kRestartSaved:
      one.server->kill();
      one.is_down = true;
      if (fault.kind == FaultKind::kRestartEmpty) wipe(one);
      return true;
    case FaultKind::kClockForward:
      one.server->set_clock(std::chrono::milliseconds(fault.amount_ms));
      return true;
    case FaultKind::kClockBack:
      one.server->set_clock(-std::chrono::milliseconds(fault.amount_ms));
      return true;
    default:
      return command(one, fault);
  }
}

/// The faults that are a command; false if there is no such fault here.
bool ServersWorld::command(One& one, const Fault& fault) {
  const ClockServer& server = *one.server;
  const std::string record = "cluster-leader:record:{" + kKey + '}';
  switch (fault.kind) {
    case FaultKind::kSnapshot:
      server.command({"SAVE"});
      return true;
    case FaultKind::kFlushAll:
      server.command({"FLUSHALL"});
      return true;
    case FaultKind::kDeleteLock:
      server.command({"DEL", kKey});
      return true;
    case FaultKind::kDeleteRecord:
      server.command({"DEL", record});
      return true;
    case FaultKind::kDeleteBoth:
      server.command({"DEL", kKey, record});
      return true;
    case FaultKind::kEvict:
      if (one.is_full) return false;
      server.command({"CONFIG", "SET", "maxmemory-policy", "allkeys-random"});
      server.command({"CONFIG", "SET", "maxmemory", "1"});
      // Each command evicts some keys.
      for (int i = 0; i < 5; ++i) server.command({"PING"});
      server.command({"CONFIG", "SET", "maxmemory", "0"});
      server.command({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
      return true;
    case FaultKind::kOutOfMemory:
      if (one.is_full) return false;
      one.is_full = true;
      server.command({"CONFIG", "SET", "maxmemory", "1"});
      return true;
    case FaultKind::kFlushScripts:
      server.command({"SCRIPT", "FLUSH"});
      return true;
    case FaultKind::kKillClients:
      server.command({"CLIENT", "KILL", "TYPE", "normal"});
      server.command({"CLIENT", "KILL", "TYPE", "pubsub"});
      return true;
    default:
      return false;
  }
}

void ServersWorld::end(const Fault& fault) {
  if (is_of_network(fault.kind)) return end_network(fault);
  One& one = servers_[static_cast<std::size_t>(fault.server)];
  if (fault.kind == FaultKind::kFreeze && one.is_frozen) {
    one.is_frozen = false;
    one.server->resume();
  } else if (fault.kind == FaultKind::kOutOfMemory) {
    one.is_full = false;
    if (!one.is_down && !one.is_frozen) one.server->command({"CONFIG", "SET", "maxmemory", "0"});
  } else if (one.is_down &&
             (fault.kind == FaultKind::kRestartEmpty || fault.kind == FaultKind::kRestartSaved)) {
    one.is_down = false;
    one.is_full = false;
    one.server->start_young();
  }
}

void ServersWorld::begin_network(const Fault& fault) {
  Passage& passage =
      *passages_[static_cast<std::size_t>(fault.candidate)][static_cast<std::size_t>(fault.server)];
  if (fault.kind == FaultKind::kCutRequests || fault.kind == FaultKind::kCutBoth) {
    passage.cut_requests();
  }
  if (fault.kind == FaultKind::kCutReplies || fault.kind == FaultKind::kCutBoth) {
    passage.cut_replies();
  }
  if (fault.kind == FaultKind::kHalfOpen) passage.forget();
  if (fault.kind == FaultKind::kLoseReply) passage.lose_reply();
  if (fault.kind == FaultKind::kDelay) passage.delay(fault.amount_ms);
}

void ServersWorld::end_network(const Fault& fault) {
  Passage& passage =
      *passages_[static_cast<std::size_t>(fault.candidate)][static_cast<std::size_t>(fault.server)];
  if (fault.kind == FaultKind::kCutRequests || fault.kind == FaultKind::kCutBoth) {
    passage.mend_requests();
  }
  if (fault.kind == FaultKind::kCutReplies || fault.kind == FaultKind::kCutBoth) {
    passage.mend_replies();
  }
  if (fault.kind == FaultKind::kDelay) passage.delay(0);
}

void ServersWorld::heal() {
  for (auto& of_candidate : passages_) {
    for (auto& passage : of_candidate) passage->heal();
  }
  // A server may have been frozen or down when its memory was to come back.
  for (One& one : servers_) one.server->command({"CONFIG", "SET", "maxmemory", "0"});
}

std::vector<std::vector<Time>> ServersWorld::answers(int candidate) const {
  std::vector<std::vector<Time>> answers;
  for (const auto& passage : passages_[static_cast<std::size_t>(candidate)]) {
    answers.push_back(passage->answers());
  }
  return answers;
}

std::vector<World::Wait> ServersWorld::slow_answers() const {
  std::vector<Wait> slow;
  for (const auto& of_candidate : passages_) {
    for (const auto& passage : of_candidate) {
      const std::vector<Wait> more = passage->slow_answers();
      slow.insert(slow.end(), more.begin(), more.end());
    }
  }
  return slow;
}

void ServersWorld::wipe(const One& one) {
  std::error_code ignored;
  std::filesystem::remove_all(one.server->folder() + "/appendonlydir", ignored);
  std::filesystem::remove(one.server->folder() + "/dump.rdb", ignored);
}

}  // namespace cluster_leader::histories
