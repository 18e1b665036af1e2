#include "report/fitted_table.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

const std::vector<std::vector<Cell>> kRows = {{{"KEY"}, {"LABEL"}, {"TOKEN"}},
                                              {{"job-a"}, {"nightly-report"}, {"17"}}};
const std::vector<Saving> kSavings = {{1, 8}, {2, 0}, {0, 4}};

std::string in(std::size_t width) { return fitted_table(kRows, kSavings, width, false); }

TEST(FittedTableTest, IsWholeWhereThereIsRoom) {
  EXPECT_EQ(in(28), draw_table(kRows, false));
  EXPECT_EQ(in(1000), draw_table(kRows, false));
}

TEST(FittedTableTest, ShortensTheLeastImportantColumnNoMoreThanNeeded) {
  EXPECT_EQ(in(27),
            "KEY    LABEL          TOKEN\n"
            "job-a  nightly-re...  17\n");
  EXPECT_EQ(in(22),
            "KEY    LABEL     TOKEN\n"
            "job-a  night...  17\n");
}

TEST(FittedTableTest, LeavesColumnsOutAndShortensOthersInTheGivenOrder) {
  EXPECT_EQ(in(21),
            "KEY    LABEL\n"
            "job-a  night...\n");
  EXPECT_EQ(in(14),
            "KEY   LABEL\n"
            "j...  night...\n");
  EXPECT_EQ(in(1), in(14)) << "more cannot be saved";
}

TEST(FittedTableTest, MeasuresWhatATerminalShows) {
  const std::vector<std::vector<Cell>> rows = {{{"\x1b[1m"}, {"日本語"}}};
  EXPECT_EQ(fitted_table(rows, {{1, 4}}, 15, false), "\\x1b[1m  日本語\n");
  EXPECT_EQ(fitted_table(rows, {{1, 5}}, 14, false), "\\x1b[1m  日...\n");
}

}  // namespace
}  // namespace cluster_leader
