#include "supervise/hooks.h"

#include <sys/wait.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "report/state_lines.h"
#include "supervise/lease_environment.h"

namespace cluster_leader {

namespace {

/// With thousands of keys, a server that comes back must not start thousands of programs at once.
constexpr std::size_t kMostAtOnce = 16;

}  // namespace

Hooks::Hooks(HookCommands commands, std::vector<std::string> keys, LeaseEnvironment environment,
             const InheritedSignals& inherited, Reporter& reporter)
    : commands_(std::move(commands)),
      keys_(std::move(keys)),
      environment_(std::move(environment)),
      inherited_(inherited),
      reporter_(reporter),
      latest_(keys_.size()) {}

const std::vector<std::string>& Hooks::command(bool is_leader) const {
  return is_leader ? commands_.on_leader : commands_.on_follower;
}

void Hooks::update(std::size_t index, const Leadership& leadership) {
  const bool is_leader = leadership.state == ElectionState::kLeader;
  if (latest_[index] == is_leader) return;
  latest_[index] = is_leader;
  const bool is_waiting = next_.contains(index);
  if (command(is_leader).empty()) {
    // The state that was waiting is no longer true.
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
    reporter_.warning("the hook of key " + keys_[index] + " had not ended after a ttl; killed it");
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
  const bool is_leader = leadership.state == ElectionState::kLeader;
  const std::vector<std::string>& argv = command(is_leader);
  // The lease of another leader does not belong in our hook's environment.
  std::vector<std::string> environment =
      lease_environment(environment_, keys_[index], leadership.holder,
                        is_leader ? leadership.token : Token{}, leadership.slot);
  environment.push_back(std::string("CLUSTER_LEADER_STATE=") + state_name(leadership.state));
  try {
    running_.emplace(index, Running{Hook({argv, environment, inherited_}), now + environment_.ttl});
  } catch (const std::system_error& error) {
    report_failure(index, error.code().value());
  }
}

void Hooks::handle(const ChildChange& change) {
  const bool has_ended =
      change.code == CLD_EXITED || change.code == CLD_KILLED || change.code == CLD_DUMPED;
  const auto found = std::find_if(running_.begin(), running_.end(), [&](const auto& entry) {
    return entry.second.hook.pid() == change.pid;
  });
  if (!has_ended || found == running_.end()) return;
  if (const int error = found->second.hook.ended()) {
    report_failure(found->first, error);
  } else if (change.status != 0 && !found->second.was_killed) {
    const std::string how = change.code == CLD_EXITED ? "status " : "signal ";
    reporter_.warning("the hook of key " + keys_[found->first] + " ended with " + how +
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

void Hooks::report_failure(std::size_t index, int error) {
  reporter_.error("cannot execute the hook of key " + keys_[index] + ": " +
                  std::generic_category().message(error));
}

}  // namespace cluster_leader
