#include "supervise/leadership_message.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace cluster_leader {
namespace {

const Time kUntil{std::chrono::seconds(7)};

void expect_same(const LeadershipNews& news, const LeadershipNews& sent) {
  EXPECT_EQ(news.campaign, sent.campaign);
  EXPECT_EQ(news.leadership, sent.leadership);
  EXPECT_EQ(news.leadership.slot, sent.leadership.slot);
  EXPECT_EQ(news.leadership.reason, sent.leadership.reason);
  EXPECT_EQ(news.good_until, sent.good_until);
}

TEST(LeadershipMessageTest, CarriesTheNews) {
  const LeadershipNews all[] = {
      {0, {ElectionState::kUnknown, {}, {}}, kNever},
      {9'999, {ElectionState::kLeader, {"web-1/abc"}, {1'795'417'200'123}}, kUntil},
      {9, {ElectionState::kLeader, {"web-1/abc"}, {1764}, {}, {}, 63}, kUntil},
      {1, {ElectionState::kFollower, {"web-2/abc"}, {}}, kNever},
      {2, {ElectionState::kFollower, {std::string("no\0label\xff\n", 10)}, {INT64_MAX}}, kNever},
      {3, {ElectionState::kNone, {}, {}}, kNever},
      {4, {ElectionState::kDown, {}, {}}, kNever},
      {4, {ElectionState::kDown, {}, {}, {}, "connection refused"}, kNever},
      {5, {ElectionState::kStarting, {}, {}, std::chrono::milliseconds(9100), "young"}, kNever},
  };
  for (const LeadershipNews& sent : all) {
    const LinkMessage message = leadership_message(sent);
    EXPECT_EQ(message.kind, LinkMessage::Kind::kElection);
    expect_same(leadership_news(message), sent);
  }
}

TEST(LeadershipMessageTest, TravelsOverTheLink) {
  KeeperLink link;
  const LeadershipNews sent{
      3, {ElectionState::kLeader, {std::string(250, 'n') + "/abc"}, {5}}, kUntil};
  LinkMessage message = leadership_message(sent);
  const pid_t child = ::fork();
  if (child == 0) {
    link.be_keeper();
    link.send(message);
    ::_exit(0);
  }
  link.be_front();
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const auto received = link.receive();
  ASSERT_TRUE(received);
  expect_same(leadership_news(*received), sent);
}

TEST(LeadershipMessageTest, HolderThatIsTooLongIsCutOff) {
  const std::string longest(510, 'x');
  for (const char* const more : {"", "y", "yy"}) {
    const auto news = leadership_news(
        leadership_message({0, {ElectionState::kFollower, {longest + more}, {}}, kNever}));
    EXPECT_EQ(news.leadership.holder.value, longest);
  }
}

}  // namespace
}  // namespace cluster_leader
