#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <string>

#include "support/cli_world.h"
#include "support/elector.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ElectMetricsCliTest : public CliTest {
 protected:
  Words options(const std::string& file) const {
    return on_file({"--key", "job-a", "--node", "web-1", "--ttl", "1", "--metrics-file", file});
  }
  /// The value of a series of job-a in the file, or "" if it has none.
  std::string value(const std::string& metric, const std::string& more = "") const {
    const std::string begin =
        "\ncluster_leader_elect_" + metric + "{key=\"job-a\",node=\"web-1\"" + more + "} ";
    const std::string text = content_of(path("elect.prom"));
    const std::size_t at = text.find(begin);
    if (at == text.npos) return "";
    return text.substr(at + begin.size(), text.find('\n', at + 1) - at - begin.size());
  }
  bool is(const std::string& state) const {
    return eventually([&] { return value("state", ",state=\"" + state + '"') == "1"; });
  }
};

TEST_F(ElectMetricsCliTest, TellHowItGoes) {
  Elector elector(options(path("elect.prom")));
  ASSERT_TRUE(is("leader")) << elector.transcript();
  EXPECT_EQ(value("terms_total"), "1");
  // Who still leads after a ttl has renewed the lease.
  const Time end = BootClock::now() + 1500ms;
  EXPECT_TRUE(eventually([&] { return BootClock::now() > end; }));
  elector.signal(SIGUSR2);
  ASSERT_TRUE(is("none")) << elector.transcript();
  EXPECT_GT(std::atoi(value("lease_renewals_total").c_str()), 0);
  EXPECT_NE(value("slowest_renewal_seconds"), "");
  ASSERT_TRUE(is("leader")) << elector.transcript();
  EXPECT_EQ(value("terms_total"), "2");
  EXPECT_EQ(elector.stop().status(), 0);
  EXPECT_TRUE(is("none"));
  EXPECT_THAT(elector.states(), testing::ElementsAre("leader", "none", "leader", "none"));
}

TEST_F(ElectMetricsCliTest, AFileThatCannotBeWrittenIsReportedOnceAndKeepsNobodyFromLeading) {
  Elector elector(options(path("no/such/folder")));
  ASSERT_TRUE(elector.is("leader")) << elector.transcript();
  const Ended ended = elector.stop();
  EXPECT_EQ(ended.status(), 0) << ended;
  expect_one_line(ended.err, {"warning: cannot write ", "no/such/folder: No such file"});
}

}  // namespace
}  // namespace cluster_leader
