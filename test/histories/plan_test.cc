// Plans and reports of fault histories: what can be repeated, and what is not forgotten.
#include "histories/plan.h"

#include <gtest/gtest.h>

#include <set>

#include "histories/report.h"

namespace cluster_leader::histories {
namespace {

constexpr int kSeeds = 300;

TEST(PlanTest, IsAPureFunctionOfTheSeed) {
  for (int seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(text_of(plan_of(Topology::kPlain, seed)), text_of(plan_of(Topology::kPlain, seed)));
    EXPECT_NE(text_of(plan_of(Topology::kPlain, seed)),
              text_of(plan_of(Topology::kPlain, seed + 1)));
  }
}

TEST(PlanTest, WithoutAFaultEverythingElseStays) {
  const Plan plan = plan_of(Topology::kPlain, 3);
  ASSERT_GE(plan.faults.size(), 3U);
  const Plan less = without(plan, {0, 2});
  ASSERT_EQ(less.faults.size(), plan.faults.size() - 2);
  EXPECT_EQ(less.faults[0].at_ms, plan.faults[1].at_ms);
  EXPECT_EQ(less.candidates.size(), plan.candidates.size());
  EXPECT_EQ(less.job(1, 5).length_ms, plan.job(1, 5).length_ms);
  EXPECT_EQ(less.job(1, 5).tree, plan.job(1, 5).tree);
}

TEST(PlanTest, EveryFaultAndEveryKindOfCandidateOccurs) {
  std::set<FaultKind> faults;
  std::set<Kind> kinds;
  for (const Topology topology : {Topology::kPlain, Topology::kSentinel, Topology::kCluster}) {
    for (int seed = 0; seed < kSeeds; ++seed) {
      const Plan plan = plan_of(topology, static_cast<std::uint64_t>(seed));
      for (const Fault& fault : plan.faults) faults.insert(fault.kind);
      for (const CandidatePlan& one : plan.candidates) kinds.insert(one.kind);
    }
  }
  for (int kind = 0; kind <= static_cast<int>(FaultKind::kReshard); ++kind) {
    EXPECT_TRUE(faults.contains(static_cast<FaultKind>(kind)))
        << name_of(static_cast<FaultKind>(kind));
  }
  for (int kind = 0; kind <= static_cast<int>(Kind::kSupersede); ++kind) {
    EXPECT_TRUE(kinds.contains(static_cast<Kind>(kind))) << name_of(static_cast<Kind>(kind));
  }
}

TEST(PlanTest, AQuorumHasNoOptionThatItRefuses) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    for (const CandidatePlan& one :
         plan_of(Topology::kQuorum, static_cast<std::uint64_t>(seed)).candidates) {
      EXPECT_TRUE(one.kind == Kind::kRun || one.kind == Kind::kWait || one.kind == Kind::kElect);
    }
  }
}

TEST(ReportTest, IsTheSameAfterJson) {
  Report report;
  report.topology = "plain";
  report.seed = 7;
  report.violations = {{"overlap", "two"}};
  report.excused = {{"data-lost", 2}};
  report.stall_ms = 12;
  EXPECT_EQ(text_of(report_from(json_of(report))), text_of(report));
}

TEST(ReportTest, AMachineThatStalledDecidesNothing) {
  Report report;
  report.violations = {{"overlap", "two"}};
  EXPECT_TRUE(report.has_failed());
  report.stall_ms = Report::kLongestStallMs + 1;
  EXPECT_FALSE(report.has_failed());
  EXPECT_FALSE(report.is_conclusive());
}

}  // namespace
}  // namespace cluster_leader::histories
