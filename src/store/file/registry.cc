#include "store/file/registry.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/machine.h"
#include "store/file/queue.h"
#include "store/file/record.h"

namespace cluster_leader {

namespace {

using State = LeaseView::State;
using std::chrono::milliseconds;

constexpr std::string_view kRecordSuffix = ".lease";

/// A key of kMaxKeyLength, each byte written as %XX, is split into folders of 200 bytes.
constexpr int kDeepestFolder = 8;

std::variant<Moment, Failed> this_moment() {
  auto boot = boot_id();
  if (const auto* error = std::get_if<std::error_code>(&boot)) return unknown_boot(*error);
  return Moment{BootClock::now(), wall_clock_ms(), std::get<std::string>(std::move(boot))};
}

LeaseView foreign(const Key& key, std::uint32_t slot, std::string_view fault) {
  LeaseView view;
  view.key = key;
  view.slot = slot;
  view.state = State::kForeign;
  view.fault = lease_file_of(key, slot).append(fault);
  return view;
}

/// Fills in `view` for the lease of `record`, which has `rest` left.
void describe_lease(LeaseView& view, const FileRecord& record, Duration rest, Time now) {
  view.holder = record.holder;
  view.remaining = rest;
  view.state = State::kHeld;
  if (!is_reserved(record.holder)) return;
  const std::string& value = record.holder.value;
  const std::string parked = parked_for("").value;
  view.node = node_of(value);
  view.state = State::kCoolingDown;
  if (!value.starts_with(parked)) return;
  view.identity = value.substr(parked.size());
  if (record.hold_until > now) {
    view.remaining = std::min(rest, record.hold_until - now);
  } else {
    view.state = State::kParked;
  }
}

LeaseView view_of(const Key& key, std::uint32_t slot, const FoundRecord& found,
                  const Moment& moment) {
  if (std::holds_alternative<ForeignData>(found)) {
    return foreign(key, slot, " is not a record of cluster-leader");
  }
  LeaseView view;
  view.key = key;
  view.slot = slot;
  const auto* record = std::get_if<FileRecord>(&found);
  if (record == nullptr) return view;
  if (record->key.value != key.value) return foreign(key, slot, " is the record of another key");
  view.node = record->node;
  view.host = record->host;
  view.pid = record->pid;
  view.label = record->label;
  view.identity = record->identity;
  view.since_ms = record->since_ms;
  view.token = record->fence;
  view.ttl = record->ttl;
  view.last_run = last_run(*record);
  if (record->once_until_ms > moment.wall_ms) {
    constexpr std::int64_t kDecades = std::int64_t{1} << 40U;
    view.done_for = milliseconds(std::min(record->once_until_ms - moment.wall_ms, kDecades));
  }
  const Duration rest = time_left(*record, moment);
  if (rest > Duration::zero()) {
    describe_lease(view, *record, rest, moment.now);
  } else if (view.done_for) {
    view.state = State::kDone;
    view.remaining = view.done_for;
  }
  return view;
}

/// Adds who waits, as `queue` says.
LeaseView with_waiters(LeaseView view, const std::string& queue, const Moment& moment) {
  Queue waiting = parse_queue(queue, moment);
  waiting.sweep(moment.now);
  view.waiters = static_cast<std::int64_t>(waiting.places().size());
  if (view.waiters > 0) view.waiting_since_ms = waiting.places().front().since_ms;
  return view;
}

/// Whether two reads found the same.
bool are_equal(const FoundRecord& a, const FoundRecord& b) {
  if (a.index() != b.index()) return false;
  const auto* record = std::get_if<FileRecord>(&a);
  return record == nullptr || format_record(*record) == format_record(std::get<FileRecord>(b));
}

/// Waits a moment for the process that has the lock of a record. Returns a Failed at the deadline.
std::optional<Failed> wait_for_lock(const Key& key, Time deadline) {
  if (BootClock::now() >= deadline) {
    return Failed{Trouble::kUnreachable,
                  "no answer in time (waiting for the lock of " + file_name_of(key) + ".lock)"};
  }
  std::this_thread::sleep_for(milliseconds(1));
  return std::nullopt;
}

/// A key, and which of its slots.
using Lease = std::pair<std::string, std::uint32_t>;

/// The lease whose record has this file name, without the suffix.
std::optional<Lease> lease_of(const std::string& name) {
  std::uint32_t slot = 0;
  const std::size_t dot = std::min(name.find('.'), name.size());
  if (dot < name.size()) {
    std::from_chars(name.data() + dot + 1, name.data() + name.size(), slot);
    if (slot == 0 || slot >= kMaxSlots) return std::nullopt;
  }
  const auto key = key_of_file_name(name.substr(0, dot));
  if (!key || lease_file_of(*key, slot) != name + std::string(kRecordSuffix)) return std::nullopt;
  return Lease{key->value, slot};
}

/// Adds what has a record in `folder` and below it. Their file names begin with `name`.
std::error_code collect(const std::filesystem::path& folder, const std::string& name, int depth,
                        std::set<Lease>& leases) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (const std::filesystem::directory_iterator end; !error && entry != end;
       entry.increment(error)) {
    const std::string file = entry->path().filename();
    std::error_code unknown;
    if (file.ends_with(kRecordSuffix)) {
      const auto lease = lease_of(name + file.substr(0, file.size() - kRecordSuffix.size()));
      if (lease) leases.insert(*lease);
    } else if (depth < kDeepestFolder && file.find('.') == std::string::npos &&
               std::filesystem::is_directory(entry->symlink_status(unknown))) {
      error = collect(entry->path(), name + file + '/', depth + 1, leases);
      if (error) return error;
    }
  }
  return error;
}

}  // namespace

std::variant<Listing, Failed> FileRegistry::list(const std::string& prefix, Duration patience) {
  const Time deadline = BootClock::now() + kLongestList * patience;
  // Finds what is wrong with the directory itself.
  const auto opened = RecordFile::open_to_read(location_.directory, {"any"}, is_shared_);
  if (const auto* failed = std::get_if<Failed>(&opened)) return *failed;
  if (std::holds_alternative<RecordFile::NoDirectory>(opened)) return Listing{};
  std::set<Lease> leases;
  if (const auto error = collect(location_.directory, "", 0, leases)) {
    return refused(error.value(), "read the directory");
  }
  Listing listing;
  for (const auto& [key, slot] : leases) {
    if (!key.starts_with(prefix)) continue;
    add_to(listing, look_until({key}, slot, std::min(deadline, BootClock::now() + patience)));
  }
  drop_free_keys(listing);
  return listing;
}

std::variant<Listing, Failed> FileRegistry::show(std::span<const Key> keys, Duration patience) {
  Listing listing;
  for (const Key& key : keys) {
    for (std::uint32_t slot = 0; slot < kMaxSlots; ++slot) {
      if (slot > 0 && !has(key, slot)) continue;
      add_to(listing, look_until(key, slot, BootClock::now() + patience));
    }
  }
  drop_free_slots(listing);
  return listing;
}

/// Whether that slot was ever in use.
bool FileRegistry::has(const Key& key, std::uint32_t slot) const {
  struct stat info {};
  const std::string path = location_.directory + '/' + lease_file_of(key, slot);
  return ::lstat(path.c_str(), &info) == 0;
}

std::variant<Listing, Failed> FileRegistry::look(const Key& key, Duration patience) {
  auto shown = show(std::span(&key, 1), patience);
  auto* const listing = std::get_if<Listing>(&shown);
  if (listing != nullptr && listing->failure) return *std::move(listing->failure);
  return shown;
}

std::variant<LeaseView, Failed> FileRegistry::look_until(const Key& key, std::uint32_t slot,
                                                         Time deadline) const {
  std::optional<FoundRecord> before;
  for (;;) {
    auto opened = RecordFile::open_to_read(location_.directory, key, is_shared_);
    if (auto* failed = std::get_if<Failed>(&opened)) return std::move(*failed);
    const auto moment = this_moment();
    if (const auto* failed = std::get_if<Failed>(&moment)) return *failed;
    const auto& now = std::get<Moment>(moment);
    if (std::holds_alternative<RecordFile::NoDirectory>(opened)) {
      return with_waiters(view_of(key, slot, {}, now), "", now);
    }
    if (auto* file = std::get_if<RecordFile>(&opened)) {
      auto found = file->read(now, slot);
      if (auto* failed = std::get_if<Failed>(&found)) return std::move(*failed);
      auto& record = std::get<FoundRecord>(found);
      // Without the lock it may be half an old record and half a new one, but not twice the same.
      const bool is_whole = file->is_locked() || (before && are_equal(*before, record));
      if (is_whole) return with_waiters(view_of(key, slot, record, now), file->read_queue(), now);
      before = std::move(record);
    }
    if (auto failed = wait_for_lock(key, deadline)) return std::move(*failed);
  }
}

std::variant<Evicted, Failed> FileRegistry::evict(const Key& key, const Eviction& us,
                                                  Duration patience) {
  const Time deadline = BootClock::now() + patience;
  // Reading first, so that no files are created for a key that was never used.
  auto looked = look_until(key, us.slot.value_or(0), deadline);
  if (auto* failed = std::get_if<Failed>(&looked)) return std::move(*failed);
  auto& view = std::get<LeaseView>(looked);
  const auto judgement = judge(view, us);
  if (const auto* failed = std::get_if<Failed>(&judgement)) return *failed;
  const auto kind = std::get<Evicted::Kind>(judgement);
  if (changes_nothing(kind)) return Evicted{kind, std::move(view)};
  for (;;) {
    if (auto evicted = try_to_evict(key, us)) return std::move(*evicted);
    if (auto failed = wait_for_lock(key, deadline)) return std::move(*failed);
  }
}

/// Nothing if another process has the lock of the record: try again.
std::optional<std::variant<Evicted, Failed>> FileRegistry::try_to_evict(const Key& key,
                                                                        const Eviction& us) const {
  auto opened = RecordFile::open(location_.directory, key, /*create=*/false, is_shared_);
  if (std::holds_alternative<RecordFile::Contended>(opened)) return std::nullopt;
  if (auto* failed = std::get_if<Failed>(&opened)) return std::move(*failed);
  const auto moment = this_moment();
  if (const auto* failed = std::get_if<Failed>(&moment)) return *failed;
  const auto& now = std::get<Moment>(moment);
  auto* file = std::get_if<RecordFile>(&opened);
  const std::uint32_t slot = us.slot.value_or(0);
  if (file == nullptr) return Evicted{Evicted::Kind::kNobodys, view_of(key, slot, {}, now)};

  const auto found = file->read(now, slot);
  if (const auto* failed = std::get_if<Failed>(&found)) return *failed;
  LeaseView view = view_of(key, slot, std::get<FoundRecord>(found), now);
  const auto judgement = judge(view, us);
  if (const auto* failed = std::get_if<Failed>(&judgement)) return *failed;
  const auto kind = std::get<Evicted::Kind>(judgement);
  if (changes_nothing(kind)) return Evicted{kind, std::move(view)};
  FileRecord changed = std::get<FileRecord>(std::get<FoundRecord>(found));
  if (kind == Evicted::Kind::kForgotten) {
    changed.once_until_ms = 0;
  } else if (kind == Evicted::Kind::kAsked) {
    changed.asked = changed.holder;
    changed.asked_by = us.node;
    changed.is_superseded = false;
  } else {
    changed.holder = {};
    changed.until = {};
    Queue queue = parse_queue(file->read_queue(), now);
    queue.sweep(now.now);
    if (queue.ahead_of({}) > 0) queue.note_free({changed.fence, now.now, slot}, now.now);
    file->write_queue(format_queue(queue, now));
  }
  if (!file->still_locked()) return std::nullopt;
  if (auto failed = file->write(changed, slot)) return std::move(*failed);
  if (kind != Evicted::Kind::kForgotten) file->announce();
  return Evicted{kind, std::move(view)};
}

}  // namespace cluster_leader
