#include "commands/setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cluster_leader {
namespace {

std::string label_of(const std::string& label, const std::vector<std::string>& command) {
  Options options;
  options.label = label;
  options.command = command;
  return make_candidate(options).label;
}

TEST(CandidateTest, TheLabelIsTheNameOfTheCommandUnlessAnotherIsGiven) {
  EXPECT_EQ(label_of("", {"/usr/bin/backup", "--password", "s3cret"}), "backup");
  EXPECT_EQ(label_of("", {"backup"}), "backup");
  EXPECT_EQ(label_of("nightly backup", {"/usr/bin/backup"}), "nightly backup");
  EXPECT_EQ(label_of("", {}), "");
}

TEST(CandidateTest, ALabelIsCutTo200Bytes) {
  const std::string longest(200, 'x');
  EXPECT_EQ(label_of(longest + 'y', {"true"}), longest);
  EXPECT_EQ(label_of("", {"/bin/" + longest + 'y'}), longest);
}

}  // namespace
}  // namespace cluster_leader
