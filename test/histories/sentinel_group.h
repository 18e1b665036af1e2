#pragma once

#include <cstddef>
#include <optional>

#include "histories/world.h"
#include "support/sentinel_world.h"

namespace cluster_leader::histories {

/// A primary with two replicas and three Sentinels. One fault of a server happens at a time, since
/// nothing is promised without a majority. Candidates and servers reach each other directly.
class SentinelGroup : public World {
 public:
  explicit SentinelGroup(const Plan& plan);

  std::vector<std::string> options(int candidate) const override;
  bool begin(const Fault& fault) override;
  void end(const Fault& fault) override;

 private:
  SentinelWorld servers_;
  std::optional<std::size_t> harmed_;  ///< the server that is frozen or down
};

}  // namespace cluster_leader::histories
