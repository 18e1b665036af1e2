// The control of the fault histories: what people write who need a lock in Redis. SET NX EX, EXPIRE
// at half of the ttl, DEL at the end. It does not kill its job when the lock is lost, and it
// deletes what may be another's.
//
// usage: naive redis://127.0.0.1:PORT KEY NODE TTL_SECONDS -- JOB...
#include <hiredis/hiredis.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/clock.h"

namespace {

using cluster_leader::BootClock;
using Reply = std::unique_ptr<redisReply, void (*)(void*)>;

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};

/// One command over a new connection; nothing without an answer.
template <typename... Words>
Reply ask(int port, const char* format, Words... words) {
  const std::unique_ptr<redisContext, FreeContext> context(
      redisConnectWithTimeout("127.0.0.1", port, {1, 0}));
  if (!context || context->err != 0) return {nullptr, freeReplyObject};
  redisSetTimeout(context.get(), {1, 0});
  return {static_cast<redisReply*>(redisCommand(context.get(), format, words...)), freeReplyObject};
}

bool says(const Reply& reply, const std::string& text) {
  return reply && reply->str != nullptr && text == reply->str;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) return 64;
  const int port =
      std::atoi(std::string(argv[1]).substr(std::string(argv[1]).rfind(':') + 1).c_str());
  const char* const key = argv[2];
  const char* const node = argv[3];
  const char* const ttl = argv[4];
  const Reply set = ask(port, "SET %s %s NX EX %s", key, node, ttl);
  if (!set) return 69;
  if (!says(set, "OK") && !says(ask(port, "GET %s", key), node)) return 75;
  // It has no fencing token; this one tells its jobs apart.
  const auto now = BootClock::now().time_since_epoch().count();
  ::setenv("CLUSTER_LEADER_TOKEN", std::to_string(now / 1000).c_str(), 1);
  const pid_t job = ::fork();
  if (job == 0) {
    ::execv(argv[6], argv + 6);
    ::_exit(127);
  }
  const auto half = std::chrono::seconds(std::atoi(ttl)) / 2.0;
  auto renew_at = BootClock::now() + half;
  int status = 0;
  while (::waitpid(job, &status, WNOHANG) == 0) {
    ::usleep(3000);
    if (BootClock::now() < renew_at) continue;
    ask(port, "EXPIRE %s %s", key, ttl);
    renew_at = BootClock::now() + half;
  }
  ask(port, "DEL %s", key);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
