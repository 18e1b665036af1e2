#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/poller.h"
#include "lease/election.h"

namespace cluster_leader {

/// The output of `elect`: one line for each change of a key's state, in one write(2) each. Never
/// waits for a reader: while a key's line cannot be written, only its latest state is kept, so that
/// a reader that was away never takes an old state for the present one.
class StateLines {
 public:
  enum class Format : std::uint8_t { kNone, kText, kJson };

  /// Writes to `fd`. `node` is our label, `keys` the names of the keys in the order of their
  /// numbers; whether they are shared (Supervisor::is_shared), text says which slot we lead.
  StateLines(Format format, std::string node, std::vector<std::string> keys, bool are_shared,
             int fd);

  /// The key with number `index` has this state now.
  void add(std::size_t index, const Leadership& leadership);

  void watch(Poller& poller) const;
  void advance(const Poller& poller);
  /// Writes as much as the reader takes at once.
  void write();
  bool has_unwritten() const { return !rest_.empty() || !order_.empty(); }
  /// Whether the reader has closed its end.
  bool is_reader_gone() const { return reader_gone_; }

 private:
  std::string line(std::size_t index, const Leadership& leadership) const;
  bool has_room() const;
  bool write_rest();

  Format format_;
  std::string node_;
  std::vector<std::string> keys_;
  bool are_shared_;
  int fd_;
  std::string rest_;                    ///< of the line that is being written
  std::deque<std::size_t> order_;       ///< keys whose line is to be written
  std::vector<std::string> unwritten_;  ///< by key; empty: nothing
  bool reader_gone_ = false;
};

/// The word for a state: leader, follower, none, down, starting.
const char* state_name(ElectionState state);

}  // namespace cluster_leader
