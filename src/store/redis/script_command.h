#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lease/answer.h"
#include "lease/candidacy.h"
#include "store/redis/server_age.h"
#include "store/redis/server_clock.h"

namespace cluster_leader {

/// When it was noticed that a server was promoted.
struct PromotionMark {
  std::string replication_id;  ///< that it has since then
  std::string since_ms;        ///< since 1970, by the server's clock
};

/// What a candidacy has seen of the server, for the script of its next acquire.
struct Memory {
  std::string fences;  ///< the highest of each slot of the key, with commas; empty: not known
  std::optional<ServerClock::Expected> clock;
  std::optional<std::int64_t> ms_since_step;  ///< of the clock, forward
  std::optional<std::int64_t> ms_since_loss;  ///< when the fence was found to have gone back
  bool looks_for_promotion = false;           ///< even if the key is not free
  bool is_cluster_node = false;               ///< the mark of promotions is in another slot
  /// For all requests: the queue is not named, since the user has no right to it, or since it may
  /// be on another node of a cluster than the rest. There is no order then, and nothing else is
  /// lost.
  bool is_without_queue = false;
  /// That mark as notice.lua has answered; nothing if it was not asked. Valid until the next call.
  const PromotionMark* mark = nullptr;
};

/// Whether the script of such a request names the queue of the key; a vote says that there is none.
inline bool uses_queue(RequestKind kind) {
  return kind != RequestKind::kRenew && kind != RequestKind::kAdopt;
}

/// The command that runs the script of a request: its words, in the order that the script names at
/// its head.
class ScriptCommand {
 public:
  /// Whether the script is sent as its SHA-1, which the server may not know, or as its text.
  enum class By : std::uint8_t { kSha1, kText };
  /// A renewal is short unless the script has asked for everything that it writes into the record.
  enum class Form : std::uint8_t { kShort, kFull };

  /// `candidate` must outlive this.
  explicit ScriptCommand(const Candidate& candidate);

  /// The words of `request` for `candidacy`, valid until the next call and as long as `candidacy`
  /// is. `listens` says whether the candidate waits and is subscribed to events. Most of `memory`,
  /// and `server`, are for acquires; what `server` refers to must be valid as long.
  std::span<const std::string_view> words(const Candidacy& candidacy, const Request& request, By by,
                                          Form form, bool listens, const Memory& memory = {},
                                          const std::optional<KnownServer>& server = {});
  std::span<const std::string_view> words(const Candidacy&& candidacy, const Request& request,
                                          By by, Form form, bool listens, const Memory& memory = {},
                                          const std::optional<KnownServer>& server = {}) = delete;

  /// Asks a node of a cluster with that replication id when it was noticed that it was promoted,
  /// which it may have been if it was a replica, or if it has noted that. `mark` is where that is
  /// kept. Valid until the next call, and as long as both are.
  std::span<const std::string_view> words_of_notice(std::string_view mark,
                                                    std::string_view replication_id,
                                                    bool was_replica);

 private:
  void add(std::initializer_list<std::string_view> words);
  void add_keys(const Candidacy& candidacy, const Request& request, const Memory& memory);

  const Candidate& candidate_;
  const std::string ttl_;
  const std::string pid_;
  std::string lock_, record_, queue_, channel_;
  std::vector<std::string> others_;  ///< locks and records of the other slots
  std::string keys_, token_, awaited_, era_, earliest_, latest_, since_step_, since_loss_, age_;
  std::string hold_, once_, status_, started_, finished_;
  std::vector<std::string_view> words_;
};

}  // namespace cluster_leader
