#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/poller.h"
#include "lease/answer.h"
#include "lease/majority.h"
#include "store/location.h"
#include "store/redis/line.h"

namespace cluster_leader {

/// Asks all Sentinels, over a connection to each, which server is the primary; those that are not
/// in the URL are learned from the others. What counts is what a majority says: one that is cut off
/// goes on naming the old primary for ever. A Sentinel that several names lead to counts once.
///
/// Each turn: watch(), a wait until wake_at() at the latest, and advance().
class SentinelWatch {
 public:
  /// Does no I/O yet. Each Sentinel has `patience` for each step, and `asking` is as in RedisLine.
  SentinelWatch(const SentinelLocation& location, Duration patience, Duration asking);

  /// Begins another round of questions. They are written by the next watch(). A Sentinel that owes
  /// an answer to an earlier round is asked again when that has come.
  void ask(Time now);
  /// The number of the last round; 0 before the first.
  std::uint64_t round() const { return round_; }

  void watch(Poller& poller, Time now);
  Time wake_at() const;
  void advance(const Poller& poller, Time now);

  /// The server that a majority has named in that round or later.
  std::optional<Endpoint> named(std::uint64_t round) const;
  /// Why there is no such majority, once each Sentinel has answered in that round or failed since.
  std::optional<Failed> failure(std::uint64_t round) const;

  /// Whether each Sentinel has answered in that round or failed since.
  bool is_settled(std::uint64_t round) const;

  /// How many Sentinels have answered in that round or later, and how many there are.
  std::size_t answered(std::uint64_t round) const { return answers_.answered(round); }
  std::size_t members(std::uint64_t round) const { return answers_.members(round); }
  /// What it waits for, for people.
  std::string describe_stage() const;

 private:
  struct Member {
    Endpoint endpoint;
    std::unique_ptr<RedisLine> line;
    bool is_learned = false;  ///< it is not in the URL
    /// By SENTINEL MYID, or its address where that is unknown; empty: not connected yet.
    std::string id{};
    std::size_t group = 1;  ///< how many Sentinels it knows, itself included
    bool is_open = false;   ///< questions may be queued
    std::uint64_t asked =
        0;  ///< the round of the question that has no answer yet; 0: there is none
    std::uint64_t answered = 0;  ///< the round of the last answer
    std::uint64_t failed = 0;    ///< the last round when its connection failed
    std::optional<Failed> failure{};
    Time open_at = Time::min();  ///< not before then
    Time give_up_at = kNever;
    Time learn_at = Time::min();  ///< when to ask for the others again
    Duration pause{};             ///< the last one before a connection
  };

  void add(const Endpoint& endpoint, bool is_learned, std::string id);
  bool is_due(const Member& member) const;
  bool is_covered(const Member& member) const;
  void append(Member& member);
  void handle_events(Member& member);
  void handle(Member& member, const RedisLine::Received& received);
  void identify(Member& member, std::string id);
  void learn(Member& member, const redisReply& reply);
  void end(Member& member, std::optional<Failed> failure);

  const SentinelLocation location_;
  const Duration patience_;
  const Duration asking_;
  std::uint64_t round_ = 0;
  Time now_;
  Majority answers_;
  std::vector<std::unique_ptr<Member>> members_;
};

/// Waits until a majority has named the primary; until `deadline` at most.
std::variant<Endpoint, Failed> find_primary(SentinelWatch& sentinels, Time deadline);

}  // namespace cluster_leader
