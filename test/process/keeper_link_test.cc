#include "process/keeper_link.h"

#include <sys/socket.h>

#include <string_view>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

LinkMessage election(std::string_view holder) {
  LinkMessage message{LinkMessage::Kind::kElection};
  message.election.candidacy = 9'999;
  message.election.state = 2;
  message.election.token = 1'700'000'000'000;
  message.election.good_until = Time(5s);
  message.set_words(holder);
  return message;
}

TEST(KeeperLinkTest, SendsEachKindCompleteAndOnlyItsUsedPart) {
  const std::string longest(LinkMessage{}.text.size(), 'h');
  KeeperLink link;
  const pid_t keeper = ::fork();
  if (keeper == 0) {
    link.be_keeper();
    LinkMessage end{LinkMessage::Kind::kFinished, 0, 7, {JobStatus::Kind::kExited, 3}, 1, 2, 8, 4s};
    const bool sent = link.send(election("")) && link.send(election("web-1/abc")) &&
                      link.send(election(longest)) && link.send(end);
    ::_exit(sent ? 0 : 1);
  }
  link.be_front();
  const auto travels = [&] {
    pollfd wanted{link.fd(), POLLIN, 0};
    ::poll(&wanted, 1, static_cast<int>(ceil_ms(kPatience)));
    return ::recv(link.fd(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  };
  for (const std::string& holder : {std::string(), std::string("web-1/abc"), longest}) {
    EXPECT_LE(travels(), static_cast<ssize_t>(128 + holder.size()));
    const auto message = link.receive();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->kind, LinkMessage::Kind::kElection);
    EXPECT_EQ(message->election.candidacy, 9'999U);
    EXPECT_EQ(message->election.state, 2U);
    EXPECT_EQ(message->election.token, 1'700'000'000'000);
    EXPECT_EQ(message->election.good_until, Time(5s));
    EXPECT_EQ(message->words(), holder);
  }
  EXPECT_LE(travels(), 72);
  const auto end = link.receive();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->kind, LinkMessage::Kind::kFinished);
  EXPECT_EQ(end->verdict, 7U);
  EXPECT_EQ(end->status.value, 3);
  EXPECT_EQ(end->renewals, 8U);
  EXPECT_EQ(end->slowest_renewal, Duration(4s));
  int status = -1;
  ::waitpid(keeper, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(link.receive());
  EXPECT_TRUE(link.closed());
}

TEST(KeeperLinkTest, ReportsWhenThereIsNoRoom) {
  KeeperLink link;
  Pipe read_now;
  const pid_t front = ::fork();
  if (front == 0) {
    link.be_front();
    char c = 0;
    if (::read(read_now.read.get(), &c, 1) != 1) ::_exit(1);
    while (!link.closed()) {
      pollfd wanted{link.fd(), POLLIN, 0};
      ::poll(&wanted, 1, -1);
      link.receive();
    }
    ::_exit(0);
  }
  link.be_keeper();
  int sent = 0;
  while (link.send(election("web-1/abc"))) ASSERT_LT(++sent, 1'000'000);
  EXPECT_GT(sent, 50);
  ASSERT_EQ(::write(read_now.write.get(), "x", 1), 1);
  pollfd room{link.fd(), POLLOUT, 0};
  EXPECT_EQ(::poll(&room, 1, static_cast<int>(ceil_ms(kPatience))), 1);
  EXPECT_TRUE(link.send(election("web-1/abc")));
  ::kill(front, SIGKILL);
  ::waitpid(front, nullptr, 0);
  EXPECT_TRUE(link.send(election("nobody is left")));
}

}  // namespace
}  // namespace cluster_leader::test
