// Holds what the program writes as JSON against the members that the manual names.
#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "support/cli_world.h"
#include "support/cluster_world.h"
#include "support/elector.h"
#include "support/grown_server.h"
#include "support/manual.h"
#include "support/sentinel_world.h"

namespace cluster_leader {
namespace {

using Json = nlohmann::json;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;

/// The type of each member of what `verb` writes, as its page has it: "string", "integer or null".
std::map<std::string, std::string> members(const std::string& verb) {
  const std::string text = section(page_of(verb), "JSON");
  std::map<std::string, std::string> types;
  for (const std::string& name : all(text, "\n {5}([a-z_]+) \\([a-z ]+\\)  ")) {
    const Names found = all(text, "\n {5}" + name + " \\(([a-z ]+)\\)  ");
    EXPECT_EQ(found.size(), 1U) << name;
    types[name] = *found.begin();
  }
  return types;
}

bool fits(const Json& value, const std::string& type) {
  if (value.is_null()) return type.ends_with(" or null");
  return value.is_string() ? type.starts_with("string")
                           : value.is_number_integer() && type.starts_with("integer");
}

/// Fails unless `object` has the members that the page of `verb` names, each of its type, and no
/// others.
void expect_members(const Json& object, const std::string& verb) {
  const auto types = members(verb);
  EXPECT_THAT(types, Not(IsEmpty()));
  Names in_manual;
  for (const auto& [name, type] : types) {
    in_manual.insert(name);
    EXPECT_TRUE(object.contains(name) && fits(object[name], type)) << name << " in " << object;
  }
  Names in_object;
  for (const auto& [name, value] : object.items()) in_object.insert(name);
  EXPECT_EQ(in_object, in_manual) << verb;
}

class ManualJsonTest : public CliTest {
 protected:
  /// The one line of JSON that `cluster-leader WORDS` says about leases on the server.
  Json said(const Words& words, const std::string& servers) const {
    Words argv = {CLUSTER_LEADER_BINARY};
    const Ended ended = Command(joined(argv, words)).with("CLUSTER_LEADER_SERVER", servers).run();
    EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '\n'), 1) << ended;
    for (const char c : ended.out) EXPECT_TRUE(c == '\n' || (c >= ' ' && c < 0x7f)) << ended;
    return Json::parse(ended.out, nullptr, /*allow_exceptions=*/false);
  }
  Json said(const Words& words) const { return said(words, url_of(server_)); }

  GrownServer server_;
};

TEST_F(ManualJsonTest, NamesTheMembersOfWhatReleaseSays) {
  const Words release = {"release", "--key", "job-a", "--node", "web-2", "--json"};
  expect_members(said(release), "release");
  const Elector holder(on(server_, {"--key", "job-a", "--node", "web-1"}));
  ASSERT_TRUE(holder.is("leader"));
  const Json refused = said(release);
  expect_members(refused, "release");
  EXPECT_EQ(refused["leader"], "web-1");
}

TEST_F(ManualJsonTest, NamesTheMembersOfTheLinesOfElect) {
  Elector one(on(server_, {"--key", "job-a", "--node", "web-1", "--ttl", "2"}));
  ASSERT_TRUE(one.is("leader"));
  Elector other(on(server_, {"--key", "job-a", "--node", "web-2", "--ttl", "2"}));
  ASSERT_TRUE(other.is("follower"));
  one.stop();
  ASSERT_TRUE(other.is("leader"));
  server_.kill();
  ASSERT_TRUE(other.is("down"));
  for (const Elector* elector : {&one, &other}) {
    for (const StateLine& line : elector->lines()) expect_members(Json::parse(line.text), "elect");
  }
}

TEST_F(ManualJsonTest, NamesTheMembersOfWhatCheckSays) {
  const Words check = {"check", "--key", "job-a", "--output", "json"};
  expect_members(said(check), "check");
  Elector elector(on(server_, {"--key", "job-a"}));
  ASSERT_TRUE(elector.is("leader"));
  const Json held = said(check);
  EXPECT_NE(held["leader"], Json());
  expect_members(held, "check");
}

TEST_F(ManualJsonTest, NamesTheMembersOfWhatStatusSays) {
  Elector elector(on(server_, {"--key", "job-a"}), {"sleep", "1000"});
  ASSERT_TRUE(elector.is("leader"));
  const Json keys = said({"status", "--json", "--key", "job-a", "--key", "nobodys"});
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_NE(keys[0]["label"], Json());
  for (const Json& key : keys) expect_members(key, "status");
}

TEST_F(ManualJsonTest, NamesTheMembersAndTheChecksOfDoctor) {
  std::filesystem::create_directory(path("leases"));
  Names checks;
  const GrownServer second;
  const GrownServer third;
  const std::string quorum = url_of(server_) + " " + url_of(second) + " " + url_of(third);
  const SentinelWorld sentinels;
  const ClusterWorld cluster({.has_replicas = false});
  for (const std::string& servers :
       {url_of(server_), file_url(), quorum, sentinels.url(), cluster.url()}) {
    Words doctor = {"doctor", "--json"};
    if (servers == sentinels.url()) doctor = joined(doctor, {"--min-replicas", "2"});
    const Json findings = said(doctor, servers);
    EXPECT_THAT(findings, Not(IsEmpty()));
    for (const Json& finding : findings) {
      expect_members(finding, "doctor");
      checks.insert(finding["check"]);
    }
  }
  // Only of a server that is lost in the middle of it.
  checks.insert("answers");
  EXPECT_THAT(checks, Contains("timing"));
  EXPECT_EQ(all(section(page_of("doctor"), "CHECKS"), "\n {5}([a-z][a-z-]+) {2,}"), checks);
}

}  // namespace
}  // namespace cluster_leader
