// The line for crontab(5) that the README shows, as cron runs it.
#include <cctype>

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
  std::vector<std::string> fields;
  std::string command;
};

Entry entry_of(const std::string& line) {
  std::istringstream stream(line);
  Entry entry;
  entry.fields.resize(std::size(kBounds));
  for (std::string& field : entry.fields) stream >> field;
  std::getline(stream >> std::ws, entry.command);
  return entry;
}

class CrontabTest : public ExampleTest {
 protected:
  static Entry shown() {
    const auto lines = lines_of(readme_block("*/5 * * * *"));
    EXPECT_THAT(lines, testing::SizeIs(1));
    return entry_of(lines.at(0));
  }

  /// As cron does it, which knows of no HOSTNAME.
  Process start(const std::string& node) const {
    return on_machine(node, {"/bin/sh", "-c", here(shown().command)})
        .with("SHELL", "/bin/sh")
        .with("HOME", folder_.path())
        .with("LOGNAME", "root")
        .with("REDIS_URL", url_of(server_))
        .start();
  }
};

TEST_F(CrontabTest, HasFiveFieldsOfTimeAndACommand) {
  const Entry entry = shown();
  for (std::size_t i = 0; i < entry.fields.size(); ++i) {
    EXPECT_TRUE(is_field(entry.fields[i], kBounds[i][0], kBounds[i][1])) << entry.fields[i];
  }
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

TEST_F(CrontabTest, AMachineWhoseClockIsLateDoesNotRunTheJobAgain) {
  const Ended punctual = start("web-1").wait();
  expect_one_run(punctual, start("web-2").wait());
}

}  // namespace
}  // namespace cluster_leader
