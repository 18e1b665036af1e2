#pragma once

#include <optional>
#include <string>

#include "support/cli_world.h"
#include "support/elector.h"
#include "support/grown_server.h"

namespace cluster_leader {

/// What tests of `elect` need: a server and electors on it.
class ElectTest : public CliTest {
 protected:
  /// A ttl whose end and whose heartbeat are too late for anything that a test waits for.
  static inline const std::string kLong = "600";

  /// The options of an elector for job-a on `node`.
  Words options_for(const std::string& node, const std::string& ttl = kLong,
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

  /// A leader on web-1 and a follower on web-2 that follows it, each with one line so far. False if
  /// it does not come to that.
  bool start_two(const std::string& ttl) {
    return start_two(Elector::command(options_for("web-1", ttl)),
                     Elector::command(options_for("web-2", ttl)));
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

  /// The output of both, for a test that has failed.
  std::string transcript() const { return leader_->transcript() + follower_->transcript(); }

  /// The value of a key on the server.
  std::string value(const std::string& key = Elector::kKey) const {
    return server_.text({"GET", key});
  }

  /// Waits for so many further renewals, counted over all keys.
  void wait_for_renewals(int more) const {
    // A renewal is two commands: for the lease and for its record.
    const long long before = server_.calls("pexpire");
    EXPECT_TRUE(eventually([&] { return server_.calls("pexpire") >= before + 2 * more; }));
  }

  /// Whether a process is gone or a zombie.
  static bool is_gone(pid_t pid) { return state_of(pid) == '\0' || state_of(pid) == 'Z'; }

  GrownServer server_;
  std::optional<Elector> leader_;
  std::optional<Elector> follower_;
};

}  // namespace cluster_leader
