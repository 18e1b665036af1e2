#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"
#include "store/net/resolver.h"
#include "store/redis/line.h"

namespace cluster_leader {

/// Finds out over a new connection to which server a location leads now.
///
/// Each turn: watch(), a wait until wake_at() at the latest, and advance().
class RedisProbe {
 public:
  /// How much is done to find out.
  enum class Depth : std::uint8_t {
    kConnect,
    kLookUp,  ///< connects only if the name no longer has the address of the line: a new connection
              ///< under TLS costs the server a hundred times as much as a renewal
  };

  /// The name still has the address of the line.
  struct SameAddress {};
  /// It has logged in to a server.
  struct Reached {
    /// What tells one server from another, and one start of it from the next; empty: it does not
    /// say.
    std::string run_id;
  };
  using Result = std::variant<SameAddress, Reached, Failed>;

  /// Begins to look up the location of `line`, which is open. `patience` is as for RedisLine::open;
  /// without a result after 2 s it has failed.
  RedisProbe(const RedisLine& line, Depth depth, Duration patience, Time now);

  void watch(Poller& poller);
  Time wake_at() const;
  void advance(const Poller& poller, Time now);

  /// When it began: what it finds out was true after that.
  Time begun_at() const { return begun_at_; }
  /// The result once it is there.
  const std::optional<Result>& result() const { return result_; }
  /// What it waits for, for people.
  std::string describe_stage() const;

  /// The line over which the server was reached: logged in, and nothing is expected on it.
  /// REQUIRES: the result is Reached.
  std::unique_ptr<RedisLine> take_line() { return std::move(line_); }

 private:
  void check_addresses(Time now);
  void connect(Time now);
  void handle_events(Time now);

  const Time begun_at_;
  const Time give_up_at_;
  const Duration patience_;
  const std::optional<Address> peer_;   ///< of the line that may lead elsewhere
  std::unique_ptr<Resolver> resolver_;  ///< with kLookUp, until the name is looked up
  std::unique_ptr<RedisLine> line_;
  bool is_logged_in_ = false;
  std::optional<std::string> run_id_;
  std::optional<Result> result_;
};

}  // namespace cluster_leader
