#pragma once

#include <memory>
#include <vector>

#include "histories/passage.h"
#include "histories/world.h"
#include "support/certificates.h"
#include "support/grown_server.h"

namespace cluster_leader::histories {

/// A server, with or without TLS, or three that decide by majority; with a passage from each
/// candidate to each of them.
class ServersWorld : public World {
 public:
  explicit ServersWorld(const Plan& plan);

  std::vector<std::string> options(int candidate) const override;
  bool begin(const Fault& fault) override;
  void end(const Fault& fault) override;
  void heal() override;
  int servers() const override { return static_cast<int>(servers_.size()); }
  std::vector<std::vector<Time>> answers(int candidate) const override;
  std::vector<Wait> slow_answers() const override;

 private:
  struct One {
    std::unique_ptr<ClockServer> server;
    std::uint16_t port = 0;  ///< for candidates
    bool is_frozen = false;
    bool is_down = false;
    bool is_full = false;  ///< it has no memory left
  };
  void add_server(const Plan& plan, int number);
  bool command(One& one, const Fault& fault);
  void begin_network(const Fault& fault);
  void end_network(const Fault& fault);
  static void wipe(const One& one);

  const Topology topology_;
  Certificates certificates_;
  std::vector<One> servers_;
  /// passages_[candidate][server]
  std::vector<std::vector<std::unique_ptr<Passage>>> passages_;
};

}  // namespace cluster_leader::histories
