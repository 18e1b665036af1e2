#include "store/file/record_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "store/percent.h"

namespace cluster_leader {

namespace {

/// A file name may have 255 bytes (NAME_MAX); this leaves room for the suffixes.
constexpr std::size_t kLongestName = 200;

/// Far longer than any text of format_record().
constexpr std::size_t kLongestRecord = std::size_t{64} * 1024;

/// Far more waiters than one machine has.
constexpr std::size_t kLongestQueue = std::size_t{8} * 1024 * 1024;

/// Up to a page, write(2) is one copy within the kernel, which SIGKILL cannot cut in two.
constexpr std::size_t kLongestOverwrite = 4096;

/// Opens no link, and does not block on a pipe of that name.
constexpr int kPlainFile = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
constexpr int kFolder = O_PATH | O_DIRECTORY | O_CLOEXEC;

constexpr unsigned kReadWriteBits = 0666;

/// Gives a new file the read and write bits of its folder. If that is refused, those of the umask
/// stay.
void share(int fd, unsigned mode) { static_cast<void>(::fchmod(fd, mode & kReadWriteBits)); }

bool write_all(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

/// Reads `fd`, and stops when it is longer than a record can be. Nothing, and errno, if it fails.
std::optional<std::string> read_all(int fd) {
  std::string text;
  std::array<char, 4096> part{};
  while (text.size() <= kLongestRecord) {
    const ssize_t n = ::read(fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace

bool is_shared_file_system(int fd) {
  // On these, a machine with another clock and other jobs may write the file, and flock(2) may
  // exclude only processes of this machine. FUSE does not distinguish sshfs from a local disk, nor
  // 9p a server from a folder of the host. Cluster file systems (GFS2, OCFS2, Lustre, Ceph, GPFS)
  // do lock across machines, but the time in a record is that of one machine.
  constexpr std::array<std::uint32_t, 21> kShared = {
      NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
      CODA_SUPER_MAGIC, NCP_SUPER_MAGIC,  AFS_SUPER_MAGIC,  AFS_FS_MAGIC,
      V9FS_MAGIC,       FUSE_SUPER_MAGIC, CEPH_SUPER_MAGIC, OCFS2_SUPER_MAGIC,
      0x01161970,   // GFS2
      0x0BD00BD0,   // Lustre
      0x47504653,   // GPFS
      0x19830326,   // BeeGFS
      0xAAD7AAEA,   // PanFS
      0xBACBACBC,   // VMware's shared folders
      0x786F4256,   // VirtualBox's
      0x7C7C6673,   // Parallels'
      0x20030528};  // OrangeFS
  struct statfs info {};
  if (::fstatfs(fd, &info) != 0) return false;
  return std::find(kShared.begin(), kShared.end(), static_cast<std::uint32_t>(info.f_type)) !=
         kShared.end();
}

Failed refused(int error, const std::string& action) {
  Trouble trouble = Trouble::kMisconfigured;
  switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      trouble = Trouble::kExhausted;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      trouble = Trouble::kDenied;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO:
    case ENOLCK:
    case ESTALE:
      trouble = Trouble::kNotServing;
      break;
    default:
      break;
  }
  return {trouble, "cannot " + action + ": " + std::generic_category().message(error)};
}

Failed unknown_boot(const std::error_code& error) {
  return refused(error.value(), "read the boot id of this machine");
}

std::string file_name_of(const Key& key) {
  // The dot is encoded too: no key is "..", and none ends like a lock file.
  std::string name = percent_encode(key.value, "_-");
  for (std::size_t cut = kLongestName; cut < name.size(); cut += kLongestName + 1) {
    name.insert(cut, 1, '/');
  }
  return name;
}

std::string lease_file_of(const Key& key, std::uint32_t slot) {
  return file_name_of(key) + (slot == 0 ? "" : '.' + std::to_string(slot)) + ".lease";
}

std::optional<Key> key_of_file_name(const std::string& name) {
  std::string joined = name;
  std::erase(joined, '/');
  const auto bytes = percent_decode(joined);
  if (!bytes || bytes->empty() || bytes->size() > kMaxKeyLength) return std::nullopt;
  Key key{*bytes};
  if (bytes->find('\0') != std::string::npos || file_name_of(key) != name) return std::nullopt;
  return key;
}

RecordFile::Opened RecordFile::open(const std::string& directory, const Key& key, bool create,
                                    bool (*is_shared)(int fd)) {
  RecordFile file;
  file.name_ = file_name_of(key);
  bool missing = false;
  if (auto failed = file.open_folder(directory, create, is_shared, missing)) return *failed;
  if (missing) return NoDirectory{};
  bool contended = false;
  if (auto failed = file.open_lock(contended)) return *failed;
  if (contended) return Contended{};
  return file;
}

RecordFile::Opened RecordFile::open_to_read(const std::string& directory, const Key& key,
                                            bool (*is_shared)(int fd)) {
  RecordFile file;
  file.name_ = file_name_of(key);
  bool missing = false;
  if (auto failed = file.open_folder(directory, false, is_shared, missing)) return *failed;
  if (missing) return NoDirectory{};
  const std::string lock = file.name_ + ".lock";
  file.lock_.reset(::openat(file.folder_.get(), lock.c_str(), O_RDONLY | kPlainFile));
  if (!file.lock_ && errno != ENOENT && errno != EACCES) return refused(errno, "open " + lock);
  if (file.lock_ && ::flock(file.lock_.get(), LOCK_SH | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return refused(errno, "lock " + lock);
    return Contended{};
  }
  return file;
}

std::optional<Failed> RecordFile::open_folder(const std::string& directory, bool create,
                                              bool (*is_shared)(int fd), bool& missing) {
  folder_.reset(::open(directory.c_str(), kFolder));
  if (!folder_ && errno == ENOENT && create) {
    // Not its parents: a path that was mistyped is noticed.
    if (::mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
      return refused(errno, errno == ENOENT ? "create the directory, whose parent does not exist"
                                            : "create the directory");
    }
    folder_.reset(::open(directory.c_str(), kFolder));
  }
  missing = !folder_ && errno == ENOENT && !create;
  if (missing) return std::nullopt;
  if (!folder_) return refused(errno, "open the directory");
  if (is_shared(folder_.get())) {
    return Failed{Trouble::kMisconfigured,
                  "the directory is on a file system that other machines may share, and file:// is "
                  "for one machine; name a local directory, or a server"};
  }
  struct stat info {};
  while (true) {
    if (::fstat(folder_.get(), &info) != 0) return refused(errno, "read the mode of the directory");
    mode_ = info.st_mode & 07777U;
    const std::size_t slash = name_.find('/');
    if (slash == std::string::npos) return std::nullopt;
    const std::string part = name_.substr(0, slash);
    name_.erase(0, slash + 1);
    if (create && ::mkdirat(folder_.get(), part.c_str(), 0777) == 0) {
      // If that is refused, the folder keeps the mode that it got from the umask.
      [[maybe_unused]] const int refusal = ::fchmodat(folder_.get(), part.c_str(), mode_, 0);
    }
    UniqueFd below(::openat(folder_.get(), part.c_str(), kFolder | O_NOFOLLOW));
    missing = !below && errno == ENOENT && !create;
    if (missing) return std::nullopt;
    if (!below) return refused(errno, "open the folder " + part);
    folder_ = std::move(below);
  }
}

std::optional<Failed> RecordFile::open_lock(bool& contended) {
  const std::string lock = name_ + ".lock";
  lock_.reset(::openat(folder_.get(), lock.c_str(), O_RDWR | kPlainFile));
  if (!lock_ && errno == ENOENT) {
    lock_.reset(::openat(folder_.get(), lock.c_str(), O_RDWR | O_CREAT | kPlainFile, 0666));
    if (lock_) share(lock_.get(), mode_);
  }
  if (!lock_) return refused(errno, "open " + lock);
  int result = -1;
  do {
    result = ::flock(lock_.get(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EWOULDBLOCK) return refused(errno, "lock " + lock);
  contended = result != 0 || !still_locked();
  return std::nullopt;
}

bool RecordFile::still_locked() const {
  struct stat ours {};
  struct stat named {};
  return ::fstat(lock_.get(), &ours) == 0 &&
         ::fstatat(folder_.get(), (name_ + ".lock").c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

/// Within its folder.
std::string RecordFile::lease_name(std::uint32_t slot) const {
  return name_ + (slot == 0 ? "" : '.' + std::to_string(slot)) + ".lease";
}

std::variant<FoundRecord, Failed> RecordFile::read(const Moment& moment, std::uint32_t slot) {
  const std::string name = lease_name(slot);
  UniqueFd& fd = records_[slot];
  fd.reset(::openat(folder_.get(), name.c_str(), O_RDWR | kPlainFile));
  if (!fd && (errno == EACCES || errno == EROFS)) {
    fd.reset(::openat(folder_.get(), name.c_str(), O_RDONLY | kPlainFile));
  }
  if (!fd && errno == ENOENT) return FoundRecord(NoRecord{});
  if (!fd) return refused(errno, "open " + name);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return refused(errno, "read the mode of " + name);
  if (!S_ISREG(info.st_mode)) return FoundRecord(ForeignData{});
  const auto text = read_all(fd.get());
  if (!text) return refused(errno, "read " + name);
  if (text->size() <= kLongestRecord) {
    if (auto record = parse_record(*text)) return FoundRecord(std::move(*record));
  }
  // A power cut can leave a file torn or empty, since nothing waits for the disk here. All jobs of
  // that time are dead, and the next token is the wall clock.
  const std::int64_t written_ms =
      std::int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
  if (written_ms < moment.booted_ms()) return FoundRecord(NoRecord{});
  return FoundRecord(ForeignData{});
}

std::optional<Failed> RecordFile::write(const FileRecord& record, std::uint32_t slot) {
  const std::string text = format_record(record);
  if (overwrite(text, slot)) return std::nullopt;
  return replace(lease_name(slot), text);
}

/// A text of the same length overwrites the old one, so that a full disk does not end a lease at
/// its next renewal. Readers hold the lock.
bool RecordFile::overwrite(const std::string& text, std::uint32_t slot) const {
  const int fd = records_.at(slot).get();
  struct stat info {};
  return text.size() <= kLongestOverwrite && fd >= 0 && ::fstat(fd, &info) == 0 &&
         S_ISREG(info.st_mode) && static_cast<std::size_t>(info.st_size) == text.size() &&
         ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

std::optional<Failed> RecordFile::replace(const std::string& name, const std::string& text) const {
  const std::string draft = name_ + ".new";
  const auto give_up = [&](const std::string& action) {
    const int error = errno;
    ::unlinkat(folder_.get(), draft.c_str(), 0);
    return refused(error, action);
  };
  // A process that is killed between writing and renaming leaves one behind.
  ::unlinkat(folder_.get(), draft.c_str(), 0);
  UniqueFd fd(
      ::openat(folder_.get(), draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | kPlainFile, 0666));
  if (!fd) return refused(errno, "create " + draft);
  share(fd.get(), mode_);
  if (!write_all(fd.get(), text)) return give_up("write " + draft);
  if (::renameat(folder_.get(), draft.c_str(), folder_.get(), name.c_str()) == 0) {
    return std::nullopt;
  }
  if (errno == EPERM && (mode_ & S_ISVTX) != 0) {
    give_up("replace " + name);
    return Failed{Trouble::kDenied, "cannot replace " + name +
                                        ", which belongs to another user: several users "
                                        "need a directory without the sticky bit"};
  }
  return give_up("replace " + name);
}

std::string RecordFile::read_queue() const {
  const UniqueFd fd(::openat(folder_.get(), (name_ + ".queue").c_str(), O_RDONLY | kPlainFile));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return "";
  std::string text(std::min(static_cast<std::size_t>(info.st_size), kLongestQueue), '\0');
  const ssize_t size = ::pread(fd.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return text;
}

void RecordFile::write_queue(const std::string& text) const {
  const std::string name = name_ + ".queue";
  if (text.empty()) {
    ::unlinkat(folder_.get(), name.c_str(), 0);
    return;
  }
  static_cast<void>(replace(name, text));
}

void RecordFile::announce() const {
  // Watchers get IN_ATTRIB. Writing would need space, and renewals must not wake anybody.
  static_cast<void>(::futimens(lock_.get(), nullptr));
}

}  // namespace cluster_leader
