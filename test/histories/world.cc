#include "histories/world.h"

#include <sys/stat.h>

#include <stdexcept>

#include "histories/cluster_group.h"
#include "histories/sentinel_group.h"
#include "histories/servers_world.h"
#include "support/command.h"

namespace cluster_leader::histories {

namespace {

/// A directory, which has no network and no faults of its own.
class FileWorld : public World {
 public:
  FileWorld() { ::mkdir(folder_.file("leases").c_str(), 0755); }
  std::vector<std::string> options(int) const override {
    return {"--server", "file://" + folder_.file("leases")};
  }
  bool begin(const Fault&) override { return false; }
  void end(const Fault&) override {}

 private:
  TempFolder folder_;
};

}  // namespace

std::unique_ptr<World> make_world(const Plan& plan) {
  switch (plan.topology) {
    case Topology::kPlain:
    case Topology::kTls:
    case Topology::kQuorum:
      return std::make_unique<ServersWorld>(plan);
    case Topology::kFile:
      return std::make_unique<FileWorld>();
    case Topology::kSentinel:
      return std::make_unique<SentinelGroup>(plan);
    case Topology::kCluster:
      return std::make_unique<ClusterGroup>(plan);
  }
  throw std::logic_error("a topology without a world");
}

}  // namespace cluster_leader::histories
