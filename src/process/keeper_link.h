#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "process/job.h"

namespace cluster_leader {

/// A message between front and keeper, one datagram each. Plain data: both are the same program.
struct LinkMessage {
  enum class Kind : std::uint32_t {
    kSignal,         ///< front to keeper: value = a signal for the job
    kStopped,        ///< keeper to front: the job's main process was stopped by signal `value`
    kFinished,       ///< keeper to front, its last word: verdict, status
    kDeadlineMoved,  ///< keeper to front: read the deadline again; set_deadline() sends it
    kOrder,          ///< front to keeper: value = what to do with the leases, see supervise/terms.h
    kElection,       ///< keeper to front: a lease has changed, see `election`; text = its holder
                     ///< or, without an answer, the reason
    kFailed,         ///< keeper to front: it is ending because of an exception with this `text`
  };
  Kind kind{};
  std::int32_t value = 0;
  std::uint32_t verdict = 0;  ///< the lease's outcome; only commands/ interprets the number
  JobStatus status{};
  // With the last word, for reports about the run.
  std::int64_t started_ms = 0;   ///< when the job began, ms since 1970
  std::int64_t finished_ms = 0;  ///< when all of it was dead
  std::uint32_t renewals = 0;    ///< of the lease; with kElection too
  Duration slowest_renewal{};
  // Last, because what follows is sent with kElection and kFailed only.
  // With kElection; only commands/ interprets the numbers.
  struct {
    std::uint32_t candidacy = 0;
    std::uint32_t state = 0;
    std::uint32_t slot = 0;
    std::int64_t token = 0;
    Time good_until;
    Duration ready_in{};
  } election{};
  // Only the used part is sent.
  std::uint16_t text_size = 0;  ///< at most the size of `text`
  std::array<char, 510> text{};

  std::string_view words() const { return {text.data(), text_size}; }
  /// Sets the text; what does not fit is cut off.
  void set_words(std::string_view words);
};

/// The connection between front and keeper: a SOCK_SEQPACKET pair, and a shared page with the
/// keeper's deadline.
class KeeperLink {
 public:
  /// To be made before the fork. Throws std::system_error.
  KeeperLink();
  ~KeeperLink();
  KeeperLink(const KeeperLink&) = delete;
  KeeperLink& operator=(const KeeperLink&) = delete;

  /// After the fork, each side closes the other's end.
  void be_front();
  void be_keeper();

  int fd() const { return fd_.get(); }
  /// Never blocks. False if there is no room now, because the peer has not read for long; true if
  /// the message was sent, or if the peer is gone.
  bool send(const LinkMessage& message);
  /// The next message, or nothing; closed() then tells whether the peer is gone.
  std::optional<LinkMessage> receive();
  bool closed() const { return closed_; }

  /// By `time` the keeper will have killed the tree or moved the deadline; otherwise the front
  /// acts. kNever: no deadline. Before the fork, the front may set it for the keeper.
  void set_deadline(Time time);
  Time deadline() const;

 private:
  UniqueFd fd_;
  UniqueFd front_end_;
  UniqueFd keeper_end_;
  std::atomic<Duration::rep>* deadline_;  ///< on a page that both processes share
  bool closed_ = false;
};

}  // namespace cluster_leader
