#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/poller.h"
#include "lease/election.h"
#include "options/options.h"

namespace cluster_leader {

/// What `elect` says on stdout: one line for each change of a key's state, in one write(2) each.
/// Never waits for a reader: of a key whose line could not be written yet, only the latest state is
/// kept, so that a reader that was away never reads an old one as the present.
class StateLines {
 public:
  /// Writes to `fd`, in the format of options.output.
  StateLines(const Options& options, int fd);

  /// The state of the key with number `index`, now.
  void say(std::size_t index, const Leadership& leadership);

  void watch(Poller& poller) const;
  void advance(const Poller& poller);
  /// Writes what the reader takes at once.
  void write();
  bool has_unwritten() const { return !rest_.empty() || !order_.empty(); }
  /// Whether nobody can read any more what is written.
  bool is_reader_gone() const { return reader_gone_; }

 private:
  std::string line(std::size_t index, const Leadership& leadership) const;
  bool has_room() const;
  bool write_rest();

  const Options& options_;
  int fd_;
  std::string rest_;                    ///< of the line that is being written
  std::deque<std::size_t> order_;       ///< keys whose line is to be written
  std::vector<std::string> unwritten_;  ///< by key; empty: nothing
  bool reader_gone_ = false;
};

/// The word for a state: leader, follower, none, down.
const char* standing_name(Standing standing);

}  // namespace cluster_leader
