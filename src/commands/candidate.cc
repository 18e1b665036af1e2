#include "commands/candidate.h"

#include <unistd.h>

#include <algorithm>
#include <climits>

#include "base/machine.h"
#include "base/random.h"

namespace cluster_leader {

Candidate make_candidate(const Options& options) {
  Candidate candidate;
  candidate.ttl = options.timeline.ttl;
  candidate.node = options.node;
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, sizeof host - 1);
  candidate.host = host;
  candidate.pid = ::getpid();
  for (const std::string& argument : options.command) {
    candidate.command.append(candidate.command.empty() ? "" : " ").append(argument);
  }
  constexpr std::size_t kEnoughForPeople = 200;
  candidate.command.resize(std::min(candidate.command.size(), kEnoughForPeople));
  if (options.aftermath.park || options.verb == Options::Verb::kElect) {
    candidate.identity = machine_identity(options.node);
  }
  candidate.aftermath = options.aftermath;
  candidate.joins = options.policy.join;
  candidate.listens = options.policy.waits_while_busy();
  return candidate;
}

HolderId new_holder(const std::string& node) { return {node + '/' + random_hex_128()}; }

Key full_key(const Options& options, const std::string& name) { return {options.prefix + name}; }

}  // namespace cluster_leader
