#include "store/file/store.h"

#include <sched.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/machine.h"
#include "lease/retry_after.h"
#include "store/file/queue.h"

namespace cluster_leader {

namespace {

/// The lock is held for microseconds, unless the process that has it is stopped.
constexpr Duration kFirstPause = std::chrono::milliseconds(1);
constexpr Duration kLongestPause = std::chrono::milliseconds(5);

/// For how long a change that cannot be looked at, because of that lock, is no reason to ask.
constexpr Duration kPatienceWithChanges = std::chrono::milliseconds(100);

/// Whether `written` in place of `found` is news for those who watch the key.
bool is_news(const FileRecord& written, const FileRecord* found) {
  const FileRecord before = found != nullptr ? *found : FileRecord();
  return written.holder != before.holder || written.era != before.era;
}

}  // namespace

FileStore::FileStore(FileLocation location, Candidate candidate, bool (*is_shared)(int fd))
    : location_(std::move(location)), candidate_(std::move(candidate)), is_shared_(is_shared) {}

std::size_t FileStore::add(Key key) {
  candidacies_.emplace_back().candidacy.key = std::move(key);
  return candidacies_.size() - 1;
}

void FileStore::set_holder(std::size_t candidacy, HolderId holder) {
  candidacies_[candidacy].candidacy.holder = std::move(holder);
  candidacies_[candidacy].holds = false;
}

void FileStore::send(std::size_t candidacy, const Request& request, Time now) {
  Entry& entry = candidacies_[candidacy];
  assert(!entry.in_flight);
  entry.request = request;
  entry.in_flight = entry.used = true;
  entry.pause = kFirstPause;
  try_request(candidacy, now);
}

void FileStore::try_request(std::size_t candidacy, Time now) {
  Entry& entry = candidacies_[candidacy];
  if (auto answer = attempt(candidacy, entry.request)) {
    entry.in_flight = false;
    reports_.answer(candidacy, entry.request.attempt, std::move(*answer));
    return;
  }
  entry.retry_at = now + entry.pause;
  entry.pause = std::min(entry.pause * 2, kLongestPause);
  waiting_.push_back({candidacy, entry.request.attempt});
}

/// Nothing if another process has the lock of the record.
std::optional<Answer> FileStore::attempt(std::size_t number, const Request& request) {
  const Candidacy& candidacy = candidacies_[number].candidacy;
  if (auto failed = read_boot_id()) return *failed;
  const bool ends = request.kind == RequestKind::kRelease || request.kind == RequestKind::kFinish;

  auto opened = RecordFile::open(location_.directory, candidacy.key, !ends, is_shared_);
  if (std::holds_alternative<RecordFile::Contended>(opened)) return std::nullopt;
  if (std::holds_alternative<RecordFile::NoDirectory>(opened)) return Released{};
  if (auto* failed = std::get_if<Failed>(&opened)) return *failed;
  auto& file = std::get<RecordFile>(opened);

  // Read the clock after taking the lock: the last change to the record was before that.
  const Moment moment{BootClock::now(), wall_clock_ms(), boot_id_};
  auto read = read_slots(file, request, moment);
  if (const auto* failed = std::get_if<Failed>(&read)) return *failed;
  const auto& slots = std::get<Slots>(read);
  SlotDecision decided = decide_among(request, candidate_, candidacy, slots, moment);
  if (auto* failed = std::get_if<Failed>(&decided.decision.answer)) {
    failed->text = lease_file_of(candidacy.key, slots[decided.index].slot) + ' ' + failed->text;
  }
  Queue queue;
  bool wakes = false;
  if (request.kind != RequestKind::kRenew) {
    queue = parse_queue(file.read_queue(), moment);
    const Queue before = queue;
    wakes = apply_queue(queue, decided, {request, candidate_, candidacy, slots, moment});
    if (queue != before) {
      if (!file.still_locked()) return std::nullopt;
      file.write_queue(format_queue(queue, moment));
    }
  }
  Decision& decision = decided.decision;
  const FoundSlot& found = slots[decided.index];
  if (auto* granted = std::get_if<Granted>(&decision.answer)) granted->slot = found.slot;
  if (wakes) file.announce();
  if (decision.write) {
    if (!file.still_locked()) return std::nullopt;
    if (auto failed = file.write(*decision.write, found.slot)) return *failed;
    if (is_news(*decision.write, found.record())) {
      file.announce();
      // Changes that this candidacy would see by now are older than what it has just done, or its
      // own.
      report_changes(number);
    }
  }
  const auto* busy = std::get_if<Busy>(&decision.answer);
  candidacies_[number].in_line = busy != nullptr && busy->place > 0;
  const bool is_renewed = std::holds_alternative<Renewed>(decision.answer);
  candidacies_[number].holds = is_renewed || std::holds_alternative<Granted>(decision.answer);
  // Under the lock, so that nothing can be announced before it is watched.
  if (candidate_.listens && (is_renewed || busy != nullptr)) {
    watcher_.watch(number, lock_path(candidacy.key));
  }
  return decision.answer;
}

/// The slots that the request is about.
std::variant<FileStore::Slots, Failed> FileStore::read_slots(RecordFile& file,
                                                             const Request& request,
                                                             const Moment& moment) const {
  const bool knows_slot =
      request.kind == RequestKind::kRenew || request.kind == RequestKind::kFinish;
  const std::uint32_t first = knows_slot ? request.slot : 0;
  const std::uint32_t end = knows_slot ? request.slot + 1 : candidate_.slots;
  Slots slots;
  for (std::uint32_t slot = first; slot < end; ++slot) {
    auto read = file.read(moment, slot);
    if (auto* failed = std::get_if<Failed>(&read)) return std::move(*failed);
    slots.push_back({slot, std::get<FoundRecord>(std::move(read))});
  }
  return slots;
}

std::optional<Failed> FileStore::read_boot_id() {
  if (!boot_id_.empty()) return std::nullopt;
  auto boot = boot_id();
  if (const auto* error = std::get_if<std::error_code>(&boot)) return unknown_boot(*error);
  boot_id_ = std::get<std::string>(std::move(boot));
  return std::nullopt;
}

void FileStore::cancel(std::size_t candidacy) { candidacies_[candidacy].in_flight = false; }

void FileStore::abandon(std::size_t candidacy) {
  Entry& entry = candidacies_[candidacy];
  entry.in_flight = false;
  if (!std::exchange(entry.used, false)) return;
  // Other processes need the lock for microseconds only, so a few tries do not wait.
  for (int tries = 0;
       tries < 10 && !attempt(candidacy, {.kind = RequestKind::kRelease, .token = {}}); ++tries)
    ::sched_yield();
}

void FileStore::watch(Poller& poller) { poller.watch(watcher_.fd(), POLLIN); }

Time FileStore::wake_at() const {
  if (!reports_.empty()) return Time::min();
  Time earliest = kNever;
  for (const Waiting& waiting : waiting_) {
    if (is_in_flight(waiting))
      earliest = std::min(earliest, candidacies_[waiting.candidacy].retry_at);
  }
  for (const Change& change : changes_) earliest = std::min(earliest, change.look_at);
  return earliest;
}

void FileStore::advance(const Poller& poller, Time now) {
  if (poller.ready(watcher_.fd()) != 0) report_changes();
  for (const Change& change : std::exchange(changes_, {})) {
    if (now >= change.look_at) {
      report_change(change, now);
    } else {
      changes_.push_back(change);
    }
  }
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    if (!is_in_flight(waiting)) continue;
    if (now >= candidacies_[waiting.candidacy].retry_at) {
      try_request(waiting.candidacy, now);
    } else {
      waiting_.push_back(waiting);
    }
  }
}

std::optional<StoreEvent> FileStore::next() { return reports_.next(); }

std::string FileStore::stage(std::size_t candidacy) const {
  if (!candidacies_[candidacy].in_flight) return "waiting for an answer";
  return "waiting for the lock of " + file_name_of(candidacies_[candidacy].candidacy.key) + ".lock";
}

/// Reports what has happened to the candidacies with lock files that were touched; not for
/// `except`.
void FileStore::report_changes(std::size_t except) {
  const Time now = BootClock::now();
  std::erase_if(changes_, [&](const Change& change) { return change.candidacy == except; });
  for (const std::size_t candidacy : watcher_.changed()) {
    const bool is_known = std::any_of(changes_.begin(), changes_.end(), [&](const Change& change) {
      return change.candidacy == candidacy;
    });
    if (candidacy == except || is_known) continue;
    report_change({candidacy, now, now + kPatienceWithChanges}, now);
  }
}

/// With many waiters the lock is often taken, and if all of those who cannot look asked instead,
/// they would keep whoever is next from asking.
void FileStore::report_change(const Change& change, Time now) {
  auto notice = inspect(change.candidacy);
  if (notice) return reports_.notice(change.candidacy, *std::move(notice));
  if (now < change.ask_at) {
    changes_.push_back({change.candidacy, now + kLongestPause, change.ask_at});
  } else {
    reports_.notice(change.candidacy, must_ask(change.candidacy));
  }
}

/// What has happened is not known.
Notice FileStore::must_ask(std::size_t number) const {
  return {candidacies_[number].holds ? Notice::Kind::kBroken : Notice::Kind::kFree};
}

/// When it is this candidacy's turn to ask for a key that it may get. Those before it in line are
/// to ask first; but whoever has lost its place asks for it, and a result, or a key that is parked
/// for us, does not wait.
Duration FileStore::turn_of(std::size_t number, Queue& queue, const Slots& slots,
                            const Moment& moment) const {
  const Entry& entry = candidacies_[number];
  const HolderId& holder = entry.candidacy.holder;
  const bool is_ours = std::any_of(slots.begin(), slots.end(), [&](const FoundSlot& slot) {
    return slot.record() != nullptr && is_parked_for(candidate_, *slot.record());
  });
  if (!entry.in_line || !queue.is_in_line(holder) || candidate_.joins || is_ours) return {};
  const std::vector<Opening> openings = openings_of(slots, moment);
  Time late_at = moment.now + kTurn;
  for (const Opening& opening : openings) {
    late_at = std::min(late_at, queue.late_at(opening, moment.now).value_or(late_at));
  }
  const Time turn = queue.turn_of(holder, late_at, std::max<std::size_t>(openings.size(), 1));
  return std::max(turn, moment.now) - moment.now;
}

/// The notice that a change of this candidacy's records deserves. If the new holder is not known,
/// the candidacy must ask. Nothing if another process has the lock.
std::optional<Notice> FileStore::inspect(std::size_t number) {
  const Entry& entry = candidacies_[number];
  const Candidacy& candidacy = entry.candidacy;
  Notice ask_again = must_ask(number);
  auto opened = RecordFile::open_to_read(location_.directory, candidacy.key, is_shared_);
  if (std::holds_alternative<RecordFile::Contended>(opened)) return std::nullopt;
  auto* file = std::get_if<RecordFile>(&opened);
  if (file == nullptr || !file->is_locked()) return ask_again;
  // If the lock file was deleted, this is another one.
  watcher_.watch(number, lock_path(candidacy.key));
  const Moment moment{BootClock::now(), wall_clock_ms(), boot_id_};
  auto read = read_slots(*file, entry.request, moment);
  const Slots slots =
      std::holds_alternative<Slots>(read) ? std::get<Slots>(std::move(read)) : Slots();
  Queue queue = parse_queue(file->read_queue(), moment);
  ask_again.delay = turn_of(number, queue, slots, moment);
  if (entry.in_line && !queue.is_in_line(candidacy.holder)) return ask_again;
  const FileRecord* last = nullptr;
  for (const FoundSlot& slot : slots) {
    const FileRecord* const record = slot.record();
    if (is_free(slot, moment)) return ask_again;
    if (is_reserved(record->holder) || record->holder == candidacy.holder) return ask_again;
    // So that whoever waits finds out whether it is superseded.
    if (record->asked == record->holder) return Notice{Notice::Kind::kBroken};
    if (last == nullptr || record->fence > last->fence) last = record;
  }
  if (last == nullptr) return ask_again;
  if (entry.in_line && candidate_.slots > 1) {
    // It may have asked when others were before it, and other leases ended first.
    std::vector<Duration> rests;
    for (const FoundSlot& slot : slots) {
      rests.push_back(retry_after(time_left(*slot.record(), moment), slot.record()->ttl));
    }
    ask_again.delay = queue.pause_of(candidacy.holder, rests, candidate_.ttl).length;
    return ask_again;
  }
  return Notice{Notice::Kind::kTaken, last->holder, last->fence};
}

std::string FileStore::lock_path(const Key& key) const {
  return location_.directory + '/' + file_name_of(key) + ".lock";
}

bool FileStore::is_in_flight(const Waiting& waiting) const {
  const Entry& entry = candidacies_[waiting.candidacy];
  return entry.in_flight && entry.request.attempt == waiting.attempt;
}

}  // namespace cluster_leader
