#include "support/replication.h"

#include <gtest/gtest.h>

#include <string>

#include "support/command.h"

namespace cluster_leader {

namespace {

/// A field of INFO replication; empty if it is not there.
std::string fact(const Server& server, const std::string& name) {
  const std::string facts = server.text({"INFO", "replication"});
  const std::size_t at = facts.find(name + ':');
  if (at == facts.npos) return "";
  const std::size_t begin = at + name.size() + 1;
  return facts.substr(begin, facts.find('\r', begin) - begin);
}

/// WAIT is about what its own connection has written, so that it does not help.
bool has_all_of(const Server& primary, const Server& replica) {
  return fact(replica, "master_link_status") == "up" &&
         fact(replica, "slave_repl_offset") == fact(primary, "master_repl_offset");
}

}  // namespace

void replicate(const Server& primary, const Server& replica) {
  replicate(primary, replica, {"127.0.0.1", primary.port()});
}

void replicate(const Server& primary, const Server& replica, const Endpoint& endpoint) {
  primary.command({"CONFIG", "SET", "repl-diskless-sync-delay", "0"});
  replica.command({"REPLICAOF", endpoint.host, std::to_string(endpoint.port)});
  EXPECT_TRUE(eventually([&] { return has_all_of(primary, replica); }));
}

void promote(const Server& primary, const Server& replica) {
  EXPECT_TRUE(eventually([&] { return has_all_of(primary, replica); }));
  replica.command({"REPLICAOF", "NO", "ONE"});
}

}  // namespace cluster_leader
