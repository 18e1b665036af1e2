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

/// What front and keeper tell each other, one datagram each. Plain data: both are one program.
struct LinkMessage {
  enum class Kind : std::uint32_t {
    kSignal,         ///< front to keeper: value = a signal for the job
    kStopped,        ///< keeper to front: the job's main process was stopped by signal `value`
    kFinished,       ///< keeper to front, its last word: verdict, status
    kDeadlineMoved,  ///< keeper to front: look at the deadline again; set_deadline() sends it
    kOrder,          ///< front to keeper: value = what to do about the leases, see commands/
    kStanding,       ///< keeper to front: a lease has changed, see `standing`; text = its holder
    kFailed,         ///< keeper to front: it ends, having thrown `text`
  };
  Kind kind{};
  std::int32_t value = 0;
  std::uint32_t verdict = 0;  ///< the lease's outcome; a number that only commands/ reads
  JobStatus status{};
  // With the last word, for those who tell of the run.
  std::int64_t started_ms = 0;   ///< when the job began, ms since 1970
  std::int64_t finished_ms = 0;  ///< when nothing of it was left
  std::uint32_t renewals = 0;    ///< of the lease
  Duration slowest_renewal{};
  // Last of all, because only kStanding and kFailed travel with what follows.
  // With kStanding; numbers that only commands/ reads.
  struct {
    std::uint32_t claim = 0;
    std::uint32_t standing = 0;
    std::int64_t token = 0;
    Time good_until;
  } standing{};
  // As much of it travels as is used.
  std::uint16_t text_size = 0;  ///< at most that of `text`
  std::array<char, 510> text{};

  std::string_view words() const { return {text.data(), text_size}; }
  /// What is too long is cut off.
  void set_words(std::string_view words);
};

/// The connection between front and keeper: a SOCK_SEQPACKET pair and one shared page with the time
/// by which the keeper must have shown that it lives.
class KeeperLink {
 public:
  /// Throws std::system_error. To be made before the fork.
  KeeperLink();
  ~KeeperLink();
  KeeperLink(const KeeperLink&) = delete;
  KeeperLink& operator=(const KeeperLink&) = delete;

  /// After the fork, each side closes the other's end.
  void be_front();
  void be_keeper();

  int fd() const { return fd_.get(); }
  /// Never blocks. False if the message does not fit now, because the peer has not read for long;
  /// true if it was sent, or nobody is left to send it to.
  bool send(const LinkMessage& message);
  /// The next message, or nothing. `closed()` tells afterwards whether the peer has gone.
  std::optional<LinkMessage> receive();
  bool closed() const { return closed_; }

  /// The keeper's promise: by `time` it has killed the tree, or moved the time on. kNever: no
  /// promise. Before the fork, the front may make it in the keeper's name.
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
