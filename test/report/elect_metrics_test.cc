#include "report/elect_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/command.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ElectMetricsTest : public testing::Test {
 protected:
  std::string text() const { return content_of(folder_.file("m.prom")); }
  void lead(const std::string& holder) {
    metrics_.update(0, {ElectionState::kLeader, {holder}, {7}, {}});
  }

  TempFolder folder_;
  Reporter reporter_{{}};
  ElectMetrics metrics_{folder_.file("m.prom"), "web-1", {"job-a", "b\"\n"}, reporter_};
  const Time start_ = Time(1h);
};

TEST_F(ElectMetricsTest, HasTheStateOfEachKey) {
  lead("web-1/1");
  metrics_.write();
  const std::string series = "cluster_leader_elect_state{key=\"job-a\",node=\"web-1\",state=";
  EXPECT_THAT(text(), HasSubstr(series + "\"leader\"} 1\n"));
  for (const char* other : {"follower", "none", "starting", "down"}) {
    EXPECT_THAT(text(), HasSubstr(series + '"' + other + "\"} 0\n"));
  }
  EXPECT_THAT(text(), HasSubstr("{key=\"b\\\"\\n\",node=\"web-1\",state=\"leader\"} 0\n"));
}

TEST_F(ElectMetricsTest, CountsTermsAndTheirRenewals) {
  const std::string labels = "{key=\"job-a\",node=\"web-1\"} ";
  lead("web-1/1");
  metrics_.count(0, 3, 5ms);
  lead("web-1/1");
  metrics_.count(0, 5, 6ms);
  metrics_.update(0, {ElectionState::kFollower, {"web-2/1"}, {}, {}});
  metrics_.count(0, 5, 6ms);
  lead("web-1/2");
  metrics_.count(0, 7, 4ms);
  // The keeper has died, and another one has taken over.
  lead("web-1/3");
  metrics_.count(0, 0, 0ms);
  metrics_.count(0, 4, 2ms);
  metrics_.write();
  EXPECT_THAT(text(), HasSubstr("cluster_leader_elect_terms_total" + labels + "3\n"));
  EXPECT_THAT(text(), HasSubstr("cluster_leader_elect_lease_renewals_total" + labels + "11\n"));
  EXPECT_THAT(text(),
              HasSubstr("cluster_leader_elect_slowest_renewal_seconds" + labels + "0.002000\n"));
}

TEST_F(ElectMetricsTest, IsWrittenAtOnceAndThenAtMostOnceASecond) {
  metrics_.advance(start_);
  EXPECT_THAT(text(), HasSubstr("state=\"leader\"} 0\n"));
  lead("web-1/1");
  metrics_.advance(start_ + 900ms);
  EXPECT_THAT(text(), testing::Not(HasSubstr("state=\"leader\"} 1\n")));
  metrics_.advance(start_ + 1s);
  EXPECT_THAT(text(), HasSubstr("state=\"leader\"} 1\n"));
}

TEST_F(ElectMetricsTest, AsksForTheRenewalsFromTimeToTime) {
  EXPECT_TRUE(metrics_.wants_count(start_));
  EXPECT_FALSE(metrics_.wants_count(start_ + 9s));
  metrics_.advance(start_);
  EXPECT_EQ(metrics_.wake_at(), start_ + 10s);
  EXPECT_TRUE(metrics_.wants_count(start_ + 10s));
}

TEST_F(ElectMetricsTest, WithoutAPathThereIsNothingToDo) {
  ElectMetrics none("", "web-1", {"job-a"}, reporter_);
  EXPECT_EQ(none.wake_at(), kNever);
  EXPECT_FALSE(none.wants_count(start_));
  none.write();
}

}  // namespace
}  // namespace cluster_leader
