#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/command.h"

namespace cluster_leader {

/// One line of `elect`, as a program that reads it understands it.
struct StateLine {
  std::string text;  ///< without its end
  std::string time;
  std::string key;
  std::string state;
  std::string node;
  std::string holder;      ///< empty: null
  std::int64_t token = 0;  ///< 0: null
  std::string leader;      ///< empty: null

  /// A line that is no JSON, or has not exactly the members that the manual names, fails the test.
  static StateLine parse(const std::string& text);

  /// `time` as milliseconds since 1970.
  std::int64_t at_ms() const;
};

/// `cluster-leader elect OPTION... [-- JOB...]`, and what it says on stdout. What stands there is
/// looked at again and again; nothing of it is ever taken away.
class Elector {
 public:
  using Words = std::vector<std::string>;

  explicit Elector(const Words& options, const Words& job = {});
  /// For a caller that hands more to it than words.
  explicit Elector(const Command& command);
  static Command command(const Words& options, const Words& job = {});

  Process& process() { return process_; }
  void signal(int signo) const { process_.signal(signo); }
  /// SIGTERM, and its end.
  Ended stop();

  pid_t front() const { return process_.pid(); }
  /// Its keeper, as soon as there is one.
  pid_t keeper() const;

  /// Only the last line counts from now on: a machine that is slow may have made more of them at
  /// the start.
  void forget();

  /// All whole lines until now.
  const std::vector<StateLine>& lines() const;
  /// The states of one key, in order.
  Words states(const std::string& key = kKey) const;
  /// The last line of a key. REQUIRES: there is one, else the test fails.
  StateLine last(const std::string& key = kKey) const;
  /// How many keys are in this state now.
  int count(const std::string& state) const;

  /// Waits until the last line of the key says `state`; false if it never does.
  bool is(const std::string& state, const std::string& key = kKey) const;
  /// Waits until the states of the key, from the first line on, are these; false if they never are.
  bool says(const Words& states, const std::string& key = kKey) const;
  /// Waits until it says that it follows the lease of this holder.
  bool follows(const std::string& holder, const std::string& key = kKey) const;

  /// What a failed test wants to know.
  std::string transcript() const { return process_.out() + process_.err(); }

  static inline const std::string kKey = "job-a";

 private:
  Process process_;
  mutable std::vector<StateLine> lines_;
  mutable std::size_t read_ = 0;  ///< bytes of stdout that lines_ has
};

/// What is wrong with what several electors have said: two that led one key at the same time, or
/// tokens that did not rise from lease to lease. Empty if nothing is. By the times of their lines:
/// only for leases that nobody gave back, since a holder says that it leads no more when it hears
/// that it has given its lease back, and another one may be faster with saying that it leads.
std::string fault_in(const std::vector<const Elector*>& electors,
                     const std::string& key = Elector::kKey);

}  // namespace cluster_leader
