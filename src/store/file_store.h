#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "lease/claim.h"
#include "store/location.h"
#include "store/record_file.h"
#include "store/store.h"

namespace cluster_leader {

/// Leases in a directory of one machine, for which no server is needed. They have a ttl and a
/// record just as on Redis, rather than being an flock(2) that is held while the job lives: whoever
/// dies, is stopped or comes back, the same things happen on both.
///
/// For each key, `NAME.lease` is its record and the flock(2) on `NAME.lock` keeps two processes
/// from changing it at once (store/record_file.h). Both stay when the lease is released: the record
/// has the last token. send() does the work, in microseconds, and the next advance() answers.
class FileStore final : public Store {
 public:
  FileStore(FileLocation location, Claim claim, bool listening,
            bool (*is_shared)(int fd) = is_shared_file_system);

  void send(const Request& request, Time now) override;
  void cancel() override;
  void abandon() override;
  void watch(Poller& poller) override;
  Time wake_at() const override;
  std::optional<Answer> advance(const Poller& poller, Time now) override;
  bool take_hint() override;
  std::string stage() const override;

 private:
  /// Nothing if another process has the lock of the record.
  std::optional<Answer> attempt(const Request& request);
  std::optional<Failed> read_boot_id();
  void try_request(Time now);
  void listen();
  void read_events();

  FileLocation location_;
  Claim claim_;
  bool listening_;
  bool (*is_shared_)(int fd);
  std::string boot_id_;
  std::optional<Request> request_;
  std::optional<Answer> answer_;
  Time wake_at_ = kNever;
  Duration pause_{};  ///< before the lock is tried again
  bool used_ = false;
  bool hint_ = false;
  UniqueFd events_;
};

}  // namespace cluster_leader
