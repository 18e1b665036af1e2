#pragma once

#include <optional>
#include <string>
#include <system_error>
#include <variant>

#include "base/unique_fd.h"
#include "lease/answer.h"
#include "store/file/record.h"

namespace cluster_leader {

/// True if the file system of the directory `fd` can be another machine's too, or cannot tell.
bool is_shared_file_system(int fd);

/// What to say when the system refused to `action` (for example "write x.lease") with `error`.
Failed refused(int error, const std::string& action);

/// The same where boot_id() failed with `error`.
Failed unknown_boot(const std::error_code& error);

/// The file name of a key's record without its suffix, which no two keys share: percent-encoded,
/// and folders in folders where it is too long for one name.
std::string file_name_of(const Key& key);

/// The key whose file_name_of() is `name`; nothing if there is none.
std::optional<Key> key_of_file_name(const std::string& name);

/// The record of one key while nobody else can change it: the flock(2) on NAME.lock. It must not
/// live longer than one call, since a lock survives in every process that a fork makes.
class RecordFile {
 public:
  struct NoDirectory {};
  struct Contended {};
  using Opened = std::variant<RecordFile, NoDirectory, Contended, Failed>;

  /// Never waits for the lock. With `create`, makes the directories that do not exist; they and the
  /// files get the rights of the directory above them, since whoever may write there can replace
  /// them anyway.
  static Opened open(const std::string& directory, const Key& key, bool create,
                     bool (*is_shared)(int fd));

  /// The same for who only looks: makes nothing, needs no right to write, and keeps nobody out who
  /// looks as well. Where the lock file is missing or may not be read, it is not locked(), and what
  /// it reads may be a record that is just being written.
  static Opened open_to_look(const std::string& directory, const Key& key,
                             bool (*is_shared)(int fd));

  bool is_locked() const { return static_cast<bool>(lock_); }

  std::variant<FoundRecord, Failed> read(const Moment& moment);

  /// False if somebody deleted the lock file, so that the lock keeps nobody out any more.
  bool still_locked() const;

  /// REQUIRES: read() has said what there is.
  std::optional<Failed> write(const FileRecord& record);

  /// Tells those who watch the lock file that the key has another holder, or none.
  void announce() const;

 private:
  std::optional<Failed> open_folder(const std::string& directory, bool create,
                                    bool (*is_shared)(int fd), bool& missing);
  std::optional<Failed> open_lock(bool& contended);
  bool overwrite(const std::string& text) const;
  std::optional<Failed> replace(const std::string& text) const;

  std::string name_;   ///< of the record in its folder, without a suffix
  unsigned mode_ = 0;  ///< of that folder
  UniqueFd folder_;
  UniqueFd lock_;
  UniqueFd record_;
};

}  // namespace cluster_leader
