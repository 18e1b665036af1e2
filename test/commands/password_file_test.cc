#include "commands/password_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "support/command.h"

namespace cluster_leader {
namespace {

struct stat status_of(mode_t mode, uid_t owner = ::geteuid()) {
  struct stat status {};
  status.st_mode = S_IFREG | mode;
  status.st_uid = owner;
  return status;
}

TEST(PasswordFileTest, OthersMayNotReadIt) {
  const TempFolder folder;
  EXPECT_EQ(exposure_of(folder.write("own", "s3cret\n", 0600)), std::nullopt);
  const std::string open = folder.write("open", "s3cret\n", 0604);
  EXPECT_EQ(exposure_of(open),
            "the password file " + open + " can be read by all users: chmod 600 it");
  const std::string shared = folder.write("shared", "s3cret\n", 0640);
  EXPECT_EQ(exposure_of(shared),
            "the password file " + shared + " can be read by its group: chmod 600 it");
  EXPECT_EQ(exposure_of(folder.file("none")), std::nullopt);
  EXPECT_EQ(exposure_of(folder.path()), std::nullopt);
}

TEST(PasswordFileTest, AnotherUsersFileMayBeSharedWithOurGroup) {
  const uid_t other = ::geteuid() + 1;
  EXPECT_EQ(exposure_of("/etc/redis-password", status_of(0640, other), false), std::nullopt);
  EXPECT_NE(exposure_of("/etc/redis-password", status_of(0644, other), false), std::nullopt);
}

TEST(PasswordFileTest, AMountedSecretHasTheRightsThatItWasGiven) {
  for (const char* path : {"/run/secrets/redis", "/var/run/secrets/redis"}) {
    EXPECT_EQ(exposure_of(path, status_of(0444, 0), false), std::nullopt) << path;
  }
  EXPECT_EQ(exposure_of("/etc/secret/redis", status_of(0644, 0), true), std::nullopt);
  EXPECT_NE(exposure_of("/etc/secret/redis", status_of(0644, 0), false), std::nullopt);
}

}  // namespace
}  // namespace cluster_leader
