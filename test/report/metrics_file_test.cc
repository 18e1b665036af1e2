#include "report/metrics_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cctype>
#include <charconv>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "base/atomic_file.h"
#include "support/command.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSeven = 1'795'417'200'000;  ///< 2026-11-23T07:00:00Z

/// A reader of Prometheus' text exposition format that allows only what the format surely allows:
/// for each metric a HELP and a TYPE line and then all of its series, none of them twice, with
/// labels as they are escaped. Anything else throws.
class Exposition {
 public:
  using Labels = std::map<std::string, std::string>;

  explicit Exposition(const std::string& text) : rest_(text) {
    if (!text.ends_with('\n')) throw std::runtime_error("the last line is not complete");
    while (!rest_.empty()) read_metric();
  }

  /// The value of a series; throws if there is none.
  double value(const std::string& name, const Labels& labels) const {
    return samples_.at({name, labels});
  }
  const std::map<std::string, std::string>& types() const { return types_; }
  const std::map<std::pair<std::string, Labels>, double>& samples() const { return samples_; }

 private:
  void expect(std::string_view text) {
    if (!rest_.starts_with(text)) throw std::runtime_error("expected " + std::string(text));
    rest_.remove_prefix(text.size());
  }

  std::string take_while(auto&& belongs) {
    std::size_t end = 0;
    while (end < rest_.size() && belongs(rest_[end])) ++end;
    if (end == 0) throw std::runtime_error("expected something at " + std::string(rest_));
    const std::string taken(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return taken;
  }

  std::string take_name() {
    const std::string name =
        take_while([](unsigned char c) { return std::isalnum(c) || c == '_'; });
    if (std::isdigit(static_cast<unsigned char>(name[0]))) throw std::runtime_error(name);
    return name;
  }

  void read_metric() {
    expect("# HELP ");
    const std::string name = take_name();
    expect(" ");
    take_while([](char c) { return c != '\n' && c != '\\'; });
    expect("\n# TYPE " + name + " ");
    const std::string type = take_name();
    if (type != "gauge" && type != "counter") throw std::runtime_error(type);
    if ((type == "counter") != name.ends_with("_total")) throw std::runtime_error(name);
    if (!types_.emplace(name, type).second) throw std::runtime_error(name + " comes twice");
    expect("\n");
    do {
      read_sample(name);
    } while (!rest_.empty() && rest_[0] != '#');
  }

  void read_sample(const std::string& name) {
    expect(name);
    Labels labels;
    for (const char* before = "{"; !rest_.starts_with('}'); before = ",") {
      expect(before);
      const std::string label = take_name();
      expect("=\"");
      if (!labels.emplace(label, take_label_value()).second) throw std::runtime_error(label);
    }
    expect("} ");
    const std::string text =
        take_while([](unsigned char c) { return std::isdigit(c) || c == '.'; });
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) throw std::runtime_error(text);
    expect("\n");
    if (!samples_.emplace(std::pair(name, labels), value).second) {
      throw std::runtime_error("twice: " + name);
    }
  }

  std::string take_label_value() {
    std::string value;
    while (!rest_.starts_with('"')) {
      if (rest_.empty() || rest_[0] == '\n') throw std::runtime_error("label without an end");
      if (rest_[0] != '\\') {
        value += rest_[0];
        rest_.remove_prefix(1);
      } else {
        const std::string_view escape = rest_.substr(0, 2);
        if (escape == "\\n") {
          value += '\n';
        } else if (escape == "\\\\" || escape == "\\\"") {
          value += escape[1];
        } else {
          throw std::runtime_error("escape " + std::string(escape));
        }
        rest_.remove_prefix(2);
      }
    }
    rest_.remove_prefix(1);
    return value;
  }

  std::string_view rest_;
  std::map<std::string, std::string> types_;
  std::map<std::pair<std::string, Labels>, double> samples_;
};

TEST(ExpositionTest, RefusesWhatIsNotTheFormat) {
  const std::string head = "# HELP a_total x\n# TYPE a_total counter\n";
  EXPECT_EQ(
      Exposition(head + "a_total{k=\"\\\\\\\"\\n\"} 1.5\n").value("a_total", {{"k", "\\\"\n"}}),
      1.5);
  for (const std::string& bad :
       {head, head + "a_total{k=\"v\"} 1", head + "b_total{k=\"v\"} 1\n",
        head + "a_total{k=\"\\x\"} 1\n", head + "a_total{k=\"v\n\"} 1\n",
        head + "a_total{k=\"v\"} x\n", head + "a_total{k=\"v\",k=\"v\"} 1\n",
        head + "a_total{k=\"v\"} 1\na_total{k=\"v\"} 1\n", head + "a_total{k=\"v\"}  1\n",
        head + "a_total{k=\"v\"} 1\n\n",
        std::string("# TYPE a_total counter\na_total{k=\"v\"} 1\n")}) {
    EXPECT_ANY_THROW(Exposition{bad}) << bad;
  }
}

class MetricsFileTest : public ::testing::Test {
 protected:
  using Outcome = RunEnding::Outcome;

  static RunEnding ran() {
    RunEnding ending;
    ending.outcome = Outcome::kRan;
    ending.status = 3;
    ending.token = {1764};
    ending.asked_ms = kSeven;
    ending.decided_ms = kSeven + 250;
    ending.started_ms = kSeven + 300;
    ending.finished_ms = kSeven + 61'401;
    ending.slot = 2;
    ending.renewals = 30;
    ending.slowest_renewal = 1'234'567ns;
    return ending;
  }

  static RunEnding skipped(Outcome outcome, int status) {
    RunEnding ending;
    ending.outcome = outcome;
    ending.status = status;
    ending.asked_ms = kSeven + 120'000;
    ending.decided_ms = kSeven + 120'007;
    return ending;
  }

  void write(const RunEnding& ending) const {
    EXPECT_EQ(write_metrics_file(path_, named(ending)), std::nullopt);
  }

  RunEnding named(RunEnding ending) const {
    ending.key = key_;
    ending.node = node_;
    return ending;
  }

  /// The value of a series of the key and node, after the file has been found to be well-formed.
  double value(const std::string& name, const std::string& outcome = "") const {
    Exposition::Labels labels = {{"key", key_}, {"node", node_}};
    if (!outcome.empty()) labels["outcome"] = outcome;
    return Exposition(content_of(path_)).value("cluster_leader_" + name, labels);
  }
  double runs(const std::string& outcome) const { return value("runs_total", outcome); }

  TempFolder folder_;
  std::string path_ = folder_.file("job-a.prom");
  std::string key_ = "job-a";
  std::string node_ = "web-1";
};

TEST_F(MetricsFileTest, TellsOfTheLastRun) {
  write(ran());
  EXPECT_EQ(value("last_run_outcome", "ran"), 1);
  for (const char* other :
       {"follower", "joined", "lost", "asked", "superseded", "unavailable", "error"}) {
    EXPECT_EQ(value("last_run_outcome", other), 0) << other;
    EXPECT_EQ(runs(other), 0) << other;
  }
  EXPECT_EQ(value("last_run_exit_status"), 3);
  EXPECT_EQ(value("last_run_waited_seconds"), 0.25);
  EXPECT_EQ(value("last_run_start_timestamp_seconds"), 1'795'417'200.3);
  EXPECT_EQ(value("last_run_duration_seconds"), 61.101);
  EXPECT_EQ(value("last_run_slot"), 2);
  EXPECT_EQ(value("last_run_slowest_renewal_seconds"), 0.001235);
  EXPECT_EQ(value("lease_renewals_total"), 30);
  EXPECT_EQ(runs("ran"), 1);
}

TEST_F(MetricsFileTest, HasTheSameSeriesForEveryOutcome) {
  write(ran());
  const Exposition first(content_of(path_));
  EXPECT_EQ(first.types().size(), 9U);
  EXPECT_EQ(first.samples().size(), 7U + 2 * std::size(kOutcomeNames));
  for (const OutcomeName& row : kOutcomeNames) {
    std::filesystem::remove(path_);
    write(skipped(row.outcome, 1));
    const Exposition other(content_of(path_));
    EXPECT_EQ(other.types(), first.types());
    EXPECT_EQ(other.samples().size(), first.samples().size());
    for (const auto& [series, value] : other.samples()) {
      EXPECT_TRUE(first.samples().contains(series)) << series.first;
    }
    EXPECT_EQ(runs(row.name), 1);
    EXPECT_EQ(value("last_run_outcome", row.name), 1);
  }
}

TEST_F(MetricsFileTest, CountsOnFromRunToRun) {
  write(ran());
  write(ran());
  write(skipped(Outcome::kFollower, 75));
  write(skipped(Outcome::kJoined, 3));
  write(skipped(Outcome::kUnavailable, 69));
  write(skipped(Outcome::kError, 77));
  RunEnding lost = ran();
  lost.renewals = 4;
  for (const Outcome outcome : {Outcome::kLost, Outcome::kAsked, Outcome::kSuperseded}) {
    lost.outcome = outcome;
    write(lost);
  }
  EXPECT_EQ(runs("ran"), 2);
  for (const char* once :
       {"follower", "joined", "lost", "asked", "superseded", "unavailable", "error"}) {
    EXPECT_EQ(runs(once), 1) << once;
  }
  EXPECT_EQ(value("lease_renewals_total"), 72);
}

TEST_F(MetricsFileTest, SkippedRunKeepsWhatIsKnownOfTheLastJob) {
  write(skipped(Outcome::kFollower, 75));
  EXPECT_EQ(value("last_run_start_timestamp_seconds"), 0);
  EXPECT_EQ(value("last_run_duration_seconds"), 0);
  EXPECT_EQ(value("last_run_slowest_renewal_seconds"), 0);
  write(ran());
  RunEnding joined = skipped(Outcome::kJoined, 0);
  joined.started_ms = kSeven + 100'000;
  joined.finished_ms = kSeven + 110'000;
  RunEnding not_executed = ran();
  not_executed.outcome = Outcome::kError;
  not_executed.started_ms += 1;
  for (const RunEnding& skip : {skipped(Outcome::kFollower, 75), joined, not_executed}) {
    write(skip);
    EXPECT_EQ(value("last_run_exit_status"), skip.status);
    EXPECT_EQ(value("last_run_start_timestamp_seconds"), 1'795'417'200.3);
    EXPECT_EQ(value("last_run_duration_seconds"), 61.101);
    EXPECT_EQ(value("last_run_slot"), 2);
    EXPECT_EQ(value("last_run_slowest_renewal_seconds"), 0.001235);
  }
}

TEST_F(MetricsFileTest, ClockThatWasSetBackMakesNoNegativeTimes) {
  RunEnding ending = ran();
  std::swap(ending.started_ms, ending.finished_ms);
  std::swap(ending.asked_ms, ending.decided_ms);
  write(ending);
  EXPECT_EQ(value("last_run_duration_seconds"), 0);
  EXPECT_EQ(value("last_run_waited_seconds"), 0);
}

TEST_F(MetricsFileTest, LabelsAreEscapedAndUtf8) {
  key_ = "quote\" back\\slash\\n line\nbreak \xc3\xa4 } , \xff\xed\xa0\x80";
  node_ = "a b 1";
  write(ran());
  write(ran());
  key_.replace(key_.find('\xff'), 4, "\ufffd\ufffd\ufffd\ufffd");
  EXPECT_EQ(runs("ran"), 2);
}

TEST_F(MetricsFileTest, AnotherKeysOrNodesCountsAreReplaced) {
  write(ran());
  key_ = "job-b";
  write(ran());
  EXPECT_EQ(runs("ran"), 1);
  EXPECT_EQ(content_of(path_).find("job-a"), std::string::npos);
  node_ = "web-2";
  write(ran());
  EXPECT_EQ(runs("ran"), 1);
  EXPECT_EQ(content_of(path_).find("web-1"), std::string::npos);
}

TEST_F(MetricsFileTest, GarbageCountsAsNothing) {
  write(ran());
  const std::string good = content_of(path_);
  const std::string series = R"(cluster_leader_runs_total{key="job-a",node="web-1",outcome="ran"})";
  for (const std::string bad : {" x", " -1", " 1.5", " 1e3", " 99999999999999999999999", "", " ",
                                " 1 1795417200", " nan", " +7", " 9007199254740993"}) {
    folder_.write("job-a.prom", series + bad + '\n');
    write(ran());
    EXPECT_EQ(content_of(path_), good) << bad;
  }
  for (const std::string& text :
       {std::string(), std::string("\n\n \n"), std::string("\0\xff\n", 3), series + " 41",
        '\x1b' + series + " 41\n", "# " + series + " 41\n",
        std::string(3'000'000, '\n') + series + " 41\n"}) {
    folder_.write("job-a.prom", text);
    write(ran());
    EXPECT_EQ(content_of(path_), good) << text.substr(0, 100);
  }
  folder_.write("job-a.prom", "whatever\n" + series + " 41\nmore");
  write(ran());
  EXPECT_EQ(runs("ran"), 42);
}

TEST_F(MetricsFileTest, GarbageInPlaceOfATimeIsNotKept) {
  for (const std::string bad : {"nan", "inf", "-1", "x", "1 2"}) {
    folder_.write(
        "job-a.prom",
        "cluster_leader_last_run_duration_seconds{key=\"job-a\",node=\"web-1\"} " + bad + '\n');
    write(skipped(Outcome::kFollower, 75));
    EXPECT_EQ(value("last_run_duration_seconds"), 0) << bad;
  }
}

TEST_F(MetricsFileTest, RunsThatEndAtTheSameTimeAreAllCounted) {
  constexpr int kRunners = 8;
  constexpr int kRunsOfEach = 25;
  std::vector<std::thread> runners;
  for (int i = 0; i < kRunners; ++i) {
    runners.emplace_back([&] {
      for (int n = 0; n < kRunsOfEach; ++n) write(ran());
    });
  }
  for (std::thread& runner : runners) runner.join();
  EXPECT_EQ(runs("ran"), kRunners * kRunsOfEach);
  EXPECT_EQ(value("lease_renewals_total"), 30 * kRunners * kRunsOfEach);
}

TEST_F(MetricsFileTest, LeavesNothingBesideTheFile) {
  write(ran());
  write(ran());
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.path(), path_);
  }
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0644U);
}

TEST_F(MetricsFileTest, WhoKeepsTheDirectoryLockedDoesNotKeepUsForLong) {
  const UniqueFd lock = lock_directory_of(path_, 0s);
  ASSERT_TRUE(lock);
  const Time begin = BootClock::now();
  write(ran());
  EXPECT_LT(BootClock::now() - begin, 10s);
  EXPECT_EQ(runs("ran"), 1);
}

TEST_F(MetricsFileTest, SaysWhyItCannotBeWritten) {
  EXPECT_EQ(write_metrics_file(folder_.path(), ran()), "Is a directory");
  EXPECT_EQ(write_metrics_file(folder_.file("nowhere/x.prom"), ran()), "No such file or directory");
  ASSERT_EQ(::mkfifo(path_.c_str(), 0666), 0);
  EXPECT_EQ(write_metrics_file(path_, ran()), "it is not a regular file");
}

}  // namespace
}  // namespace cluster_leader
