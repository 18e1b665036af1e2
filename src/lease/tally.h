#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/candidacy.h"

namespace cluster_leader {

/// How many of `servers` are a majority. Any two majorities have a server in common.
constexpr std::size_t majority_of(std::size_t servers) { return servers / 2 + 1; }

/// What one server of a quorum has said to a candidate that asked for its vote.
struct Ballot {
  enum class Kind : std::uint8_t {
    kPending,  ///< nothing yet
    kVote,     ///< its lock is the candidate's
    kBusy,     ///< its lock is `holder`'s
    kYoung,    ///< it may have forgotten a lease, so it votes for nobody
    kSilent,   ///< nothing in time
    kFailed,   ///< it cannot be asked, or cannot vote
  };
  Kind kind = Kind::kPending;
  Token fence{};               ///< of a vote: the last token that the server knows
  std::int64_t server_ms = 0;  ///< of a vote: the server's clock, since 1970
  HolderId holder{};           ///< who has the lock; empty: not known
  Duration rest{};             ///< until the server may vote for us, if it is busy or young
};

/// What the ballots of all servers come to.
struct Verdict {
  enum class Kind : std::uint8_t {
    kUndecided,    ///< a ballot that is pending may change it
    kWon,          ///< a majority has voted for the candidate
    kBusy,         ///< a majority has the lock of one other holder
    kYoung,        ///< a majority would vote for the candidate, but for servers that are young
    kSplit,        ///< a majority has answered, and nobody has a majority
    kUnreachable,  ///< no majority has answered
  };
  Kind kind = Kind::kUndecided;
  /// kWon: larger than every token that these servers know, and no smaller than their clocks.
  Token token{};
  /// Who has the lock on most servers, the first of them if there are several; empty: not known.
  HolderId holder{};
  /// Until a majority may vote for the candidate, if nothing changes; as far as the ballots say.
  Duration rest{};
};

/// The servers are an odd number. A server that is young counts as one that says no.
Verdict tally(std::span<const Ballot> ballots);

/// What the answers of `servers` to the same yes-or-no question come to.
enum class MajorityAnswer : std::uint8_t {
  kUndecided,
  kYes,   ///< a majority said yes
  kNo,    ///< a majority said no
  kNone,  ///< neither can have a majority any more
};

/// `pending` of the servers have not answered yet, and those that are in no number never will.
MajorityAnswer find_majority(std::size_t yes, std::size_t no, std::size_t pending,
                             std::size_t servers);

}  // namespace cluster_leader
