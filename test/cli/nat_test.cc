// A path to the server that forgets connections and tells nobody, on the built binary: everybody
// notices by timers of their own.
#include "support/cli_world.h"
#include "support/elector.h"
#include "support/grown_server.h"
#include "support/relay.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;

class NatTest : public CliTest {
 protected:
  static constexpr Duration kTtl = 3s;
  /// The rest of the lease, an attempt that is not answered, a new connection, and time on a busy
  /// machine: long before the kernel gives up the connection.
  static constexpr Duration kSoon = kTtl + kTtl / 6 + 3s;

  Words behind_nat() const { return {"--server", nat_.url(), "--key", "job-a", "--ttl", "3"}; }
  Words directly() const { return on(server_, {"--key", "job-a", "--ttl", "3"}); }

  /// A run whose job lives until tell_to_end().
  Process hold(const Words& options) {
    Process holder = run_under_lease(options, exclusive_job("0"))
                         .give(stdin_of_job_.read_end.get(), 0)
                         .give(life_.fd(), 9)
                         .start();
    life_.cut();
    EXPECT_TRUE(eventually([&] { return log().count("start") == 1; })) << holder.err();
    return holder;
  }
  void tell_to_end() { stdin_of_job_.write_end.reset(); }

  /// A run that waits for the key, and has heard that somebody has it.
  Process wait_behind_nat() {
    Process waiter =
        run_under_lease(joined(behind_nat(), {"-w", "inf"}), exclusive_job("1")).start();
    EXPECT_TRUE(eventually([&] { return subscribers() == 1; })) << waiter.err();
    return waiter;
  }

  std::string channel() const { return "cluster-leader:events:{job-a}"; }
  long long subscribers() const {
    const ServerReply reply = server_.command({"PUBSUB", "NUMSUB", channel()});
    return reply->element[1]->integer;
  }

  GrownServer server_;
  Relay nat_{server_.port()};
  Pipe stdin_of_job_;
  LifeLine life_;
};

TEST_F(NatTest, AHolderWhoseConnectionIsForgottenRenewsOverANewOne) {
  Process holder = hold(behind_nat());
  const int before = nat_.connections();
  nat_.forget();
  // It would have been stopped by then.
  const Time late = BootClock::now() + kTtl;
  ASSERT_TRUE(eventually([&] { return BootClock::now() > late; }));
  EXPECT_GT(nat_.connections(), before);
  EXPECT_TRUE(holder.running()) << holder.err();
  EXPECT_EQ(log().count("end"), 0);
  tell_to_end();
  const Ended ended = holder.wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(log().fault(), "");
}

TEST_F(NatTest, AHolderWhosePathIsCutStopsItsJobBeforeItsLeaseEnds) {
  Process holder = hold(behind_nat());
  Process rival = run_under_lease(joined(directly(), {"-w", "inf"}), exclusive_job("1")).start();
  nat_.cut();
  const Time cut = BootClock::now();
  const auto death = life_.wait_for_death();
  ASSERT_TRUE(death);
  EXPECT_LT(ceil_ms(*death - cut), ceil_ms(kTtl));
  EXPECT_EQ(holder.wait().status(), 79);
  const Ended next = rival.wait();
  EXPECT_EQ(next.status(), 0) << next;
  EXPECT_EQ(log().fault(), "") << "the rival ran while something of the job was alive";
}

TEST_F(NatTest, AWaiterWhoseConnectionIsForgottenAsksWhenTheLeaseThatItHasSeenWouldEnd) {
  Process holder = hold(directly());
  Process waiter = wait_behind_nat();
  nat_.forget();
  const Time forgotten = BootClock::now();
  tell_to_end();
  EXPECT_EQ(holder.wait().status(), 0);
  // Nobody tells the waiter of the release.
  const Ended ended = waiter.wait();
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_LT(ceil_ms(ended.at - forgotten), ceil_ms(kSoon));
  EXPECT_EQ(log().fault(), "");
}

TEST_F(NatTest, AFollowerWhoseConnectionIsForgottenLeadsWhenTheLeaseThatItHasSeenWouldEnd) {
  Process holder = hold(directly());
  Elector follower(Elector::command(joined(behind_nat(), {"--node", "web-2"})));
  ASSERT_TRUE(follower.is("follower")) << follower.transcript();
  ASSERT_TRUE(eventually([&] { return subscribers() == 1; }));
  nat_.forget();
  const Time forgotten = BootClock::now();
  tell_to_end();
  EXPECT_EQ(holder.wait().status(), 0);
  EXPECT_TRUE(follower.is("leader")) << follower.transcript();
  EXPECT_LT(ceil_ms(BootClock::now() - forgotten), ceil_ms(kSoon));
}

}  // namespace
}  // namespace cluster_leader
