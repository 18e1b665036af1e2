#include "report/run_ending.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace cluster_leader {
namespace {

TEST(WhyNotRunTest, SaysWhyACommandWasNotExecuted) {
  using Kind = JobStatus::Kind;
  const JobStatus not_found{Kind::kNotExecuted, ENOENT};
  EXPECT_EQ(why_not_run(not_found, {"nosuch", "a b"}),
            "cannot execute nosuch: No such file or directory");
  EXPECT_EQ(why_not_run(not_found, {"echo hello"}),
            "cannot execute 'echo hello', which is one word with blanks in it: leave out the "
            "quotes, or put sh -c before it");
  EXPECT_EQ(why_not_run({Kind::kNotExecuted, EACCES}, {"my file"}),
            "cannot execute my file: Permission denied");
  EXPECT_EQ(why_not_run({Kind::kExited, 127}, {"echo hello"}), std::nullopt);
}

}  // namespace
}  // namespace cluster_leader
