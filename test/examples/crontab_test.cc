// The lines for crontab(5) that the README shows, as the cron of Debian runs them.
#include <cctype>
#include <map>

#include "options/duration.h"
#include "support/example_world.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

/// Whether cron takes a field of time: a list of numbers, ranges, or `*`, the last two perhaps with
/// a step; the numbers from `first` to `last`.
bool is_field(const std::string& field, int first, int last) {
  std::istringstream items(field + ',');
  for (std::string item; std::getline(items, item, ',');) {
    int from = first, to = last, step = 1, end = 0;
    const char* text = item.c_str();
    if (std::sscanf(text, "*/%d%n", &step, &end) == 1 && text[end] == '\0') {
    } else if (item == "*") {
    } else if (std::sscanf(text, "%d-%d/%d%n", &from, &to, &step, &end) == 3 && text[end] == '\0') {
    } else if (std::sscanf(text, "%d-%d%n", &from, &to, &end) == 2 && text[end] == '\0') {
    } else if (std::sscanf(text, "%d%n", &from, &end) == 1 && text[end] == '\0') {
      to = from;
    } else {
      return false;
    }
    if (from < first || to > last || from > to || step < 1) return false;
  }
  return true;
}

/// Of which numbers the five fields are.
constexpr int kBounds[5][2] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};

struct Entry {
  std::map<std::string, std::string> settings;  ///< of the environment
  std::vector<std::string> fields;
  std::string command;
};

/// The lines NAME=VALUE, and the entry in the last line.
Entry entry_of(std::vector<std::string> lines) {
  Entry entry;
  std::istringstream stream(lines.back());
  lines.pop_back();
  for (const std::string& line : lines) {
    const std::size_t equals = line.find('=');
    EXPECT_NE(equals, line.npos) << line;
    entry.settings[line.substr(0, equals)] = line.substr(equals + 1);
  }
  entry.fields.resize(std::size(kBounds));
  for (std::string& field : entry.fields) stream >> field;
  std::getline(stream >> std::ws, entry.command);
  return entry;
}

class CrontabTest : public ExampleTest {
 protected:
  static Entry shown() { return entry_of(lines_of(readme_block("*/5 * * * *"))); }

  /// As cron does it, which knows of no HOSTNAME.
  Command on(const std::string& node, const Entry& entry) const {
    Command command = on_machine(node, {"/bin/sh", "-c", here(entry.command)})
                          .with("SHELL", "/bin/sh")
                          .with("HOME", folder_.path())
                          .with("LOGNAME", "root")
                          .with("PATH", "/usr/bin:/bin");
    for (const auto& [name, value] : entry.settings) {
      command.with(name, name == "REDIS_URL" ? url_of(server_)
                         : name == "PATH"    ? here(value)
                                             : value);
    }
    return command;
  }
  Process start(const std::string& node) const { return on(node, shown()).start(); }
};

TEST_F(CrontabTest, HasFiveFieldsOfTimeAndACommand) {
  Entry entry = shown();
  for (std::size_t i = 0; i < entry.fields.size(); ++i) {
    EXPECT_TRUE(is_field(entry.fields[i], kBounds[i][0], kBounds[i][1])) << entry.fields[i];
  }
  EXPECT_EQ(entry.settings["REDIS_URL"], "redis://redis:6379");
  EXPECT_THAT(entry.command, testing::StartsWith("cluster-leader run "));
  // cron would end the command there, and hand the rest to it as input.
  EXPECT_EQ(entry.command.find('%'), std::string::npos);
}

TEST_F(CrontabTest, AFieldThatCronWouldRefuseIsNoticed) {
  for (const char* field : {"*", "*/5", "0", "59", "1-5", "10-50/10", "1,2,3-9"}) {
    EXPECT_TRUE(is_field(field, 0, 59)) << field;
  }
  for (const char* field : {"", "60", "*/0", "*/5x", "5-1", "1,", "x", "**", "-1"}) {
    EXPECT_FALSE(is_field(field, 0, 59)) << field;
  }
}

TEST_F(CrontabTest, TheHoldIsShorterThanThePeriod) {
  const Entry entry = shown();
  int minutes = 0;
  ASSERT_EQ(std::sscanf(entry.fields[0].c_str(), "*/%d", &minutes), 1);
  EXPECT_LT(parse_duration(value_of("--min-hold", plain_words(entry.command))),
            std::chrono::minutes(minutes));
}

TEST_F(CrontabTest, OneOfTwoMachinesRunsTheJobAndNeitherGetsMail) {
  Process one = start("web-1");
  Process other = start("web-2");
  const Ended end_of_one = one.wait();
  expect_one_run(end_of_one, other.wait());
}

TEST_F(CrontabTest, WithoutTheLineForPathCronDoesNotFindIt) {
  Entry entry = shown();
  ASSERT_EQ(entry.settings.erase("PATH"), 1U);
  EXPECT_EQ(on("web-1", entry).run().status(), 127);
}

TEST_F(CrontabTest, AMachineWhoseClockIsLateDoesNotRunTheJobAgain) {
  const Ended punctual = start("web-1").wait();
  expect_one_run(punctual, start("web-2").wait());
}

}  // namespace
}  // namespace cluster_leader
