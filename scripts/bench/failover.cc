// Two candidates campaign for one key; the leader is ended, and the other one takes over. Prints
// how long each takeover takes in nanoseconds, from the signal to the line about the new leader.
//
// usage: failover ROUNDS term|kill|keeper COMMAND [ARG]...
// COMMAND is a `cluster-leader elect` with one key. The leader gets SIGTERM or SIGKILL; with
// keeper, SIGKILL goes to its child, which has the lease.
#include <signal.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "candidate.h"

int main(int argc, char** argv) {
  if (argc < 4) die("usage: failover ROUNDS term|kill|keeper COMMAND [ARG]...");
  const int rounds = std::atoi(argv[1]);
  const std::string how = argv[2];
  for (int i = 0; i < rounds; ++i) {
    Candidate leader(argv + 3);
    leader.wait_for("leader");
    Candidate follower(argv + 3);
    follower.wait_for("follower");
    const pid_t victim = how == "keeper" ? leader.keeper() : leader.pid();
    const std::int64_t begin = now_ns();
    ::kill(victim, how == "term" ? SIGTERM : SIGKILL);
    follower.wait_for("leader");
    std::printf("%lld\n", static_cast<long long>(now_ns() - begin));
  }
  return 0;
}
