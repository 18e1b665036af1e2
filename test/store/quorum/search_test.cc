// Random histories of a quorum, the same in every run: servers with clocks that differ restart with
// and without their data and freeze, messages are late or lost, candidates are cut off and die. No
// two jobs run at once, and tokens only grow.
#include <gtest/gtest.h>

#include "store/quorum/simulation.h"

namespace cluster_leader {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Result {
  Jobs jobs;
  int turns = 0;
};

class History {
 public:
  History(unsigned seed, std::size_t servers, bool young_servers_are_mute)
      : random_(seed), network_{pick({1, 20, 150, 600}), pick({0, 2, 15})} {
    for (std::size_t i = 0; i < servers; ++i) {
      servers_.push_back(std::make_unique<SimulatedServer>(SimulatedServer{
          QuorumModel(timeline_.ttl, milliseconds(below(1500)), young_servers_are_mute)}));
    }
    for (int i = 0; i < 3; ++i) join();
  }

  Result run() {
    const Poller poller;
    const Time end = future_.now() + seconds(60);
    Result result;
    plan_faults();
    plan_disturbances();
    while (future_.now() < end && jobs_.fault.empty()) {
      Time next = future_.next_at();
      for (const auto& client : clients_) next = std::min(next, client->wake_at());
      future_.advance(std::max(next, future_.now()));
      for (const auto& client : clients_) {
        if (client->wake_at() <= future_.now()) client->turn(poller);
      }
      ++result.turns;
    }
    clients_.clear();
    result.jobs = jobs_;
    return result;
  }

 private:
  int below(int limit) { return std::uniform_int_distribution<>(0, limit - 1)(random_); }
  int pick(std::vector<int> of) {
    return of[static_cast<std::size_t>(below(static_cast<int>(of.size())))];
  }

  void join() {
    clients_.push_back(std::make_unique<SimulatedClient>(
        future_, servers_, network_, random_, jobs_, "c" + std::to_string(++names_), timeline_));
  }

  /// A minority of the servers forgets something in two ttls. The network is worse than that.
  void plan_faults() {
    const Duration time = 2 * timeline_.ttl + seconds(3);
    future_.at(future_.now() + milliseconds(below(6'000)), [this] { restart_some(); });
    future_.at(future_.now() + time, [this] { plan_faults(); });
  }
  void plan_disturbances() {
    future_.at(future_.now() + milliseconds(below(2'500)), [this] {
      disturb();
      plan_disturbances();
    });
  }

  void restart_some() {
    const int most = static_cast<int>(servers_.size() / 2);
    const int first = below(static_cast<int>(servers_.size()));
    for (int i = 0; i <= below(most); ++i) restart(any_server(first + i));
  }

  void restart(SimulatedServer& server) {
    const int how = below(4);
    server.model.save();
    server.is_up = false;
    future_.at(future_.now() + milliseconds(below(2'000)), [this, &server, how] {
      if (how == 1) server.model.load();
      if (how >= 2) server.model.lose_data();
      server.is_up = true;
      server.model.start(future_.now());
    });
  }

  void disturb() {
    const auto client = static_cast<std::size_t>(below(static_cast<int>(clients_.size())));
    switch (below(4)) {
      case 0:
        any_server(below(99)).frozen_until = future_.now() + milliseconds(below(4'000));
        break;
      case 1:
        clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(client));
        join();
        break;
      default:
        cut(*clients_[client]);
    }
  }

  SimulatedServer& any_server(int number) {
    return *servers_[static_cast<std::size_t>(number) % servers_.size()];
  }

  /// From all servers, or from some.
  void cut(SimulatedClient& client) {
    for (std::size_t i = 0; i < servers_.size(); ++i) client.to(i).is_cut = below(3) == 0;
    future_.at(future_.now() + milliseconds(below(6'000)), [this, name = client.name()] {
      for (const auto& one : clients_) {
        if (one->name() != name) continue;
        for (std::size_t i = 0; i < servers_.size(); ++i) one->to(i).is_cut = false;
      }
    });
  }

  std::mt19937 random_;
  const Network network_;
  const Timeline timeline_ = Timeline::of(seconds(3));
  Future future_;
  Jobs jobs_;
  std::vector<std::unique_ptr<SimulatedServer>> servers_;
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
  int names_ = 0;
};

/// Runs `count` histories; what is wrong with the first that is.
std::string search(std::size_t servers, unsigned count, bool young_servers_are_mute = true) {
  int started = 0;
  for (unsigned seed = 1; seed <= count; ++seed) {
    const Result result = History(seed, servers, young_servers_are_mute).run();
    if (!result.jobs.fault.empty()) {
      return "history " + std::to_string(seed) + ": " + result.jobs.fault;
    }
    started += result.jobs.started;
  }
  EXPECT_GT(started, static_cast<int>(2 * count)) << "the candidates do not get far";
  return "";
}

TEST(QuorumSearch, NoTwoJobsRunAtOnceOnThreeServersAndTokensOnlyGrow) {
  EXPECT_EQ(search(3, 150), "");
}

TEST(QuorumSearch, NoTwoJobsRunAtOnceOnFiveServersAndTokensOnlyGrow) {
  EXPECT_EQ(search(5, 80), "");
}

TEST(QuorumSearch, FindsTheOverlapIfAServerVotesThatMayHaveForgottenALease) {
  EXPECT_NE(search(3, 400, /*young_servers_are_mute=*/false), "");
}

}  // namespace
}  // namespace cluster_leader
