// A peer that claims more than any server says, on the built binary: recognised at once, and in
// little memory.
#include <sys/resource.h>
#include <sys/socket.h>

#include "support/cli_world.h"
#include "support/fake_server.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class GarbageTest : public CliTest {
 protected:
  static Ended run_at(const FakeServer& server, const Words& verb, const Words& job = {}) {
    const std::string url = "redis://127.0.0.1:" + std::to_string(server.location().port);
    return Command(joined(joined(joined({CLUSTER_LEADER_BINARY}, verb),
                                 {"--server", url, "--connect-timeout", "20"}),
                          job))
        .run();
  }

  /// Sends `bytes` once and then `more` again and again, until the other side closes.
  static FakeServer::Play floods(std::string bytes, std::string more) {
    return [bytes = std::move(bytes), more = std::move(more)](int fd) {
      char buffer[65536];
      if (::recv(fd, buffer, sizeof buffer, 0) <= 0) return;
      ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      while (::send(fd, more.data(), more.size(), MSG_NOSIGNAL) > 0) {
      }
    };
  }

  /// What each verb does, and its job. Their --connect-timeout is long, so that whoever waits for
  /// it is seen on a busy machine, too.
  static std::vector<std::pair<Words, Words>> verbs() {
    return {{{"run", "--key", "job-a", "--ttl", "60"}, {"--", "true"}},
            {{"check", "--key", "job-a"}, {}},
            {{"status", "--key", "job-a"}, {}},
            {{"status"}, {}},
            {{"doctor", "--ttl", "60"}, {}}};
  }

  /// The most memory that any command of this test has had, in MiB.
  static long peak_mib() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return usage.ru_maxrss >> 10;
  }

  static void expect_garbage(const FakeServer& server, const std::string& what) {
    for (const auto& [verb, job] : verbs()) {
      const Ended ended = run_at(server, verb, job);
      EXPECT_EQ(ended.status(), 78) << what << " to " << verb[0] << ": " << ended;
      EXPECT_THAT(ended.out + ended.err, HasSubstr("not a Redis or Valkey server")) << verb[0];
      EXPECT_LT(ended.took, 10s) << what << " to " << verb[0];
    }
  }

  /// After a reply of which nothing is kept.
  void SetUp() override {
    expect_garbage(FakeServer(FakeServer::answers("HTTP/1.1\r\n")), "HTTP");
    usual_peak_mib_ = peak_mib();
  }
  void TearDown() override { EXPECT_LT(peak_mib() - usual_peak_mib_, 64); }

  long usual_peak_mib_ = 0;
};

const std::string kHello = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";

TEST_F(GarbageTest, AClaimOfMoreThanAnyServerSaysIsNoServer) {
  for (const std::string claim :
       {"*2147483647\r\n", "$536870912\r\n", "%2147483647\r\n", "~2147483647\r\n",
        ">2147483647\r\n", "|2147483647\r\n", "=536870912\r\n", "!536870912\r\n",
        "*2\r\n:1\r\n*2147483647\r\n"}) {
    expect_garbage(FakeServer(FakeServer::answers(claim)), claim);
    expect_garbage(FakeServer(FakeServer::answers(kHello + claim)), "HELLO and " + claim);
    expect_garbage(FakeServer(FakeServer::answers(claim, /*byte_by_byte=*/true)),
                   "bytes of " + claim);
  }
}

TEST_F(GarbageTest, APeerThatNeverStopsSendingIsNoServer) {
  std::string nils = "*65536\r\n";
  for (int i = 0; i < 65536; ++i) nils += "_\r\n";
  expect_garbage(FakeServer(floods("*65536\r\n", nils)), "arrays in an array");
  expect_garbage(FakeServer(floods("$4000000\r\n", std::string(1 << 20, 'x'))), "a long string");
  expect_garbage(FakeServer(floods("+", std::string(1 << 20, 'x'))), "a line without an end");
  std::string nested;
  for (int i = 0; i < 1 << 18; ++i) nested += "*1\r\n";
  expect_garbage(FakeServer(floods(nested, nested)), "nested arrays");
}

}  // namespace
}  // namespace cluster_leader
