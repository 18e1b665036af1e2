#pragma once

#include <memory>
#include <string>

#include "support/cli_world.h"
#include "support/grown_server.h"

namespace cluster_leader {

/// What tests of check, status, release and doctor need: a store, which is the test's parameter,
/// "Redis" or "File", and a holder there.
class LookTest : public CliTest, public ::testing::WithParamInterface<const char*> {
 protected:
  LookTest() {
    if (is_on_server()) server_ = std::make_unique<GrownServer>();
  }

  static bool is_on_server() { return std::string(GetParam()) == "Redis"; }

  Words here(const Words& more = {}) const { return server_ ? on(*server_, more) : on_file(more); }

  /// `cluster-leader VERB OPTION...` on that store.
  Command verb(const std::string& verb, const Words& options = {}) const {
    return Command(joined(joined({CLUSTER_LEADER_BINARY, verb}, here()), options));
  }
  Ended say(const std::string& what, const Words& options = {}) const {
    return verb(what, options).run();
  }

  /// A run of `node` that holds job-a until the test ends, or until it loses it.
  Process hold(const std::string& node, const Words& more = {}) const {
    Process holder =
        run_under_lease(joined(here({"--key", "job-a", "--node", node, "--ttl", "60"}), more),
                        {"sh", "-c", "echo runs; exec sleep 1000"})
            .with("PATH", "/usr/bin:/bin")
            .start();
    EXPECT_TRUE(holder.says("runs")) << holder.err();
    return holder;
  }

  std::unique_ptr<Server> server_;
};

}  // namespace cluster_leader
