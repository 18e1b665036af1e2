#include "report/screen.h"

#include <gtest/gtest.h>

namespace cluster_leader {
namespace {

TEST(ScreenTest, WritesEachLineOverTheOneBeforeAndClearsWhatIsLeft) {
  EXPECT_EQ(redrawn("a\nb\n", 24), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
  EXPECT_EQ(redrawn("", 24), "\x1b[H\x1b[J");
}

TEST(ScreenTest, DoesNotScroll) {
  // The cursor is on the line after the last one.
  EXPECT_EQ(redrawn("a\nb\nc\n", 4), "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\n\x1b[J");
  EXPECT_EQ(redrawn("a\nb\nc\nd\n", 4),
            "\x1b[Ha\x1b[K\nb\x1b[K\n... and 2 more lines\x1b[K\n\x1b[J");
}

}  // namespace
}  // namespace cluster_leader
