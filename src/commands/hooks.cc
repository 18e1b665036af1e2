#include "commands/hooks.h"

#include <sys/wait.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "commands/lease_environment.h"
#include "commands/state_lines.h"

namespace cluster_leader {

namespace {

/// With thousands of keys, a server that comes back must not start thousands of programs.
constexpr std::size_t kMostAtOnce = 16;

}  // namespace

Hooks::Hooks(const Options& options, const InheritedSignals& inherited, Reporter& reporter)
    : options_(options), inherited_(inherited), reporter_(reporter), told_(options.keys.size()) {}

const std::vector<std::string>& Hooks::command(bool is_leader) const {
  return is_leader ? options_.on_leader : options_.on_follower;
}

void Hooks::say(std::size_t index, const Leadership& leadership) {
  const bool is_leader = leadership.standing == Standing::kLeader;
  if (told_[index] == is_leader) return;
  told_[index] = is_leader;
  const bool is_waiting = next_.contains(index);
  if (command(is_leader).empty()) {
    // What was waiting to be told is no longer true.
    if (is_waiting) std::erase(waiting_, index);
    next_.erase(index);
    return;
  }
  next_[index] = leadership;
  if (!is_waiting) waiting_.push_back(index);
}

Time Hooks::wake_at() const {
  Time due = kNever;
  for (const auto& [index, running] : running_) {
    if (!running.was_killed) due = std::min(due, running.kill_at);
  }
  return due;
}

void Hooks::advance(Time now) {
  for (auto& [index, running] : running_) {
    if (running.was_killed || now < running.kill_at) continue;
    running.was_killed = true;
    running.hook.kill();
    reporter_.warning("the hook of key " + name(index) + " had not ended after a ttl; killed it");
  }
  for (auto at = waiting_.begin(); at != waiting_.end() && running_.size() < kMostAtOnce;) {
    const std::size_t index = *at;
    if (running_.contains(index)) {
      ++at;
      continue;
    }
    at = waiting_.erase(at);
    start(index, now);
  }
}

void Hooks::start(std::size_t index, Time now) {
  const Leadership leadership = next_.at(index);
  next_.erase(index);
  const bool is_leader = leadership.standing == Standing::kLeader;
  const std::vector<std::string>& argv = command(is_leader);
  // Another's lease is not the hook's.
  std::vector<std::string> environment = lease_environment(options_, name(index), leadership.holder,
                                                           is_leader ? leadership.token : Token{});
  environment.push_back(std::string("CLUSTER_LEADER_STATE=") + standing_name(leadership.standing));
  try {
    running_.emplace(index,
                     Running{Hook({argv, environment, inherited_}), now + options_.timeline.ttl});
  } catch (const std::system_error& error) {
    say_why_not(index, error.code().value());
  }
}

void Hooks::hear(const ChildChange& change) {
  const bool has_ended =
      change.code == CLD_EXITED || change.code == CLD_KILLED || change.code == CLD_DUMPED;
  const auto found = std::find_if(running_.begin(), running_.end(), [&](const auto& entry) {
    return entry.second.hook.pid() == change.pid;
  });
  if (!has_ended || found == running_.end()) return;
  if (const int error = found->second.hook.ended()) {
    say_why_not(found->first, error);
  } else if (change.status != 0 && !found->second.was_killed) {
    const std::string how = change.code == CLD_EXITED ? "status " : "signal ";
    reporter_.warning("the hook of key " + name(found->first) + " ended with " + how +
                      std::to_string(change.status));
  }
  running_.erase(found);
}

void Hooks::give_up() {
  const auto alive = std::count_if(running_.begin(), running_.end(),
                                   [](const auto& entry) { return !entry.second.was_killed; });
  const std::size_t not_started = waiting_.size();
  running_.clear();
  waiting_.clear();
  next_.clear();
  if (alive == 0 && not_started == 0) return;
  reporter_.warning("the time for the last hooks is over: killed " + std::to_string(alive) +
                    " that had not ended, and " + std::to_string(not_started) +
                    " were not started");
}

void Hooks::say_why_not(std::size_t index, int error) {
  reporter_.error("cannot execute the hook of key " + name(index) + ": " +
                  std::generic_category().message(error));
}

std::string Hooks::name(std::size_t index) const { return options_.keys[index]; }

}  // namespace cluster_leader
