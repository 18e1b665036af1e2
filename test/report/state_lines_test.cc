// The lines of `elect`, written to the pipes of a test.
#include "report/state_lines.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <map>

#include "base/clock.h"
#include "support/elector.h"

namespace cluster_leader {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

const Leadership kLeading{ElectionState::kLeader, {"web-1/abc"}, {1764}};
const Leadership kFollowing{ElectionState::kFollower, {"web-2/def"}, {1765}};
const Leadership kNobody{ElectionState::kNone, {}, {}};

class StateLinesTest : public ::testing::Test {
 protected:
  StateLinesTest() {
    // As a program of ours has it.
    ::signal(SIGPIPE, SIG_IGN);
  }

  StateLines open() { return {format_, node_, keys_, are_shared_, pipe_.write_end.get()}; }

  /// What can be read now; never waits.
  std::string read_all() {
    std::string text;
    char part[65536];
    for (pollfd ready{pipe_.read_end.get(), POLLIN, 0}; ::poll(&ready, 1, 0) == 1;) {
      const ssize_t got = ::read(pipe_.read_end.get(), part, sizeof part);
      if (got <= 0) break;
      text.append(part, static_cast<std::size_t>(got));
    }
    return text;
  }

  /// All that is read until nothing is left to write.
  std::string drain(StateLines& lines) {
    std::string text;
    do {
      text += read_all();
      lines.write();
    } while (lines.has_unwritten());
    return text + read_all();
  }

  static std::vector<StateLine> parsed(const std::string& text) {
    std::vector<StateLine> lines;
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != text.npos; at = end + 1) {
      lines.push_back(StateLine::parse(text.substr(at, end - at)));
    }
    return lines;
  }

  /// Leaves no room in the pipe.
  void fill() {
    ASSERT_GT(::fcntl(pipe_.write_end.get(), F_SETPIPE_SZ, 4096), 0);
    filling_ = std::string(4096, '.');
    ASSERT_EQ(::write(pipe_.write_end.get(), filling_.data(), filling_.size()), 4096);
  }
  void make_room() { ASSERT_EQ(read_all(), filling_); }

  /// One turn of a loop.
  void turn(StateLines& lines) {
    lines.watch(poller_);
    lines.advance((poller_.wait(BootClock::now()), poller_));
  }

  StateLines::Format format_ = StateLines::Format::kJson;
  bool are_shared_ = false;
  std::string node_ = "web-1";
  std::vector<std::string> keys_ = {"job-a", "job-b", "job-c"};
  Pipe pipe_;
  Poller poller_;
  std::string filling_;
};

TEST_F(StateLinesTest, EachStateHasItsMembers) {
  StateLines lines = open();
  const std::pair<Leadership, std::string> all[] = {
      {kLeading, R"("state":"leader","node":"web-1","holder":"web-1/abc","token":1764,"slot":0,)"
                 R"("leader":"web-1","ready_in_ms":null,"reason":null})"},
      {kFollowing,
       R"("state":"follower","node":"web-1","holder":"web-2/def","token":1765,"slot":null,)"
       R"("leader":"web-2","ready_in_ms":null,"reason":null})"},
      {{ElectionState::kFollower, {"plain host"}, {}},
       R"("state":"follower","node":"web-1","holder":"plain host","token":null,"slot":null,)"
       R"("leader":"plain host","ready_in_ms":null,"reason":null})"},
      {kNobody,
       R"("state":"none","node":"web-1","holder":null,"token":null,"slot":null,"leader":null,)"
       R"("ready_in_ms":null,"reason":null})"},
      {{ElectionState::kDown, {}, {}},
       R"("state":"down","node":"web-1","holder":null,"token":null,"slot":null,"leader":null,)"
       R"("ready_in_ms":null,"reason":null})"},
      {{ElectionState::kDown, {}, {}, {}, "no route to \xff\n"},
       R"("state":"down","node":"web-1","holder":null,"token":null,"slot":null,"leader":null,)"
       R"("ready_in_ms":null,"reason":"no route to \ufffd\n"})"},
      {{ElectionState::kStarting, {}, {}, std::chrono::microseconds(9000001), "it has started"},
       R"("state":"starting","node":"web-1","holder":null,"token":null,"slot":null,"leader":null,)"
       R"("ready_in_ms":9001,"reason":"it has started"})"},
  };
  for (const auto& [leadership, members] : all) {
    lines.add(1, leadership);
    lines.write();
    const std::string text = read_all();
    EXPECT_THAT(text, MatchesRegex("[{]\"time\":\"....-..-..T..:..:..[.]...Z\",\"key\":.*\n"));
    EXPECT_EQ(text.substr(text.find("\"key\"")), "\"key\":\"job-b\"," + members + '\n');
  }
}

TEST_F(StateLinesTest, TimeIsThatOfTheChangeNotOfTheWriting) {
  StateLines lines = open();
  lines.add(0, kLeading);
  const std::int64_t after = wall_clock_ms();
  while (wall_clock_ms() < after + 3) {
  }
  lines.write();
  EXPECT_LE(parsed(read_all()).at(0).at_ms(), after);
}

TEST_F(StateLinesTest, IsAsciiWhateverTheNames) {
  keys_ = {"caf\xc3\xa9 \xff \"\\\n\x7f\x01"};
  node_ = "\xe2\x82";
  StateLines lines = open();
  lines.add(0, {ElectionState::kFollower, {"\xf0\x9f\x98\x80/\xc0"}, {}});
  lines.write();
  const std::string text = read_all();
  EXPECT_THAT(text, HasSubstr(R"("key":"caf\u00e9 \ufffd \"\\\n\u007f\u0001")"));
  EXPECT_THAT(text, HasSubstr(R"("node":"\ufffd")"));
  EXPECT_THAT(text, HasSubstr(R"("leader":"\ud83d\ude00")"));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST_F(StateLinesTest, TextIsOneLineForPeople) {
  format_ = StateLines::Format::kText;
  keys_ = {"job\n\x1b[31ma"};
  StateLines lines = open();
  for (const Leadership& leadership : {kLeading, kFollowing, kNobody}) {
    lines.add(0, leadership);
    lines.write();
  }
  EXPECT_THAT(read_all(), MatchesRegex("....-..-..T..:..:..[.]...Z job  .31ma leader\n"
                                       ".* job  .31ma follower of web-2\n"
                                       ".* job  .31ma none\n"));
}

TEST_F(StateLinesTest, TheSlotIsNamedIfThereAreSeveral) {
  Leadership leading = kLeading;
  leading.slot = 2;
  const Leadership following{ElectionState::kFollower, {}, {}};
  StateLines json = open();
  json.add(0, leading);
  json.write();
  EXPECT_THAT(read_all(), HasSubstr(R"("token":1764,"slot":2,"leader":"web-1")"));
  format_ = StateLines::Format::kText;
  are_shared_ = true;
  StateLines text = open();
  for (const Leadership& leadership : {leading, following, kNobody}) {
    text.add(0, leadership);
    text.write();
  }
  EXPECT_THAT(read_all(), MatchesRegex(".*Z job-a leader in slot 2\n"
                                       ".*Z job-a follower\n"
                                       ".*Z job-a none\n"));
}

TEST_F(StateLinesTest, NothingIsNothing) {
  format_ = StateLines::Format::kNone;
  StateLines lines = open();
  lines.add(0, kLeading);
  EXPECT_FALSE(lines.has_unwritten());
  lines.write();
  EXPECT_EQ(read_all(), "");
}

TEST_F(StateLinesTest, LatestStateOfEachKeyIsWrittenWhenThereIsRoomInTheOrderOfTheFirstChange) {
  fill();
  StateLines lines = open();
  lines.add(2, kNobody);
  lines.write();
  lines.add(0, kLeading);
  lines.add(2, kLeading);
  lines.add(1, kFollowing);
  lines.add(0, kNobody);
  lines.write();
  EXPECT_TRUE(lines.has_unwritten());
  make_room();
  const auto said = parsed(drain(lines));
  ASSERT_EQ(said.size(), 3U);
  EXPECT_EQ(said[0].key + ' ' + said[0].state, "job-c leader");
  EXPECT_EQ(said[1].key + ' ' + said[1].state, "job-a none");
  EXPECT_EQ(said[2].key + ' ' + said[2].state, "job-b follower");
}

TEST_F(StateLinesTest, TurnWaitsForRoomOnlyWhereSomethingIsToBeWritten) {
  fill();
  StateLines lines = open();
  lines.watch(poller_);
  poller_.wait(BootClock::now());
  EXPECT_EQ(poller_.ready(pipe_.write_end.get()), 0);
  lines.add(0, kLeading);
  make_room();
  turn(lines);
  EXPECT_FALSE(lines.has_unwritten());
  lines.watch(poller_);
  poller_.wait(BootClock::now());
  EXPECT_EQ(poller_.ready(pipe_.write_end.get()), 0) << "there is room, and nobody has asked";
}

TEST_F(StateLinesTest, LineThatIsLongerThanAPipeTakesAtOnceHoldsNobodyUp) {
  // 512 bytes and 255: the most that a key and a node have, and six characters for each.
  keys_ = {std::string(512, '\xff')};
  node_ = std::string(255, '\xff');
  ASSERT_GT(::fcntl(pipe_.write_end.get(), F_SETPIPE_SZ, 4096), 0);
  StateLines lines = open();
  lines.add(0, {ElectionState::kLeader, {node_ + "/abc"}, {1764}});
  lines.write();
  ASSERT_TRUE(lines.has_unwritten()) << "it is to be longer than the pipe";
  // What was begun is ended, whatever has happened meanwhile.
  lines.add(0, kNobody);
  const auto said = parsed(drain(lines));
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0].state, "leader");
  EXPECT_EQ(said[1].state, "none");
}

TEST_F(StateLinesTest, EachIsOneWrite) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  pipe_.read_end.reset(ends[0]);
  pipe_.write_end.reset(ends[1]);
  StateLines lines = open();
  lines.add(0, kLeading);
  lines.add(1, kFollowing);
  lines.write();
  for (const char* const key : {"job-a", "job-b"}) {
    char packet[4096];
    const ssize_t got = ::recv(ends[0], packet, sizeof packet, MSG_DONTWAIT);
    ASSERT_GT(got, 0);
    const auto said = parsed(std::string(packet, static_cast<std::size_t>(got)));
    ASSERT_EQ(said.size(), 1U);
    EXPECT_EQ(said[0].key, key);
  }
}

TEST_F(StateLinesTest, ReaderThatIsGoneIsNoticedWithoutAWord) {
  StateLines lines = open();
  turn(lines);
  EXPECT_FALSE(lines.is_reader_gone());
  pipe_.read_end.reset();
  turn(lines);
  EXPECT_TRUE(lines.is_reader_gone());
  lines.add(0, kLeading);
  EXPECT_FALSE(lines.has_unwritten());
}

TEST_F(StateLinesTest, ReaderThatIsGoneIsNoticedByAWriteAsWell) {
  StateLines lines = open();
  pipe_.read_end.reset();
  lines.add(0, kLeading);
  lines.write();
  EXPECT_TRUE(lines.is_reader_gone());
}

TEST_F(StateLinesTest, NamesOfStatesAreThoseOfTheManual) {
  EXPECT_STREQ(state_name(ElectionState::kLeader), "leader");
  EXPECT_STREQ(state_name(ElectionState::kFollower), "follower");
  EXPECT_STREQ(state_name(ElectionState::kNone), "none");
  EXPECT_STREQ(state_name(ElectionState::kUnknown), "none");
  EXPECT_STREQ(state_name(ElectionState::kDown), "down");
}

}  // namespace
}  // namespace cluster_leader
