#include "support/server.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "base/errors.h"
#include "support/loopback.h"

namespace cluster_leader {

namespace {

using namespace std::chrono_literals;

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
using ContextPtr = std::unique_ptr<redisContext, FreeContext>;

}  // namespace

std::uint16_t free_port() { return listen_at(new_tcp_socket().get(), loopback(0)); }

Server::Server(const std::string& program, std::vector<std::string> arguments,
               const std::string& settings)
    : program_(program), arguments_(std::move(arguments)) {
  if (program.empty()) throw std::runtime_error("this machine has no server to test with");
  // Not TMPDIR: the path of a Unix socket has at most 107 bytes.
  char name[] = "/tmp/cluster-leader-test-XXXXXX";
  if (::mkdtemp(name) == nullptr) throw_errno("mkdtemp");
  folder_ = name;
  if (!settings.empty()) {
    settings_path_ = folder_ + "/conf";
    std::ofstream(settings_path_) << settings;
  }
  // Another process may bind the free port before the server does.
  for (int attempt = 0;; ++attempt) {
    port_ = free_port();
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      if (attempt == 2) {
        std::filesystem::remove_all(folder_);
        throw;
      }
    }
  }
}

Server::~Server() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

RedisLocation Server::tcp() const {
  RedisLocation location;
  location.host = "127.0.0.1";
  location.port = port_;
  return location;
}

RedisLocation Server::unix_socket() const {
  RedisLocation location;
  location.socket_path = socket_path();
  return location;
}

void Server::start() {
  std::vector<std::string> words = {program_,        "--port",    std::to_string(port_),
                                    "--bind",        "127.0.0.1", "--unixsocket",
                                    socket_path(),   "--dir",     folder_,
                                    "--save",        "",          "--logfile",
                                    folder_ + "/log"};
  if (!settings_path_.empty()) words.insert(words.begin() + 1, settings_path_);
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = check_errno(::fork(), "fork");
  if (pid_ == 0) {
    // The server must not outlive a test that crashes.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 0);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  for (const Time end = BootClock::now() + 10s; BootClock::now() < end;) {
    try {
      // A server that is loading, or requires a password, is up as well.
      command({"PING"});
      return;
    } catch (const std::runtime_error&) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        break;
      }
      std::this_thread::sleep_for(10ms);
    }
  }
  kill();
  throw std::runtime_error(program_ + " does not start");
}

ServerReply Server::command(const std::vector<std::string>& words) const {
  const ContextPtr context(redisConnectUnixWithTimeout(socket_path().c_str(), {5, 0}));
  if (!context || context->err != 0) throw std::runtime_error("cannot connect to " + socket_path());
  redisSetTimeout(context.get(), {5, 0});
  std::vector<const char*> begins;
  std::vector<std::size_t> lengths;
  for (const std::string& word : words) {
    begins.push_back(word.data());
    lengths.push_back(word.size());
  }
  ServerReply reply(static_cast<redisReply*>(redisCommandArgv(
      context.get(), static_cast<int>(begins.size()), begins.data(), lengths.data())));
  if (!reply) throw std::runtime_error(std::string("no reply: ") + context->errstr);
  return reply;
}

std::string Server::text(const std::vector<std::string>& words) const {
  const ServerReply reply = command(words);
  if (reply->type == REDIS_REPLY_NIL) return "(nil)";
  if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
  return reply->str != nullptr ? std::string(reply->str, reply->len) : std::string();
}

long long Server::integer(const std::vector<std::string>& words) const {
  return command(words)->integer;
}

long long Server::calls(const std::string& name) const {
  const std::string stats = text({"INFO", "commandstats"});
  const std::string field = "cmdstat_" + name + ":calls=";
  const std::size_t at = stats.find(field);
  return at == stats.npos ? 0 : std::atoll(stats.c_str() + at + field.size());
}

void Server::grow_up(Duration ttl) const {
  const auto needed = std::chrono::ceil<std::chrono::seconds>(ttl).count() + 1;
  const std::string field = "uptime_in_seconds:";
  for (;;) {
    const std::string info = text({"INFO", "server"});
    if (std::atoll(info.c_str() + info.find(field) + field.size()) >= needed) return;
    std::this_thread::sleep_for(20ms);
  }
}

void Server::pause() {
  check_errno(::kill(pid_, SIGSTOP), "kill");
  // It has stopped when waitpid returns, not when the signal is sent.
  ::waitpid(pid_, nullptr, WUNTRACED);
}

void Server::resume() { check_errno(::kill(pid_, SIGCONT), "kill"); }

void Server::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) != pid_) {
  }
  pid_ = -1;
}

}  // namespace cluster_leader
