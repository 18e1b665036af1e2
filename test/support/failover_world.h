#pragma once

#include <gtest/gtest.h>

#include <string>

#include "support/cli_world.h"

namespace cluster_leader {

/// Runs of one key through the failure of a server, judged by the jobs themselves.
class FailoverTest : public CliTest {
 protected:
  /// A run that waits, on `where`, whose job takes so many milliseconds.
  Process run(const Words& where, const std::string& ttl, const std::string& node,
              const std::string& milliseconds) const {
    return run_under_lease(joined(where, {"--ttl", ttl, "--node", node, "-w", "90"}),
                           exclusive_job(milliseconds))
        .start();
  }

  /// A holder whose job takes that long, a waiter, and after `fail` a newcomer: never two at once,
  /// and nobody fails.
  template <typename Fail>
  void expect_no_overlap(const Words& where, const std::string& ttl,
                         const std::string& milliseconds, const Fail& fail) {
    Process holder = run(where, ttl, "a", milliseconds);
    ASSERT_TRUE(eventually([&] { return log().count("start") == 1; })) << holder.err();
    Process waiter = run(where, ttl, "b", "10");
    fail();
    Process newcomer = run(where, ttl, "c", "10");
    for (Process* process : {&holder, &waiter, &newcomer}) {
      const Ended ended = process->wait(std::chrono::seconds(60));
      EXPECT_EQ(ended.status(), 0) << ended;
    }
    EXPECT_EQ(log().fault(), "");
    EXPECT_EQ(log().count("end"), 3);
  }
};

}  // namespace cluster_leader
