#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "support/command.h"
#include "support/run_log.h"
#include "support/server.h"

namespace cluster_leader {

/// What most tests of the built binary need: their own folder, leases in it for tests in which the
/// kind of store does not matter, jobs, and expectations.
class CliTest : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;

  /// How much later than promised we may see the end of a process: the machine may be busy.
  static constexpr Duration kBusy = std::chrono::seconds(2);

  /// The URL of leases in this test's folder, in a directory that exists.
  std::string file_url() const {
    ::mkdir(folder_.file("leases").c_str(), 0755);
    return "file://" + folder_.file("leases");
  }

  /// Leases in this test's folder.
  Words on_file(Words more = {}) const { return joined({"--server", file_url()}, more); }

  /// Leases on a server, over TCP.
  static Words on(const Server& server, const Words& more = {}) {
    return joined({"--server", url_of(server)}, more);
  }
  static std::string url_of(const Server& server) {
    return "redis://127.0.0.1:" + std::to_string(server.port());
  }

  static Words joined(Words first, const Words& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }

  std::string path(const std::string& name) const { return folder_.file(name); }
  bool exists(const std::string& name) const { return ::access(path(name).c_str(), F_OK) == 0; }

  /// A follower: status 75 and no output.
  static void expect_silent_follower(const Ended& ended) {
    EXPECT_EQ(ended.status(), 75) << ended;
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(ended.err, "");
  }

  /// Our own failure: this status, nothing on stdout, and one line on stderr with these parts.
  static void expect_failure(const Ended& ended, int status, const Words& parts) {
    EXPECT_EQ(ended.status(), status) << ended;
    EXPECT_EQ(ended.out, "");
    expect_one_line(ended.err, parts);
  }

  static void expect_one_line(const std::string& text, const Words& parts) {
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_THAT(text, ::testing::StartsWith("cluster-leader: "));
    EXPECT_THAT(text, ::testing::EndsWith("\n"));
    for (const std::string& part : parts) EXPECT_THAT(text, ::testing::HasSubstr(part));
  }

  /// A job that prints "runs" and lives until its stdin ends, and a pipe for its stdin.
  static Words job_until_stdin_ends() { return {"sh", "-c", "echo runs; cat >/dev/null"}; }

  /// A job that writes into the log of this test when it runs, and takes so many milliseconds; 0:
  /// until its stdin ends.
  Words exclusive_job(const std::string& milliseconds) const {
    return {test_program("job_exclusive"), path("log"), milliseconds};
  }
  RunLog log() const { return RunLog::read(path("log")); }

  /// Of so many runs that compete for this lease, one runs its job, and the others are followers
  /// before it has ended.
  void expect_that_one_runs_of(int replicas, const Words& lease) const {
    Pipe stdin_of_jobs;
    std::vector<Process> runs;
    for (int i = 0; i < replicas; ++i) {
      runs.push_back(
          run_under_lease(joined(lease, {"--node", "n" + std::to_string(i)}), exclusive_job("0"))
              .give(stdin_of_jobs.read_end.get(), 0)
              .start());
    }
    const auto running = [&] {
      return std::count_if(runs.begin(), runs.end(), [](Process& run) { return run.running(); });
    };
    ASSERT_TRUE(eventually([&] { return running() == 1 && log().count("start") == 1; }));
    stdin_of_jobs.write_end.reset();
    int leaders = 0;
    for (Process& run : runs) {
      const Ended ended = run.wait();
      if (ended.status() == 0) {
        ++leaders;
      } else {
        expect_silent_follower(ended);
      }
    }
    EXPECT_EQ(leaders, 1);
    EXPECT_EQ(log().fault(), "");
    EXPECT_EQ(log().count("start"), 1);
  }

  TempFolder folder_;
};

}  // namespace cluster_leader
