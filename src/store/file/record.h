#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "lease/answer.h"
#include "lease/candidacy.h"

namespace cluster_leader {

/// A moment on one machine. CLOCK_BOOTTIME counts from a boot, so it says nothing without the boot.
struct Moment {
  Time now;
  std::int64_t wall_ms = 0;  ///< since 1970
  std::string boot_id;       ///< /proc/sys/kernel/random/boot_id

  /// When the machine was booted, in ms since 1970.
  std::int64_t booted_ms() const;

  /// Whether a boot at that time, in ms since 1970, is the same one, as far as clocks tell.
  bool is_of_boot_at(std::int64_t ms) const;
};

/// What is stored about one key: the lease and what outlives it. It is the file store's counterpart
/// of the lock and the record on Redis.
struct FileRecord {
  Key key;
  Token fence;      ///< the last token that was granted
  HolderId holder;  ///< empty: the lease was released
  Time until;       ///< only the holder may own the key before then
  std::string boot_id;
  std::int64_t booted_ms = 0;
  Duration ttl{};  ///< of the last holder
  std::string node;
  std::string host;
  std::int64_t pid = 0;
  std::string label;
  std::string identity;            ///< Candidate::identity of the holder
  std::int64_t since_ms = 0;       ///< when the lease was acquired, by the wall clock
  Time since;                      ///< the same on the lease's clock, to hold the key from then on
  Time hold_until;                 ///< nobody gets a parked key before then
  std::int64_t once_until_ms = 0;  ///< nobody runs the key again before then, by the wall clock
  Token result_token;              ///< of the last run that left a result; 0: none did
  RunResult result;
  std::string result_node;
  EndedRun stopped;  ///< the last run that was made to end
  HolderId asked;    ///< who was asked for the lease; empty: nobody, or it may be an earlier one
  std::string asked_by;        ///< the node of whoever did
  bool is_superseded = false;  ///< whoever did is a run that supersedes
  std::int64_t era = 0;        ///< Busy::era; 0: nobody has superseded others
  HolderId era_of;             ///< who did last
};

/// The record as one JSON object in ASCII. Names may be any bytes, which JSON's strings may not, so
/// a byte outside printable ASCII, and `%`, is encoded as %XX. Ends with a line break, and is
/// padded with blanks to whole blocks, so that a later text has the same length and can overwrite
/// it.
std::string format_record(const FileRecord& record);

/// Nothing if `text` is not a record.
std::optional<FileRecord> parse_record(std::string_view text);

/// What was found in place of a key's record: nothing, data that is not a record, or a record.
struct NoRecord {};
struct ForeignData {};
using FoundRecord = std::variant<NoRecord, ForeignData, FileRecord>;

/// The last run that has ended, for people; nothing if none has left anything.
std::optional<EndedRun> last_run(const FileRecord& record);

/// How long `record` still excludes everybody but its holder; zero or less if it does not.
Duration time_left(const FileRecord& record, const Moment& moment);

/// Whether the key is parked for `candidate`.
bool is_parked_for(const Candidate& candidate, const FileRecord& record);

/// The answer to a request, and the record that must be written before it is reported.
struct Decision {
  Answer answer;
  std::optional<FileRecord> write;
};

/// Decides by the rules of the lease, which are those of the scripts on Redis. The text of a Failed
/// begins with a verb; the caller puts the name of the record in front.
Decision decide(const Request& request, const Candidate& candidate, const Candidacy& candidacy,
                const FoundRecord& found, const Moment& moment);

}  // namespace cluster_leader
