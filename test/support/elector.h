#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/command.h"

namespace cluster_leader {

/// One line of `elect`, as a program would read it.
struct StateLine {
  std::string text;  ///< without the newline
  std::string time;
  std::string key;
  std::string state;
  std::string node;
  std::string holder;      ///< empty: null
  std::int64_t token = 0;  ///< 0: null
  std::string leader;      ///< empty: null

  /// A line that is not JSON, or does not have exactly the members in the manual, fails the test.
  static StateLine parse(const std::string& text);

  /// `time` as milliseconds since 1970.
  std::int64_t at_ms() const;
};

/// `cluster-leader elect OPTION... [-- JOB...]`, with `--key job-a` unless the options have a key,
/// and its lines on stdout, which can be read repeatedly.
class Elector {
 public:
  using Words = std::vector<std::string>;

  explicit Elector(const Words& options, const Words& job = {});
  /// For a caller that passes more than arguments.
  explicit Elector(const Command& command);
  static Command command(const Words& options, const Words& job = {});

  Process& process() { return process_; }
  void signal(int signo) const { process_.signal(signo); }
  /// Sends SIGTERM and waits for its end.
  Ended stop();

  pid_t front() const { return process_.pid(); }
  /// The pid of its keeper, once that exists.
  pid_t keeper() const;

  /// Ignores all lines before the last one: on a slow machine there may be several at the start.
  void forget();

  /// All complete lines so far.
  const std::vector<StateLine>& lines() const;
  /// The states of one key, in order.
  Words states(const std::string& key = kKey) const;
  /// The last line about a key. Without one, the test fails.
  StateLine last(const std::string& key = kKey) const;
  /// The number of keys in this state.
  int count(const std::string& state) const;

  /// Waits until the last line about the key has `state`; false if it never does.
  bool is(const std::string& state, const std::string& key = kKey) const;
  /// Waits until the states of the key, from the first line on, are these; false if they never are.
  bool says(const Words& states, const std::string& key = kKey) const;
  /// Waits until it reports that it follows this holder.
  bool follows(const std::string& holder, const std::string& key = kKey) const;

  /// The output for a failed test.
  std::string transcript() const { return process_.out() + process_.err(); }

  static inline const std::string kKey = "job-a";

 private:
  Process process_;
  mutable std::vector<StateLine> lines_;
  mutable std::size_t read_ = 0;  ///< bytes of stdout that lines_ has
};

/// What is wrong with the lines of several electors: two led one key at the same time, or the
/// tokens did not rise from lease to lease. Empty if nothing is wrong. It compares the times of the
/// lines, so it only works for leases that were not released: a holder reports that it no longer
/// leads when its release is answered, and the next leader may report itself earlier.
std::string fault_in(const std::vector<const Elector*>& electors,
                     const std::string& key = Elector::kKey);

}  // namespace cluster_leader
