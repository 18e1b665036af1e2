#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lease/candidacy.h"
#include "lease/queue.h"
#include "store/file/record_file.h"
#include "store/file/slots.h"
#include "store/file/watcher.h"
#include "store/location.h"
#include "store/reports.h"
#include "store/store.h"

namespace cluster_leader {

/// Leases in a directory on one machine, without a server. They have a ttl and a record as on
/// Redis, rather than being an flock(2) that is held while the job lives, so that a process that
/// dies, is stopped or continues has the same consequences on both.
///
/// For each key, `NAME.lease` is its record, or that of slot 0 if it has several, and
/// `NAME.1.lease` that of slot 1; `NAME.queue` says who waits for it, and the flock(2) on
/// `NAME.lock` prevents two processes from changing them at once (store/file/record_file.h). Record
/// and lock stay when the lease is released: the record has the last token. send() does the work,
/// in microseconds, and the next advance() reports the answer.
///
/// A process that changes the holder of a key touches its lock file, which notifies all that watch
/// it. A candidacy watches only once the key was busy or its lease was renewed, since it can take
/// the kernel 16 ms to remove a watch, too long for a short job.
class FileStore final : public Store {
 public:
  FileStore(FileLocation location, Candidate candidate,
            bool (*is_shared)(int fd) = is_shared_file_system);

  std::size_t add(Key key) override;
  void set_holder(std::size_t candidacy, HolderId holder) override;
  void send(std::size_t candidacy, const Request& request, Time now) override;
  void cancel(std::size_t candidacy) override;
  void abandon(std::size_t candidacy) override;
  void watch(Poller& poller) override;
  Time wake_at() const override;
  void advance(const Poller& poller, Time now) override;
  std::optional<StoreEvent> next() override;
  std::string stage(std::size_t candidacy) const override;

 private:
  struct Entry {
    Candidacy candidacy;
    Request request;  ///< the last one
    bool in_flight = false;
    bool used = false;     ///< something was sent since it was last abandoned
    bool holds = false;    ///< according to the last answer
    bool in_line = false;  ///< likewise
    Time retry_at;         ///< if another process has the lock of its record
    Duration pause{};      ///< before the lock is tried again
  };
  /// A change that could not be looked at, since another process has the lock of the record.
  struct Change {
    std::size_t candidacy = 0;
    Time look_at;  ///< again
    Time ask_at;   ///< if that was of no use until then
  };
  /// A request that waits for the lock of its record.
  struct Waiting {
    std::size_t candidacy = 0;
    std::uint64_t attempt = 0;
  };
  static constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();

  void try_request(std::size_t candidacy, Time now);
  std::optional<Answer> attempt(std::size_t candidacy, const Request& request);
  using Slots = std::vector<FoundSlot>;
  std::variant<Slots, Failed> read_slots(RecordFile& file, const Request& request,
                                         const Moment& moment) const;
  std::optional<Failed> read_boot_id();
  void report_changes(std::size_t except = kNobody);
  void report_change(const Change& change, Time now);
  Notice must_ask(std::size_t candidacy) const;
  std::optional<Notice> inspect(std::size_t candidacy);
  Duration turn_of(std::size_t candidacy, Queue& queue, const Slots& slots,
                   const Moment& moment) const;
  std::string lock_path(const Key& key) const;
  bool is_in_flight(const Waiting& waiting) const;

  const FileLocation location_;
  const Candidate candidate_;
  bool (*is_shared_)(int fd);
  std::string boot_id_;
  std::vector<Entry> candidacies_;
  std::vector<Waiting> waiting_;
  std::vector<Change> changes_;
  FileWatcher watcher_;
  Reports reports_;
};

}  // namespace cluster_leader
