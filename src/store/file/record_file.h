#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <variant>

#include "base/unique_fd.h"
#include "lease/answer.h"
#include "store/file/record.h"

namespace cluster_leader {

/// True if other machines may use the file system of the directory `fd` too, or if that cannot be
/// known.
bool is_shared_file_system(int fd);

/// The failure to `action` (for example "write x.lease") because of the errno `error`.
Failed refused(int error, const std::string& action);

/// The same if boot_id() failed with `error`.
Failed unknown_boot(const std::error_code& error);

/// The file name of a key's record without its suffix: percent-encoded, and split into folders if
/// it is too long for one name. No two keys have the same.
std::string file_name_of(const Key& key);

/// The file name of the record of one of its leases, for people: NAME.lease, or NAME.2.lease for
/// slot 2.
std::string lease_file_of(const Key& key, std::uint32_t slot);

/// The key that has this file_name_of(); nothing if there is none.
std::optional<Key> key_of_file_name(const std::string& name);

/// The records of one key, one for each slot, locked by flock(2) on NAME.lock so that nobody else
/// can change it. It must not live longer than one call, since a forked process keeps the lock too.
class RecordFile {
 public:
  struct NoDirectory {};
  struct Contended {};
  using Opened = std::variant<RecordFile, NoDirectory, Contended, Failed>;

  /// Never waits for the lock. With `create`, creates missing directories; these and the files get
  /// the mode of the directory above them, since whoever may write there can replace them anyway.
  static Opened open(const std::string& directory, const Key& key, bool create,
                     bool (*is_shared)(int fd));

  /// Opens only for reading: creates nothing, needs no right to write, and does not exclude other
  /// readers. If the lock file is missing or may not be read, the result is not locked, and read()
  /// may find a record that is only partly written.
  static Opened open_to_read(const std::string& directory, const Key& key,
                             bool (*is_shared)(int fd));

  bool is_locked() const { return static_cast<bool>(lock_); }

  std::variant<FoundRecord, Failed> read(const Moment& moment, std::uint32_t slot = 0);

  /// False if somebody has deleted the lock file, so that the lock excludes nobody any more.
  bool still_locked() const;

  /// Replaces the record of that slot. REQUIRES: read() was called for it.
  std::optional<Failed> write(const FileRecord& record, std::uint32_t slot = 0);

  /// The text of the key's queue, in NAME.queue; empty if there is none, or it cannot be read.
  std::string read_queue() const;

  /// Replaces it. Where that is refused, only the order suffers.
  void write_queue(const std::string& text) const;

  /// Notifies everybody that watches the lock file that the key has another holder, or none.
  void announce() const;

 private:
  std::optional<Failed> open_folder(const std::string& directory, bool create,
                                    bool (*is_shared)(int fd), bool& missing);
  std::optional<Failed> open_lock(bool& contended);
  std::string lease_name(std::uint32_t slot) const;
  bool overwrite(const std::string& text, std::uint32_t slot) const;
  std::optional<Failed> replace(const std::string& name, const std::string& text) const;

  std::string name_;   ///< of the record in its folder, without a suffix
  unsigned mode_ = 0;  ///< of that folder
  UniqueFd folder_;
  UniqueFd lock_;
  std::map<std::uint32_t, UniqueFd> records_;  ///< by slot; those that were read
};

}  // namespace cluster_leader
