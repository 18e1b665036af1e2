#include "base/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "support/command.h"

namespace cluster_leader {
namespace {

using testing::MatchesRegex;

std::string id_at(const std::string& path) { return std::get<std::string>(boot_id(path.c_str())); }
std::error_code error_at(const std::string& path) {
  // An errno of an earlier call must not be reported.
  errno = EXDEV;
  return std::get<std::error_code>(boot_id(path.c_str()));
}

TEST(MachineTest, BootIdStaysTheSame) {
  const auto id = std::get<std::string>(boot_id());
  EXPECT_THAT(id, MatchesRegex("[0-9a-f-]{36}"));
  EXPECT_EQ(std::get<std::string>(boot_id()), id);
}

TEST(MachineTest, BootIdIsTheFirstLineOfItsFile) {
  const TempFolder folder;
  EXPECT_EQ(id_at(folder.write("id", "1-2\n3\n")), "1-2");
  EXPECT_EQ(id_at(folder.write("id", "1-2")), "1-2");
}

TEST(MachineTest, MissingBootIdIsAnError) {
  const TempFolder folder;
  EXPECT_EQ(error_at(folder.file("nothing")), std::errc::no_such_file_or_directory);
  EXPECT_EQ(error_at(folder.path()), std::errc::is_a_directory);
  EXPECT_EQ(error_at(folder.write("empty", "")), std::errc::no_message_available);
  EXPECT_EQ(error_at(folder.write("blank", "\n")), std::errc::no_message_available);
}

TEST(MachineTest, NodeOnOneBootHasOneIdentity) {
  const std::string identity = machine_identity("web-1");
  EXPECT_THAT(identity, MatchesRegex("web-1/[0-9a-f-]{36}:[1-9][0-9]*"));
  EXPECT_EQ(machine_identity("web-1"), identity);
  EXPECT_NE(machine_identity("web-2"), identity);
}

}  // namespace
}  // namespace cluster_leader
