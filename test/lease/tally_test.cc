#include "lease/tally.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using Kind = Ballot::Kind;
using Outcome = Verdict::Kind;
using Ballots = std::vector<Ballot>;

const HolderId kOne{"one/1"};
const HolderId kOther{"other/2"};

/// Every ballot that a server may give, with figures of its own.
Ballots choices(int server) {
  const Duration rest = (server + 1) * 1s;
  return {{.kind = Kind::kPending},
          {.kind = Kind::kVote, .fence = {100 + server}, .server_ms = 103 - 2 * server},
          {.kind = Kind::kBusy, .holder = kOne, .rest = rest},
          {.kind = Kind::kBusy, .holder = kOther, .rest = rest},
          {.kind = Kind::kYoung, .rest = rest},
          {.kind = Kind::kSilent},
          {.kind = Kind::kFailed}};
}

/// Calls `check` with every combination of ballots of 3 and of 5 servers; returns how many.
int for_all(const std::function<void(const Ballots&)>& check) {
  int count = 0;
  for (const int servers : {3, 5}) {
    Ballots ballots(static_cast<std::size_t>(servers));
    const std::function<void(int)> fill = [&](int server) {
      if (server == servers) {
        ++count;
        return check(ballots);
      }
      for (const Ballot& ballot : choices(server)) {
        ballots[static_cast<std::size_t>(server)] = ballot;
        fill(server + 1);
      }
    };
    fill(0);
  }
  return count;
}

std::size_t count_if(const Ballots& ballots, const std::function<bool(const Ballot&)>& what) {
  return static_cast<std::size_t>(std::count_if(ballots.begin(), ballots.end(), what));
}
std::size_t count_of(const Ballots& ballots, Kind kind) {
  return count_if(ballots, [&](const Ballot& ballot) { return ballot.kind == kind; });
}
std::size_t count_of(const Ballots& ballots, const HolderId& holder) {
  return count_if(ballots, [&](const Ballot& ballot) {
    return ballot.kind == Kind::kBusy && ballot.holder == holder;
  });
}

std::string shown(const Ballots& ballots) {
  std::string text;
  for (const Ballot& ballot : ballots) {
    text += "pvbysf"[static_cast<int>(ballot.kind)];
    if (ballot.kind == Kind::kBusy) text += ballot.holder == kOne ? '1' : '2';
  }
  return text;
}

/// All ways in which the ballots that are pending may still come out.
std::vector<Ballots> completions(const Ballots& ballots) {
  const auto open = std::find_if(ballots.begin(), ballots.end(),
                                 [](const Ballot& b) { return b.kind == Kind::kPending; });
  if (open == ballots.end()) return {ballots};
  std::vector<Ballots> all;
  const int server = static_cast<int>(open - ballots.begin());
  for (const Ballot& choice : choices(server)) {
    if (choice.kind == Kind::kPending) continue;
    Ballots next = ballots;
    next[static_cast<std::size_t>(server)] = choice;
    for (Ballots& rest : completions(next)) all.push_back(std::move(rest));
  }
  return all;
}

TEST(Tally, IsWonByTheVotesOfAMajorityAndByNothingElse) {
  const int count = for_all([](const Ballots& ballots) {
    const bool has_majority = 2 * count_of(ballots, Kind::kVote) > ballots.size();
    EXPECT_EQ(tally(ballots).kind == Outcome::kWon, has_majority) << shown(ballots);
  });
  EXPECT_EQ(count, 7 * 7 * 7 + 7 * 7 * 7 * 7 * 7);
}

TEST(Tally, TheTokenIsLargerThanThatOfEveryVoterAndNotBehindTheirClocks) {
  for_all([](const Ballots& ballots) {
    const Verdict verdict = tally(ballots);
    std::int64_t least = 0;
    for (const Ballot& ballot : ballots) {
      if (ballot.kind == Kind::kVote) {
        least = std::max({least, ballot.fence.value + 1, ballot.server_ms});
      }
    }
    if (verdict.kind != Outcome::kWon) least = 0;
    EXPECT_EQ(verdict.token.value, least) << shown(ballots);
  });
}

TEST(Tally, IsBusyIfAMajorityNamesOneHolder) {
  for_all([](const Ballots& ballots) {
    const Verdict verdict = tally(ballots);
    for (const HolderId& holder : {kOne, kOther}) {
      if (2 * count_of(ballots, holder) <= ballots.size()) continue;
      EXPECT_EQ(verdict.kind, Outcome::kBusy) << shown(ballots);
      EXPECT_EQ(verdict.holder, holder) << shown(ballots);
      return;
    }
    EXPECT_NE(verdict.kind, Outcome::kBusy) << shown(ballots);
  });
}

TEST(Tally, IsUndecidedOnlyIfAPendingBallotMayChangeIt) {
  for_all([](const Ballots& ballots) {
    if (count_of(ballots, Kind::kPending) > 3) return;
    const Verdict verdict = tally(ballots);
    bool differs = false;
    for (const Ballots& complete : completions(ballots)) {
      const Verdict later = tally(complete);
      EXPECT_NE(later.kind, Outcome::kUndecided) << shown(complete);
      const Verdict other = tally(completions(ballots).front());
      differs = differs || later.kind != other.kind || later.holder != other.holder ||
                later.rest != other.rest;
      // What is decided before all have answered stays so.
      if (verdict.kind != Outcome::kUndecided) {
        EXPECT_EQ(later.kind, verdict.kind) << shown(ballots) << " then " << shown(complete);
      }
    }
    if (verdict.kind == Outcome::kUndecided) {
      EXPECT_TRUE(differs) << shown(ballots);
    }
  });
}

TEST(Tally, IsYoungIfOnlyYoungServersAreMissing) {
  for_all([](const Ballots& ballots) {
    if (count_of(ballots, Kind::kPending) > 0) return;
    const std::size_t votes = count_of(ballots, Kind::kVote);
    const std::size_t young = count_of(ballots, Kind::kYoung);
    const bool is_young = 2 * votes < ballots.size() && 2 * (votes + young) > ballots.size();
    EXPECT_EQ(tally(ballots).kind == Outcome::kYoung, is_young) << shown(ballots);
  });
}

TEST(Tally, IsUnreachableIfNoMajorityAnswersAndSplitIfNobodyHasOne) {
  for_all([](const Ballots& ballots) {
    if (count_of(ballots, Kind::kPending) > 0) return;
    const std::size_t missing = count_of(ballots, Kind::kSilent) + count_of(ballots, Kind::kFailed);
    const Outcome kind = tally(ballots).kind;
    EXPECT_EQ(kind == Outcome::kUnreachable, 2 * missing > ballots.size()) << shown(ballots);
    if (kind == Outcome::kSplit) {
      EXPECT_LT(2 * count_of(ballots, Kind::kVote), ballots.size()) << shown(ballots);
    }
  });
}

TEST(Tally, WaitsUntilAMajorityIsFree) {
  const auto busy = [](Duration rest) { return Ballot{Kind::kBusy, {}, 0, kOne, rest}; };
  const auto young = [](Duration rest) { return Ballot{Kind::kYoung, {}, 0, {}, rest}; };
  const Ballot vote{.kind = Kind::kVote};
  const Ballot silent{.kind = Kind::kSilent};
  EXPECT_EQ(tally(Ballots{busy(9s), vote, busy(4s)}).rest, 4s);
  EXPECT_EQ(tally(Ballots{busy(9s), busy(7s), busy(4s)}).rest, 7s);
  EXPECT_EQ(tally(Ballots{busy(9s), silent, busy(4s)}).rest, 9s);
  EXPECT_EQ(tally(Ballots{young(3s), silent, vote}).rest, 3s);
  EXPECT_EQ(tally(Ballots{busy(5s), busy(1s), busy(4s), vote, young(2s)}).rest, 2s);
}

TEST(Tally, NamesTheHolderOfTheMostLocksIfNobodyHasAMajority) {
  const Ballot one{.kind = Kind::kBusy, .holder = kOne};
  const Ballot other{.kind = Kind::kBusy, .holder = kOther};
  const Ballot vote{.kind = Kind::kVote};
  EXPECT_EQ(tally(Ballots{one, other, other, vote, vote}).holder, kOther);
  EXPECT_EQ(tally(Ballots{other, one, vote}).holder, kOther);
}

TEST(Tally, AQuestionIsDecidedByTheSameAnswerOfAMajority) {
  for (const std::size_t servers : {3U, 5U}) {
    for (std::size_t yes = 0; yes <= servers; ++yes) {
      for (std::size_t no = 0; yes + no <= servers; ++no) {
        for (std::size_t pending = 0; yes + no + pending <= servers; ++pending) {
          const MajorityAnswer majority = find_majority(yes, no, pending, servers);
          SCOPED_TRACE(std::to_string(yes) + " yes, " + std::to_string(no) + " no, " +
                       std::to_string(pending) + " pending of " + std::to_string(servers));
          EXPECT_EQ(majority == MajorityAnswer::kYes, 2 * yes > servers);
          EXPECT_EQ(majority == MajorityAnswer::kNo, 2 * no > servers);
          const bool is_open = 2 * yes < servers && 2 * no < servers &&
                               (2 * (yes + pending) > servers || 2 * (no + pending) > servers);
          EXPECT_EQ(majority == MajorityAnswer::kUndecided, is_open);
        }
      }
    }
  }
}

}  // namespace
}  // namespace cluster_leader
