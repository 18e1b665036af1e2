#include "store/file_store.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/machine.h"

namespace cluster_leader {

namespace {

/// The lock is held for microseconds, unless its holder is stopped just then.
constexpr Duration kFirstPause = std::chrono::milliseconds(1);
constexpr Duration kLongestPause = std::chrono::milliseconds(5);

}  // namespace

FileStore::FileStore(FileLocation location, Claim claim, bool listening, bool (*is_shared)(int fd))
    : location_(std::move(location)),
      claim_(std::move(claim)),
      listening_(listening),
      is_shared_(is_shared) {}

void FileStore::send(const Request& request, Time now) {
  assert(!request_);
  request_ = request;
  used_ = true;
  pause_ = kFirstPause;
  try_request(now);
}

void FileStore::try_request(Time now) {
  answer_ = attempt(*request_);
  wake_at_ = answer_ ? now : now + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
}

std::optional<Answer> FileStore::attempt(const Request& request) {
  if (auto failed = read_boot_id()) return *failed;
  const bool ends = request.kind == RequestKind::kRelease || request.kind == RequestKind::kSettle;

  auto opened = RecordFile::open(location_.directory, claim_.key, !ends, is_shared_);
  if (std::holds_alternative<RecordFile::Contended>(opened)) return std::nullopt;
  if (std::holds_alternative<RecordFile::NoDirectory>(opened)) return Released{};
  if (auto* failed = std::get_if<Failed>(&opened)) return *failed;
  auto& file = std::get<RecordFile>(opened);

  // Read after the lock was had: whoever changed the record before did it at an earlier time.
  const Moment moment{BootClock::now(), wall_clock_ms(), boot_id_};
  const auto found = file.read(moment);
  if (const auto* failed = std::get_if<Failed>(&found)) return *failed;
  Decision decision = decide(request, claim_, std::get<FoundRecord>(found), moment);
  if (auto* failed = std::get_if<Failed>(&decision.answer)) {
    failed->text = file_name_of(claim_.key) + ".lease " + failed->text;
  }
  if (decision.write) {
    if (!file.still_locked()) return std::nullopt;
    if (auto failed = file.write(*decision.write)) return *failed;
    if (ends) file.announce_release();
  }
  // Still under the lock, so that no release can come before the ear is there.
  if (std::holds_alternative<Busy>(decision.answer)) listen();
  if (std::holds_alternative<Granted>(decision.answer)) events_.reset();
  return decision.answer;
}

std::optional<Failed> FileStore::read_boot_id() {
  if (!boot_id_.empty()) return std::nullopt;
  errno = ENOENT;
  boot_id_ = boot_id();
  if (!boot_id_.empty()) return std::nullopt;
  return refused(errno, "tell one boot of the machine from another");
}

void FileStore::cancel() {
  request_.reset();
  answer_.reset();
  wake_at_ = kNever;
}

void FileStore::abandon() {
  cancel();
  events_.reset();
  if (!used_) return;
  try {
    // Another process needs the lock for microseconds only, so that a few tries are no wait.
    for (int tries = 0; tries < 10 && !attempt({RequestKind::kRelease, 0, {}, {}, {}}); ++tries)
      ::sched_yield();
  } catch (const std::system_error&) {
    // The lease then ends with its ttl.
  }
}

/// Hears when the lock file is touched, which a release does and a renewal does not, or deleted.
void FileStore::listen() {
  if (!listening_) return;
  // The timer is enough where the user has no more of these to have (inotify(7)).
  if (!events_) events_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!events_) return;
  const std::string lock = location_.directory + '/' + file_name_of(claim_.key) + ".lock";
  if (::inotify_add_watch(events_.get(), lock.c_str(), IN_ATTRIB | IN_DELETE_SELF) < 0) {
    events_.reset();
  }
}

void FileStore::watch(Poller& poller) { poller.watch(events_.get(), POLLIN); }

Time FileStore::wake_at() const { return wake_at_; }

std::optional<Answer> FileStore::advance(const Poller& poller, Time now) {
  if (events_ && poller.ready(events_.get()) != 0) read_events();
  if (request_ && !answer_ && now >= wake_at_) try_request(now);
  if (!answer_) return std::nullopt;
  std::optional<Answer> answer = std::move(answer_);
  cancel();
  return answer;
}

void FileStore::read_events() {
  alignas(inotify_event) std::array<char, 4096> buffer{};
  while (::read(events_.get(), buffer.data(), buffer.size()) > 0) hint_ = true;
}

bool FileStore::take_hint() { return std::exchange(hint_, false); }

std::string FileStore::stage() const {
  if (!request_ || answer_) return "waiting for an answer";
  return "waiting for the lock of " + file_name_of(claim_.key) + ".lock";
}

}  // namespace cluster_leader
