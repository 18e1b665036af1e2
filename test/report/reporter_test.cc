// Log lines on a stderr that the test has made.
#include "report/reporter.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <nlohmann/json.hpp>

#include "support/command.h"

namespace cluster_leader {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What goes to a pipe that is stderr while `body` runs.
std::string said(const std::function<void()>& body) {
  const Pipe pipe;
  const UniqueFd before(::dup(STDERR_FILENO));
  ::dup2(pipe.write_end.get(), STDERR_FILENO);
  body();
  ::dup2(before.get(), STDERR_FILENO);
  std::string text;
  char part[65536];
  for (pollfd ready{pipe.read_end.get(), POLLIN, 0}; ::poll(&ready, 1, 0) == 1;) {
    const ssize_t got = ::read(pipe.read_end.get(), part, sizeof part);
    if (got <= 0) break;
    text.append(part, static_cast<std::size_t>(got));
  }
  return text;
}

const std::string kWorst[] = {
    std::string(20'000, 'x'),
    std::string(20'000, '\x01'),
    std::string(20'000, '\xff'),
    std::string(20'000, '"'),
    [] {
      std::string faces;
      while (faces.size() < 20'000) faces += "\xf0\x9f\x98\x80";
      return faces;
    }(),
};

TEST(ReporterTest, LineFitsIntoAPipeAtOnceWhateverItSays) {
  for (const bool json : {false, true}) {
    for (const std::string& text : kWorst) {
      Reporter reporter({.json = json});
      const std::string line = said([&] { reporter.warning("begin " + text + " end"); });
      EXPECT_LE(line.size(), static_cast<std::size_t>(PIPE_BUF));
      EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
      EXPECT_THAT(line, HasSubstr(" [...] "));
      if (!json) {
        EXPECT_THAT(line, StartsWith("cluster-leader: warning: begin "));
        EXPECT_THAT(line, EndsWith(" end\n"));
        continue;
      }
      const auto object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      ASSERT_TRUE(object.is_object()) << line;
      EXPECT_EQ(object["level"], "warning");
      EXPECT_THAT(object["message"].get<std::string>(), StartsWith("begin "));
      EXPECT_THAT(object["message"].get<std::string>(), EndsWith(" end"));
    }
  }
}

TEST(ReporterTest, FullPipeHoldsNobodyUpAndWhatItHasIsWhole) {
  for (const bool json : {false, true}) {
    // In a process of its own, which an alarm ends if it hangs.
    Pipe pipe;
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(10);
      ::dup2(pipe.write_end.get(), STDERR_FILENO);
      Reporter reporter({.json = json});
      // More than any pipe has room for; a page that is partly free is room as well.
      for (int i = 0; i < 100; ++i) {
        for (const std::string& text : kWorst) reporter.error(text.substr(0, 100 + 7 * i) + text);
      }
      ::_exit(0);
    }
    pipe.write_end.reset();
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "it hung in a write";
    std::string text;
    char part[65536];
    for (ssize_t got = 0; (got = ::read(pipe.read_end.get(), part, sizeof part)) > 0;) {
      text.append(part, static_cast<std::size_t>(got));
    }
    EXPECT_GT(text.size(), 30'000U);
    EXPECT_THAT(text, EndsWith(json ? "\"}\n" : "\n"));
  }
}

}  // namespace
}  // namespace cluster_leader
