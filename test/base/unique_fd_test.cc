#include "base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <type_traits>
#include <utility>

namespace cluster_leader {
namespace {

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFdTest, ClosesWhatItOwns) {
  const int fd = open_null();
  { const UniqueFd owner(fd); }
  EXPECT_FALSE(is_open(fd));
}

TEST(UniqueFdTest, EmptyIsFalseAndClosesNothing) {
  UniqueFd none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.get(), -1);
  none.reset();
  EXPECT_FALSE(none);
}

TEST(UniqueFdTest, ZeroIsADescriptorLikeAnyOther) {
  UniqueFd zero(0);
  EXPECT_TRUE(zero);
  EXPECT_EQ(zero.release(), 0);
}

TEST(UniqueFdTest, ReleaseGivesTheDescriptorAway) {
  int fd = -1;
  {
    UniqueFd owner(open_null());
    fd = owner.release();
    EXPECT_FALSE(owner);
  }
  EXPECT_TRUE(is_open(fd));
  ::close(fd);
}

TEST(UniqueFdTest, MovingHasOneOwner) {
  const int fd = open_null();
  UniqueFd first(fd);
  UniqueFd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.get(), fd);

  const int other = open_null();
  UniqueFd third(other);
  third = std::move(second);
  EXPECT_FALSE(is_open(other));
  EXPECT_TRUE(is_open(fd));
  EXPECT_EQ(third.get(), fd);
}

TEST(UniqueFdTest, MovingIntoItselfKeepsIt) {
  UniqueFd owner(open_null());
  UniqueFd& same = owner;
  owner = std::move(same);
  EXPECT_TRUE(owner);
  EXPECT_TRUE(is_open(owner.get()));
}

TEST(UniqueFdTest, ResetClosesTheOldOneOnly) {
  const int first = open_null();
  const int second = open_null();
  UniqueFd owner(first);
  owner.reset(second);
  EXPECT_FALSE(is_open(first));
  EXPECT_TRUE(is_open(second));
}

TEST(UniqueFdTest, CannotBeCopied) {
  EXPECT_FALSE(std::is_copy_constructible_v<UniqueFd>);
  EXPECT_FALSE(std::is_copy_assignable_v<UniqueFd>);
}

}  // namespace
}  // namespace cluster_leader
