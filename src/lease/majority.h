#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace cluster_leader {

/// What a majority of a group says. Questions are asked in rounds: 1, 2, 3, ... Of each member only
/// its last answer counts, so that no two answers have a majority at once. Old answers count for
/// nothing in a later round: who is cut off, or dead, is not on anybody's side.
class Majority {
 public:
  /// The group has at least so many members, one or more.
  explicit Majority(std::size_t known) : known_(known) {}

  /// A member has answered a question of `round`, and knows of a group of so many members.
  /// REQUIRES: the round is not earlier than that of its last answer.
  void record(const std::string& member, std::string answer, std::size_t group,
              std::uint64_t round);

  /// What a majority has answered in that round or later; nothing: there is no majority for one
  /// answer yet.
  std::optional<std::string> agreed(std::uint64_t round) const;

  /// How many members have answered in that round or later.
  std::size_t answered(std::uint64_t round) const;
  /// How many of them with `answer`.
  std::size_t count(const std::string& answer, std::uint64_t round) const;
  /// How many members there are: as many as the one knows that knows the most.
  std::size_t members(std::uint64_t round) const;
  std::size_t needed(std::uint64_t round) const { return members(round) / 2 + 1; }

 private:
  struct Last {
    std::string answer;
    std::size_t group = 0;
    std::uint64_t round = 0;
  };
  const std::size_t known_;
  std::map<std::string, Last> last_;
};

}  // namespace cluster_leader
