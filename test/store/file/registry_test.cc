// The leases in a directory as everybody may read and end them.
#include "store/file/registry.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/machine.h"
#include "support/command.h"

namespace cluster_leader {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using State = LeaseView::State;

namespace {

const std::string kId = "web-1/0123456789abcdef0123456789abcdef";
const std::string kIdentity = "web-1/boot:4026531836";

bool nothing_is_shared(int) { return false; }
bool everything_is_shared(int) { return true; }

class FileRegistryTest : public testing::Test {
 protected:
  static FileRecord record(const std::string& holder = kId) {
    FileRecord record;
    record.key = {"job-a"};
    record.fence = {1764};
    record.holder = {holder};
    record.until = BootClock::now() + 10s;
    record.boot_id = std::get<std::string>(boot_id());
    record.ttl = 10s;
    record.node = "web-1";
    record.host = "host-1";
    record.pid = 4711;
    record.label = "report";
    record.since_ms = 1764000000000;
    return record;
  }
  /// Writes it as a store does.
  void write(const FileRecord& record) {
    auto opened = RecordFile::open(directory_, record.key, true, nothing_is_shared);
    auto& file = std::get<RecordFile>(opened);
    file.read({BootClock::now(), wall_clock_ms(), std::get<std::string>(boot_id())});
    const auto failed = file.write(record);
    EXPECT_FALSE(failed) << failed->text;
  }
  FileRecord written(const std::string& name = "job-a") const {
    const auto record = parse_record(content_of(directory_ + "/" + name + ".lease"));
    EXPECT_TRUE(record);
    return record.value_or(FileRecord{});
  }
  void write_text(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(directory_);
    folder_.write("leases/" + name, text);
  }

  LeaseView look(const std::string& key = "job-a") {
    const auto looked = registry_.look({key}, 5s);
    if (const auto* failed = std::get_if<Failed>(&looked)) {
      ADD_FAILURE() << failed->text;
      return {};
    }
    return std::get<Listing>(looked).views.front();
  }
  std::vector<std::string> keys(const std::string& prefix = "") {
    const auto listed = registry_.list(prefix, 5s);
    std::vector<std::string> keys;
    if (const auto* failed = std::get_if<Failed>(&listed)) {
      ADD_FAILURE() << failed->text;
      return keys;
    }
    for (const LeaseView& view : std::get<Listing>(listed).views) keys.push_back(view.key.value);
    return keys;
  }
  Evicted evict(const Eviction& us) {
    const auto evicted = registry_.evict({"job-a"}, us, 5s);
    if (const auto* failed = std::get_if<Failed>(&evicted)) {
      ADD_FAILURE() << failed->text;
      return {};
    }
    return std::get<Evicted>(evicted);
  }
  static Eviction web_1() { return {"web-1", "host-1", kIdentity, false}; }
  static Eviction web_2() { return {"web-2", "host-2", "web-2/boot:4026531836", false}; }
  static Eviction by_force() { return {"web-2", "host-2", "web-2/boot:4026531836", true}; }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  TempFolder folder_;
  const std::string directory_ = folder_.file("leases");
  FileRegistry registry_{FileLocation{directory_}, nothing_is_shared};
};

TEST_F(FileRegistryTest, AnEmptyDirectoryHasNoKeyInUseAndStaysEmpty) {
  EXPECT_THAT(keys(), IsEmpty());
  EXPECT_EQ(look().state, State::kFree);
  EXPECT_EQ(evict(by_force()).kind, Evicted::Kind::kNobodys);
  EXPECT_THAT(files(), IsEmpty());
  std::filesystem::create_directory(directory_);
  EXPECT_THAT(keys(), IsEmpty());
  EXPECT_EQ(look().state, State::kFree);
  EXPECT_EQ(evict(by_force()).kind, Evicted::Kind::kNobodys);
  EXPECT_THAT(files(), ElementsAre("leases"));
}

TEST_F(FileRegistryTest, AHeldKeyIsDescribedByItsRecord) {
  write(record());
  const LeaseView view = look();
  EXPECT_EQ(view.state, State::kHeld);
  EXPECT_EQ(view.holder.value, kId);
  EXPECT_EQ(view.node, "web-1");
  EXPECT_EQ(view.host, "host-1");
  EXPECT_EQ(view.pid, 4711);
  EXPECT_EQ(view.label, "report");
  EXPECT_EQ(view.since_ms, 1764000000000);
  EXPECT_EQ(view.token, Token{1764});
  EXPECT_EQ(view.ttl, 10s);
  EXPECT_GT(view.remaining, 5s);
  EXPECT_EQ(view.waiters, 0);
  EXPECT_THAT(keys(), ElementsAre("job-a"));
}

TEST_F(FileRegistryTest, ALeaseThatHasEndedIsFree) {
  FileRecord ended = record();
  ended.until = BootClock::now() - 1ns;
  write(ended);
  EXPECT_EQ(look().state, State::kFree);
  EXPECT_EQ(look().node, "web-1");
  EXPECT_THAT(keys(), IsEmpty());
  // Those of an earlier boot have.
  FileRecord of_old = record();
  of_old.boot_id = "another";
  write(of_old);
  EXPECT_EQ(look().state, State::kFree);
}

TEST_F(FileRegistryTest, ShowsParkedKeysAndKeysThatCoolDown) {
  FileRecord parked = record("parked:" + kIdentity);
  write(parked);
  EXPECT_EQ(look().state, State::kParked);
  EXPECT_EQ(look().node, "web-1");
  EXPECT_EQ(look().identity, kIdentity);
  parked.hold_until = BootClock::now() + 4s;
  write(parked);
  EXPECT_EQ(look().state, State::kCoolingDown);
  EXPECT_LE(look().remaining, 4s);
  write(record("held:" + kId));
  EXPECT_EQ(look().state, State::kCoolingDown);
  EXPECT_EQ(look().node, "web-1");
}

TEST_F(FileRegistryTest, AKeyThatMustNotRunAgainYetIsDone) {
  FileRecord done = record("");
  done.once_until_ms = wall_clock_ms() + 100'000;
  write(done);
  EXPECT_EQ(look().state, State::kDone);
  EXPECT_GT(look().remaining, 90s);
  EXPECT_THAT(keys(), ElementsAre("job-a"));
  done.once_until_ms = std::int64_t{1} << 53U;
  write(done);
  EXPECT_GT(look().remaining, 24h * 365);
}

TEST_F(FileRegistryTest, ForeignDataIsReportedAndNotChanged) {
  for (const std::string text : {"", "x", "{}", "{\"key\":\"job-a\"", "null", "\xff\xfe\0x"}) {
    write_text("job-a.lease", text);
    const LeaseView view = look();
    EXPECT_EQ(view.state, State::kForeign) << text;
    EXPECT_EQ(view.fault, "job-a.lease is not a record of cluster-leader");
    EXPECT_THAT(keys(), ElementsAre("job-a"));
    const auto evicted = registry_.evict({"job-a"}, by_force(), 5s);
    ASSERT_TRUE(std::holds_alternative<Failed>(evicted));
    EXPECT_EQ(std::get<Failed>(evicted).trouble, Trouble::kMisconfigured);
    EXPECT_EQ(content_of(directory_ + "/job-a.lease"), text);
  }
  write_text("job-a.lease", std::string(1 << 20, ' '));
  EXPECT_EQ(look().state, State::kForeign);
  FileRecord other = record();
  other.key = {"job-b"};
  write_text("job-a.lease", format_record(other));
  EXPECT_EQ(look().fault, "job-a.lease is the record of another key");
  std::filesystem::remove(directory_ + "/job-a.lease");
  ASSERT_EQ(::mkfifo((directory_ + "/job-a.lease").c_str(), 0600), 0);
  EXPECT_EQ(look().state, State::kForeign);
}

TEST_F(FileRegistryTest, ListsTheKeysOfAPrefixInTheirOrder) {
  std::vector<std::string> keys_used = {"a",
                                        "a.b",
                                        "a/b",
                                        "%41",
                                        "..",
                                        "a b\nc",
                                        "{a}",
                                        "\xc3\xa4\xff",
                                        "a%b",
                                        std::string(200, 'x'),
                                        std::string(201, 'x'),
                                        std::string(512, '%'),
                                        "a" + std::string(511, '/')};
  for (const std::string& key : keys_used) {
    FileRecord held = record();
    held.key = {key};
    write(held);
  }
  for (const char* name :
       {"%41.lease", "%zz.lease", ".lease", "x.lock", "a%2eb.lease", "%00.lease"}) {
    write_text(name, "not ours");
  }
  std::filesystem::create_directory(directory_ + "/" + std::string(200, 'y'));
  std::filesystem::create_directory_symlink(".", directory_ + "/" + std::string(200, 'z'));
  std::sort(keys_used.begin(), keys_used.end());
  EXPECT_EQ(keys(), keys_used);
  EXPECT_THAT(keys("a%"), ElementsAre("a%b"));
  EXPECT_THAT(keys(std::string(201, 'x')), ElementsAre(std::string(201, 'x')));
}

TEST_F(FileRegistryTest, ReleasesItsOwnLeaseAndKeepsWhatOutlivesIt) {
  FileRecord held = record();
  held.once_until_ms = 77;
  held.hold_until = BootClock::now() + 5s;
  write(held);
  const Evicted evicted = evict(web_1());
  EXPECT_EQ(evicted.kind, Evicted::Kind::kReleased);
  EXPECT_EQ(evicted.before.state, State::kHeld);
  EXPECT_EQ(evicted.before.label, "report");
  EXPECT_EQ(look().state, State::kFree);
  EXPECT_EQ(written().fence, Token{1764});
  EXPECT_EQ(written().once_until_ms, 77);
  EXPECT_EQ(evict(web_1()).kind, Evicted::Kind::kNobodys);
}

TEST_F(FileRegistryTest, DoesNotReleaseAnothersLeaseUnlessForced) {
  for (const std::string& holder : {kId, "parked:" + kIdentity, "held:" + kId}) {
    write(record(holder));
    const Evicted evicted = evict(web_2());
    EXPECT_EQ(evicted.kind, Evicted::Kind::kOthers);
    EXPECT_EQ(evicted.before.node, "web-1");
    EXPECT_NE(look().state, State::kFree);
    EXPECT_EQ(evict(web_1()).kind, Evicted::Kind::kReleased);
    write(record(holder));
    EXPECT_EQ(evict(by_force()).kind, Evicted::Kind::kReleased);
    EXPECT_EQ(look().state, State::kFree);
  }
}

TEST_F(FileRegistryTest, AWaitingCandidateIsNotified) {
  write(record());
  UniqueFd watcher(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(watcher.get(), (directory_ + "/job-a.lock").c_str(), IN_ATTRIB), 0);
  char events[4096];
  look();
  evict(web_2());
  EXPECT_LT(::read(watcher.get(), events, sizeof events), 0);
  evict(web_1());
  EXPECT_GT(::read(watcher.get(), events, sizeof events), 0);
}

TEST_F(FileRegistryTest, WaitsForTheLockOfTheRecordUntilTheDeadline) {
  write(record());
  UniqueFd lock(::open((directory_ + "/job-a.lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  const Time begin = BootClock::now();
  const auto looked = registry_.look({"job-a"}, 50ms);
  ASSERT_TRUE(std::holds_alternative<Failed>(looked));
  EXPECT_EQ(std::get<Failed>(looked).trouble, Trouble::kUnreachable);
  EXPECT_EQ(std::get<Failed>(looked).text,
            "no answer in time (waiting for the lock of job-a.lock)");
  EXPECT_GE(BootClock::now() - begin, 50ms);
  EXPECT_TRUE(std::holds_alternative<Failed>(registry_.evict({"job-a"}, by_force(), 50ms)));
  // A list is not held up by one of them.
  FileRecord other = record();
  other.key = {"job-b"};
  write(other);
  const auto listing = std::get<Listing>(registry_.list("", 50ms));
  ASSERT_EQ(listing.views.size(), 1U);
  EXPECT_EQ(listing.views[0].key.value, "job-b");
  EXPECT_EQ(listing.unread, 1U);
  EXPECT_TRUE(listing.failure);
  std::thread unlock([&] {
    std::this_thread::sleep_for(20ms);
    lock.reset();
  });
  EXPECT_EQ(look().state, State::kHeld);
  unlock.join();
}

TEST_F(FileRegistryTest, ReadersDoNotExcludeEachOther) {
  write(record());
  UniqueFd lock(::open((directory_ + "/job-a.lock").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_SH), 0);
  EXPECT_EQ(look().state, State::kHeld);
}

TEST_F(FileRegistryTest, ARecordWithoutItsLockFileIsReadAndEnded) {
  write(record());
  std::filesystem::remove(directory_ + "/job-a.lock");
  EXPECT_EQ(look().state, State::kHeld);
  EXPECT_THAT(files(), ElementsAre("leases", "job-a.lease"));
  EXPECT_EQ(evict(web_1()).kind, Evicted::Kind::kReleased);
  EXPECT_EQ(look().state, State::kFree);
}

TEST_F(FileRegistryTest, AnUnusableDirectoryIsAFailure) {
  FileRegistry shared(FileLocation{directory_}, everything_is_shared);
  std::filesystem::create_directory(directory_);
  for (const auto& failed :
       {std::get<Failed>(shared.look({"job-a"}, 5s)), std::get<Failed>(shared.list("", 5s)),
        std::get<Failed>(shared.evict({"job-a"}, by_force(), 5s))}) {
    EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
    EXPECT_THAT(failed.text, HasSubstr("other machines"));
  }
  FileRegistry file(FileLocation{folder_.write("file", "x")}, nothing_is_shared);
  EXPECT_EQ(std::get<Failed>(file.list("", 5s)).trouble, Trouble::kMisconfigured);
  EXPECT_EQ(std::get<Failed>(file.look({"job-a"}, 5s)).trouble, Trouble::kMisconfigured);
  std::filesystem::create_directory(directory_ + "/job-a.lease");
  const auto looked = registry_.look({"job-a"}, 5s);
  ASSERT_TRUE(std::holds_alternative<Failed>(looked));
  EXPECT_THAT(std::get<Failed>(looked).text, HasSubstr("Is a directory"));
}

}  // namespace
}  // namespace cluster_leader
