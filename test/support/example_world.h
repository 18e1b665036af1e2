#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "support/cli_world.h"
#include "support/examples.h"
#include "support/grown_server.h"

namespace cluster_leader {

/// What the examples need: a server, a folder of programs in place of /usr/local/bin, and a job in
/// it whose runs are counted.
class ExampleTest : public CliTest {
 protected:
  explicit ExampleTest(const Words& arguments_of_server = {}) : server_(arguments_of_server) {
    EXPECT_EQ(::mkdir(bin().c_str(), 0755), 0);
    EXPECT_EQ(::symlink(CLUSTER_LEADER_BINARY, (bin() + "/cluster-leader").c_str()), 0);
    folder_.write("bin/report", "#!/bin/sh\necho \"$CLUSTER_LEADER_NODE\" >>" + path("runs") + "\n",
                  0755);
  }

  std::string bin() const { return path("bin"); }

  /// An example with this test's server and folder in place of those that it names.
  std::string here(const std::string& text) const {
    return replaced(text, "/usr/local/bin", bin());
  }

  /// The command on the machine `node`.
  Command on_machine(const std::string& node, const Words& words) const {
    return Command(words)
        .with("PATH", bin() + ":/usr/bin:/bin")
        .with("CLUSTER_LEADER_NODE", node)
        .in(folder_.path());
  }

  /// Of the machines web-1 and web-2, one ran the job, the other was a follower, and neither
  /// printed anything.
  void expect_one_run(const Ended& one, const Ended& other) const {
    expect_silence(one);
    expect_silence(other);
    EXPECT_THAT((std::vector{one.status(), other.status()}), testing::UnorderedElementsAre(0, 75));
    EXPECT_EQ(lines_of(content_of(path("runs"))), Words{one.status() == 0 ? "web-1" : "web-2"});
  }

  static void expect_silence(const Ended& ended) {
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(ended.err, "");
  }

  GrownServer server_;
};

}  // namespace cluster_leader
