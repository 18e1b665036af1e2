#pragma once

#include <optional>
#include <string>

#include "support/cli_world.h"
#include "support/elector.h"
#include "support/grown_server.h"

namespace cluster_leader {

/// What tests of `elect` need: a server, and words for those who stand on it.
class ElectTest : public CliTest {
 protected:
  /// A ttl after which nothing comes that a test waits for, nor after its heartbeat.
  static inline const std::string kLong = "600";

  /// The options of somebody who stands for job-a on `node`.
  Words standing(const std::string& node, const std::string& ttl = kLong,
                 const Words& more = {}) const {
    return joined(on(server_, {"--key", Elector::kKey, "--node", node, "--ttl", ttl}), more);
  }

  /// key-0, key-1, ...
  static Words many_keys(int count, bool backwards = false) {
    Words words;
    for (int i = 0; i < count; ++i) {
      words.emplace_back("--key");
      words.push_back("key-" + std::to_string(backwards ? count - 1 - i : i));
    }
    return words;
  }

  /// A leader on web-1, and a follower on web-2 that has heard of it, each with one line to begin
  /// with. False if they do not come to that.
  bool start_two(const std::string& ttl) {
    return start_two(Elector::command(standing("web-1", ttl)),
                     Elector::command(standing("web-2", ttl)));
  }
  bool start_two(const Command& first, const Command& second) {
    leader_.emplace(first);
    const bool leads = leader_->is("leader");
    follower_.emplace(second);
    const bool follows = leads && follower_->follows(leader_->last().holder);
    leader_->forget();
    follower_->forget();
    return follows;
  }

  /// What both of them have said, for a test that has failed.
  std::string transcript() const { return leader_->transcript() + follower_->transcript(); }

  /// What stands at a key on the server.
  std::string value(const std::string& key = Elector::kKey) const {
    return server_.text({"GET", key});
  }

  /// Waits until leases were renewed so often from now on, all keys together.
  void wait_for_renewals(int more) const {
    // A renewal tells the server so twice: of the lease and of its record.
    const long long before = server_.calls("pexpire");
    EXPECT_TRUE(eventually([&] { return server_.calls("pexpire") >= before + 2 * more; }));
  }

  /// Nothing is left of a process, but perhaps an entry that nobody has collected.
  static bool is_gone(pid_t pid) { return state_of(pid) == '\0' || state_of(pid) == 'Z'; }

  GrownServer server_;
  std::optional<Elector> leader_;
  std::optional<Elector> follower_;
};

}  // namespace cluster_leader
