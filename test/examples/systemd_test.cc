// The units for systemd that the recipes show, as systemd reads them, and what they start.
#include <signal.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "options/duration.h"
#include "support/example_world.h"
#include "support/manual.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;

/// The settings of a unit file by their names; those that are given several times fail the test.
std::map<std::string, std::string> settings_of(const std::string& unit) {
  std::string text = unit;
  // A line goes on behind a backslash.
  for (std::size_t at; (at = text.find("\\\n")) != std::string::npos;) text.replace(at, 2, " ");
  std::map<std::string, std::string> settings;
  for (const std::string& line : lines_of(text)) {
    const std::size_t equals = line.find('=');
    if (line.starts_with("#") || equals == std::string::npos) continue;
    const bool is_new = settings.emplace(line.substr(0, equals), line.substr(equals + 1)).second;
    EXPECT_TRUE(is_new) << line;
  }
  return settings;
}

/// A span of time, as systemd understands it.
Duration span(const std::string& text) {
  // It says the microseconds in a line of their own.
  const std::string said = output_of("LC_ALL=C systemd-analyze timespan '" + text + "'");
  const auto found = all(said, "s: ([0-9]+)\n");
  EXPECT_THAT(found, testing::SizeIs(1)) << said;
  return std::chrono::microseconds(found.empty() ? 0 : std::stoll(*found.begin()));
}

/// The time between two elapses, of which one is at midnight of a winter's day.
Duration period(const std::string& calendar) {
  const std::string said = output_of(
      "TZ=UTC LC_ALL=C systemd-analyze calendar --iterations=2 "
      "--base-time='2026-01-01 00:00:00' '" +
      calendar + "'");
  std::vector<std::time_t> times;
  for (const std::string& at : all(said, "(?:elapse|#2): [A-Z][a-z]+ ([-0-9]+ [:0-9]+) UTC\n")) {
    std::tm parts{};
    EXPECT_NE(::strptime(at.c_str(), "%Y-%m-%d %H:%M:%S", &parts), nullptr) << at;
    times.push_back(::timegm(&parts));
  }
  EXPECT_THAT(times, testing::SizeIs(2)) << said;
  return std::chrono::seconds(times.size() == 2 ? times[1] - times[0] : 0);
}

class SystemdTest : public ExampleTest {
 protected:
  static std::string service() { return manual_block("Type=oneshot"); }
  static std::string timer() { return manual_block("OnCalendar="); }
  static Words command() { return plain_words(settings_of(service())["ExecStart"]); }

  /// What systemd has to say about these unit files, of which it warns while it still takes them.
  std::string complaints(const std::map<std::string, std::string>& units) const {
    std::string command = "LC_ALL=C systemd-analyze verify --man=no --recursive-errors=no";
    for (const auto& [name, text] : units) command += " '" + folder_.write(name, text) + "'";
    // Units of this machine may have faults of their own.
    const auto is_about_these = [&](const std::string& line) {
      return std::any_of(units.begin(), units.end(), [&](const auto& unit) {
        return line.find(unit.first) != std::string::npos;
      });
    };
    std::string about_these;
    for (const std::string& line : lines_of(output_of("{ " + command + " || echo status $?; }"))) {
      if (line.starts_with("status ") || is_about_these(line)) about_these += line + '\n';
    }
    return about_these;
  }

  /// What systemd starts, with the environment that it gives it.
  Command started_on(const std::string& node) const {
    const std::string environment = settings_of(service())["Environment"];
    EXPECT_EQ(environment, "REDIS_URL=redis://redis:6379");
    Words words = command();
    for (std::string& word : words) {
      if (word.starts_with('/')) word = here(word);
    }
    return on_machine(node, words).with("REDIS_URL", url_of(server_));
  }
};

TEST_F(SystemdTest, FindsNoFaultInTheUnits) {
  EXPECT_EQ(complaints({{"report.service", here(service())}, {"report.timer", timer()}}), "");
}

TEST_F(SystemdTest, FindsNoFaultInTheServiceForElect) {
  folder_.write("bin/db-writer", "#!/bin/sh\n", 0755);
  EXPECT_EQ(complaints({{"db-writer.service", here(manual_block("Type=notify"))}}), "");
}

TEST_F(SystemdTest, WouldFindFaults) {
  const auto complaints_of = [&](const std::string& from, const std::string& to) {
    return complaints({{"report.service", replaced(here(service()), from, to)}});
  };
  EXPECT_THAT(complaints_of("KillMode=mixed", "KillMode=both"), HasSubstr("kill mode"));
  EXPECT_THAT(complaints_of("SuccessExitStatus", "SuccessStatus"), HasSubstr("SuccessStatus"));
  EXPECT_THAT(complaints_of("bin/cluster-leader", "bin/cluster-follower"), HasSubstr("follower"));
  EXPECT_THAT(complaints({{"report.service", here(service())},
                          {"report.timer", replaced(timer(), "*:0/5", "*:0/65")}}),
              HasSubstr("*:0/65"));
}

TEST_F(SystemdTest, TheTimerStartsTheServiceOfItsName) {
  EXPECT_THAT(timer(), testing::StartsWith("# /etc/systemd/system/report.timer\n"));
  EXPECT_THAT(service(), testing::StartsWith("# /etc/systemd/system/report.service\n"));
  EXPECT_EQ(settings_of(timer())["WantedBy"], "timers.target");
}

TEST_F(SystemdTest, TheHoldIsLongerThanMachinesAreApartAndShorterThanThePeriod) {
  auto settings = settings_of(timer());
  const auto or_default = [&](const char* name, const char* value) {
    return settings.contains(name) ? settings[name] : value;
  };
  const auto hold = parse_duration(value_of("--min-hold", command()));
  EXPECT_LT(span(or_default("AccuracySec", "1min")) + span(or_default("RandomizedDelaySec", "0")),
            hold);
  EXPECT_LT(hold, period(settings["OnCalendar"]));
  // A machine that was down would make up for a run that another one has done.
  EXPECT_FALSE(settings.contains("Persistent"));
}

TEST_F(SystemdTest, StopsTheJobThroughUsAndLeavesTimeForThat) {
  auto settings = settings_of(service());
  EXPECT_EQ(settings["KillMode"], "mixed");
  EXPECT_GT(span(settings["TimeoutStopSec"]), parse_duration(value_of("--kill-after", command())));
}

TEST_F(SystemdTest, OneOfTwoMachinesRunsTheJobAndTheOtherIsNoFailedUnit) {
  Process one = started_on("web-1").start();
  Process other = started_on("web-2").start();
  const Ended end_of_one = one.wait();
  expect_one_run(end_of_one, other.wait());
  auto settings = settings_of(service());
  // Only with this type does systemd wait for the job and look at its status at the start.
  EXPECT_EQ(settings["Type"], "oneshot");
  EXPECT_THAT(plain_words(settings["SuccessExitStatus"]), Contains("75"));
}

TEST_F(SystemdTest, AStopReachesTheJobAndGivesTheLeaseBack) {
  folder_.write("bin/report",
                "#!/bin/sh\ntrap 'echo tidy; exit 3' TERM\necho runs\n"
                "while :; do sleep 0.02; done\n",
                0755);
  Process job = started_on("web-1").start();
  ASSERT_TRUE(job.says("runs"));
  job.signal(SIGTERM);
  const Ended ended = job.wait();
  EXPECT_EQ(ended.status(), 3) << ended;
  EXPECT_EQ(ended.out, "runs\ntidy\n");
  // It is only held: nobody runs the job.
  EXPECT_THAT(server_.text({"GET", "report"}), testing::StartsWith("held:"));
}

}  // namespace
}  // namespace cluster_leader
