#include "store/file/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/finish_contract.h"
#include "store/queue_contract.h"
#include "store/slots_contract.h"
#include "store/store_contract.h"

namespace cluster_leader {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr const char* kKey = "nodered:leader";

/// A directory for one test, open to every user, as a child may become another one.
class Folder {
 public:
  Folder() {
    std::string path = (fs::temp_directory_path() / "cluster-leader-test-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::system_error(errno, std::generic_category());
    path_ = path;
    fs::permissions(path_, fs::perms::all);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string contents(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

ino_t inode(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

Contender contender_for(const std::string& key, const std::string& node, Duration ttl = 10s) {
  Contender contender = make_contender({key}, node, ttl);
  contender.candidate.host = "host";
  contender.candidate.label = "job";
  return contender;
}

/// The file store among the stores of the contract.
struct FileWorld {
  std::unique_ptr<Store> open(const Candidate& candidate) {
    return std::make_unique<FileStore>(FileLocation{folder.path()}, candidate);
  }
  std::unique_ptr<Registry> registry() { return open_registry(FileLocation{folder.path()}); }
  /// A file has no lock beside its record that could be lost alone.
  void lose_lease(const Key& /*key*/) {}

  Folder folder;
};

Candidate listening_as(Candidate candidate, bool listening) {
  candidate.listens = listening;
  return candidate;
}

/// A candidate for one key.
class Rival : public LoopedStore {
 public:
  Rival(const std::string& directory, const Contender& contender, bool listening = false,
        bool (*is_shared)(int) = is_shared_file_system)
      : LoopedStore(std::make_unique<FileStore>(
            FileLocation{directory}, listening_as(contender.candidate, listening), is_shared)) {
    add(contender.candidacy);
  }
  Rival(const Folder& folder, const std::string& node, bool listening = false)
      : Rival(folder.path(), contender_for(kKey, node), listening) {}

  /// 0 if it was not granted.
  std::int64_t acquire() {
    const auto answer = ask(RequestKind::kAcquire);
    const auto* granted = answer ? std::get_if<Granted>(&*answer) : nullptr;
    return granted != nullptr ? granted->token.value : 0;
  }
  template <typename T>
  T expect(RequestKind kind, Token token = {}) {
    return cluster_leader::expect<T>(ask(kind, token));
  }
};

/// Runs `body` in a child, so that what it changes about itself stays there, and returns its
/// status.
int in_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    int status = 99;
    try {
      status = body();
    } catch (...) {
      status = 98;
    }
    ::_exit(status);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Reads a record, lets `change` have it, and writes it back.
void edit(const std::string& path, const std::function<void(Json&)>& change) {
  Json object = Json::parse(contents(path));
  change(object);
  put(path, object.dump());
}

class FileStoreTest : public ::testing::Test {
 protected:
  Folder folder_;
  std::string record_ = folder_ / "nodered%3Aleader.lease";
  std::string lock_ = folder_ / "nodered%3Aleader.lock";
};

TEST_F(FileStoreTest, TheRecordSaysWhoLeads) {
  Rival a(folder_, "a");
  const std::int64_t token = a.acquire();
  ASSERT_GT(token, 0);
  const Json record = Json::parse(contents(record_));
  EXPECT_EQ(record["key"], kKey);
  EXPECT_EQ(record["fence"], token);
  EXPECT_EQ(record["node"], "a");
  EXPECT_EQ(record["label"], "job");
  EXPECT_EQ(record["pid"], ::getpid());
  EXPECT_EQ(record["ttl_ms"], 10'000);
  std::string boot_id = contents("/proc/sys/kernel/random/boot_id");
  boot_id.pop_back();
  EXPECT_EQ(record["boot_id"], boot_id);
  const Time until{Duration(record["until_boottime_ns"].get<std::int64_t>())};
  EXPECT_GT(until, BootClock::now());
  EXPECT_LE(until, BootClock::now() + 10s);
}

TEST_F(FileStoreTest, TheAnswerIsThereInTheNextTurn) {
  Rival a(folder_, "a");
  EXPECT_EQ(a.wake_at(), kNever);
  a.send(RequestKind::kAcquire);
  EXPECT_LT(a.wake_at(), BootClock::now());
  EXPECT_TRUE(a.await_answer(0s));
  EXPECT_EQ(a.wake_at(), kNever);
  EXPECT_FALSE(a.await_answer(0s));
}

TEST_F(FileStoreTest, ACancelledRequestHasNoAnswer) {
  Rival a(folder_, "a");
  a.send(RequestKind::kAcquire);
  a.cancel();
  EXPECT_FALSE(a.await_answer(0s));
  EXPECT_EQ(a.wake_at(), kNever);
  a.expect<Released>(RequestKind::kRelease);
  EXPECT_GT(Rival(folder_, "b").acquire(), 0);
}

TEST_F(FileStoreTest, AbandoningReleasesAtOnce) {
  Rival a(folder_, "a");
  ASSERT_GT(a.acquire(), 0);
  a.abandon();
  EXPECT_GT(Rival(folder_, "b").acquire(), 0);
}

TEST_F(FileStoreTest, AbandoningWhatWasNeverAskedTouchesNothing) {
  Rival a(folder_, "a");
  a.abandon();
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(FileStoreTest, ADestroyedStoreLeavesItsLease) {
  { ASSERT_GT(Rival(folder_, "a").acquire(), 0); }
  EXPECT_EQ(node_in(Rival(folder_, "b").expect<Busy>(RequestKind::kAcquire)), "a");
}

TEST_F(FileStoreTest, ALeaseIsCarriedThroughAFork) {
  Rival a(folder_, "a");
  const std::int64_t token = a.acquire();
  EXPECT_EQ(in_child([&] {
              a.expect<Renewed>(RequestKind::kRenew, {token});
              a.expect<Released>(RequestKind::kRelease);
              return ::testing::Test::HasFailure() ? 1 : 0;
            }),
            0);
  EXPECT_GT(Rival(folder_, "b").acquire(), token);
}

TEST_F(FileStoreTest, EightProcessesNeverLeadTogetherAndTokensRise) {
  const std::string grants = folder_ / "grants";
  constexpr int kProcesses = 8;
  constexpr int kGrants = 200;
  const auto compete = [&](int number) {
    const UniqueFd log(::open(grants.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0666));
    for (int granted = 0; granted < kGrants;) {
      Rival candidate(folder_, std::to_string(number));
      const std::int64_t token = candidate.acquire();
      if (token == 0) {
        ::usleep(200);
        continue;
      }
      ++granted;
      const std::string begin = "+" + std::to_string(token) + "\n";
      const std::string end = "-" + std::to_string(token) + "\n";
      if (::write(log.get(), begin.data(), begin.size()) < 0) return 1;
      if (granted % 10 == 0) candidate.expect<Renewed>(RequestKind::kRenew, {token});
      if (::write(log.get(), end.data(), end.size()) < 0) return 2;
      candidate.expect<Released>(RequestKind::kRelease);
    }
    return ::testing::Test::HasFailure() ? 3 : 0;
  };
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(compete(i));
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  std::ifstream log(grants);
  std::string begin;
  std::string end;
  std::int64_t last = 0;
  int count = 0;
  for (; log >> begin >> end; ++count) {
    ASSERT_EQ(begin[0], '+');
    ASSERT_EQ(end, "-" + begin.substr(1)) << "two lead together";
    const std::int64_t token = std::stoll(begin.substr(1));
    ASSERT_GT(token, last);
    last = token;
  }
  EXPECT_EQ(count, kProcesses * kGrants);
}

TEST_F(FileStoreTest, KilledProcessesLeaveOnlyReadableRecords) {
  // Each is killed at some moment of its work; the next one must always get an answer.
  for (int round = 0; round < 100; ++round) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      // It has no end of its own, should this test be stopped.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      Rival victim(folder_.path(),
                   contender_for(kKey, std::string(100 + round * 7 % 600, 'v'), 1s));
      while (true) {
        victim.ask(RequestKind::kAcquire);
        victim.ask(RequestKind::kRelease);
      }
    }
    ::usleep(static_cast<useconds_t>(500 + random_u64() % 3000));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    const auto answer = Rival(folder_, "next").ask(RequestKind::kAcquire, {}, 1s);
    ASSERT_TRUE(answer);
    ASSERT_FALSE(std::holds_alternative<Failed>(*answer)) << std::get<Failed>(*answer).text;
    fs::remove(record_);
  }
}

TEST_F(FileStoreTest, ALeaseOfAnEarlierBootIsVoid) {
  const std::int64_t token = Rival(folder_, "a").acquire();
  edit(record_, [](Json& record) {
    record["boot_id"] = "00000000-0000-0000-0000-000000000000";
    record["booted"] = record["booted"].get<std::int64_t>() - 3'600'000;
  });
  EXPECT_GT(Rival(folder_, "b").acquire(), token);
}

TEST_F(FileStoreTest, TheTokenGrowsFromALargeFence) {
  Rival a(folder_, "a");
  a.acquire();
  a.ask(RequestKind::kRelease);
  edit(record_, [](Json& record) { record["fence"] = 4'000'000'000'000; });
  EXPECT_EQ(Rival(folder_, "b").acquire(), 4'000'000'000'001);
}

TEST_F(FileStoreTest, ForeignDataIsNeverTakenAndTheHolderRebuildsItsRecord) {
  Rival a(folder_, "a");
  const std::int64_t token = a.acquire();
  for (const std::string& foreign :
       {std::string("web-1"), std::string(), std::string(100'000, 'x')}) {
    put(record_, foreign);
    const Failed failed = Rival(folder_, "b").expect<Failed>(RequestKind::kAcquire);
    EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
    EXPECT_EQ(failed.text,
              "nodered%3Aleader.lease is not a record of cluster-leader; remove it if no job runs");
    EXPECT_EQ(contents(record_), foreign);
    a.expect<Renewed>(RequestKind::kRenew, {token});
    EXPECT_EQ(node_in(Rival(folder_, "b").expect<Busy>(RequestKind::kAcquire)), "a");
  }
}

TEST_F(FileStoreTest, AFileDamagedByAPowerCutIsNoRecord) {
  for (const char* torn : {"", "{\"key\":\"nodered:lea"}) {
    put(record_, torn);
    // The time of a file from before the boot.
    const timespec old[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, record_.c_str(), old, 0), 0);
    Rival next(folder_, "next");
    EXPECT_GE(next.acquire(), wall_clock_ms() - 60'000);
    next.ask(RequestKind::kRelease);
  }
}

TEST_F(FileStoreTest, ADeletedRecordIsRebuiltByItsHolder) {
  Rival a(folder_, "a");
  const std::int64_t token = a.acquire();
  fs::remove(record_);
  fs::remove(lock_);
  a.expect<Renewed>(RequestKind::kRenew, {token});
  EXPECT_EQ(Json::parse(contents(record_))["fence"], token);
  fs::remove_all(folder_.path());
  a.expect<Renewed>(RequestKind::kRenew, {token});
  EXPECT_EQ(node_in(Rival(folder_, "b").expect<Busy>(RequestKind::kAcquire)), "a");
}

TEST_F(FileStoreTest, ARenewalNeedsNoSpaceOnTheDisk) {
  Rival a(folder_, "a");
  const std::int64_t token = a.acquire();
  const ino_t file = inode(record_);
  a.expect<Renewed>(RequestKind::kRenew, {token});
  a.expect<Released>(RequestKind::kRelease);
  EXPECT_EQ(inode(record_), file) << "a new file would need a block";
}

TEST_F(FileStoreTest, ReleasingCreatesNoFiles) {
  Rival a(folder_ / "none", contender_for(kKey, "a"));
  a.expect<Released>(RequestKind::kRelease);
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

TEST_F(FileStoreTest, NoKeyLeavesTheDirectoryOrMeetsAnother) {
  std::vector<std::string> keys = {".",
                                   "..",
                                   "../../etc/passwd",
                                   "/",
                                   "//",
                                   "a/b",
                                   "a%2Fb",
                                   "a b",
                                   "a\n",
                                   "\xff",
                                   "a.lease",
                                   "a.lock",
                                   "a",
                                   "A",
                                   "-",
                                   "%",
                                   std::string(200, 'x'),
                                   std::string(201, 'x'),
                                   std::string(200, 'x') + ".lease",
                                   std::string(400, 'x'),
                                   std::string(512, '/'),
                                   std::string(512, '\x01')};
  const Folder around;
  const std::string directory = around / "leases";
  std::set<std::int64_t> tokens;
  for (const std::string& key : keys) {
    Rival candidate(directory, contender_for(key, "a"));
    EXPECT_GT(candidate.acquire(), 0) << key;
  }
  for (const std::string& key : keys) {
    Rival candidate(directory, contender_for(key, "b"));
    EXPECT_EQ(node_in(candidate.expect<Busy>(RequestKind::kAcquire)), "a") << key;
  }
  std::size_t records = 0;
  for (const auto& entry : fs::recursive_directory_iterator(around.path())) {
    EXPECT_LT(entry.path().filename().string().size(), 255U);
    EXPECT_EQ(entry.path().string().rfind(directory, 0), 0U) << entry.path();
    if (entry.path().extension() == ".lease") ++records;
  }
  EXPECT_EQ(records, keys.size());
}

TEST_F(FileStoreTest, AFileSystemThatIgnoresCaseIsNoticed) {
  Rival(folder_, "a").acquire();
  edit(record_, [](Json& record) { record["key"] = "NodeRED:leader"; });
  const Failed failed = Rival(folder_, "b").expect<Failed>(RequestKind::kAcquire);
  EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
  EXPECT_NE(failed.text.find("another key"), std::string::npos) << failed.text;
}

TEST_F(FileStoreTest, ADirectoryOfSeveralMachinesIsRefused) {
  Rival a(folder_.path(), contender_for(kKey, "a"), false, [](int) { return true; });
  const Failed failed = a.expect<Failed>(RequestKind::kAcquire);
  EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
  EXPECT_NE(failed.text.find("for one machine"), std::string::npos) << failed.text;
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(FileStoreTest, ALocalDirectoryIsNotShared) {
  for (const char* path : {"/dev/shm", "/proc"}) {
    const UniqueFd fd(::open(path, O_PATH | O_CLOEXEC));
    EXPECT_FALSE(is_shared_file_system(fd.get())) << path;
  }
}

TEST_F(FileStoreTest, ADirectoryIsMadeWithoutItsParents) {
  // A path that was mistyped would not exclude anybody.
  Rival lost(folder_ / "x/y/", contender_for(kKey, "a"));
  const auto answer = lost.ask(RequestKind::kAcquire);
  ASSERT_TRUE(answer && std::holds_alternative<Failed>(*answer));
  EXPECT_EQ(std::get<Failed>(*answer).text,
            "cannot create the directory, whose parent does not exist: No such file or directory");
  EXPECT_FALSE(fs::exists(folder_ / "x"));
  Rival a(folder_ / "x/", contender_for(kKey, "a"));
  EXPECT_GT(a.acquire(), 0);
  EXPECT_TRUE(fs::exists(folder_ / "x/nodered%3Aleader.lease"));
}

TEST_F(FileStoreTest, FilesHaveTheRightsOfTheirDirectory) {
  EXPECT_EQ(in_child([&] {
              ::umask(077);
              Rival(folder_, "a").acquire();
              Rival(folder_.path(), contender_for(std::string(300, 'x'), "a")).acquire();
              return 0;
            }),
            0);
  struct stat info {};
  for (const std::string& path : {record_, lock_}) {
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0666U) << path;
  }
  ASSERT_EQ(::stat((folder_ / std::string(200, 'x')).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0777U);
}

/// What a user without privileges meets. Nobody is user 65534 everywhere.
Failed failure_as_nobody(const std::string& directory) {
  // The results come back through an open file.
  const std::string path = "/dev/shm/cluster-leader-" + random_hex_128();
  const UniqueFd out(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  ::unlink(path.c_str());
  const int trouble = in_child([&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 97;
    const auto answer = Rival(directory, contender_for(kKey, "nobody")).ask(RequestKind::kAcquire);
    const auto* failed = answer ? std::get_if<Failed>(&*answer) : nullptr;
    if (failed == nullptr) return 96;
    const auto n = ::write(out.get(), failed->text.data(), failed->text.size());
    return n < 0 ? 95 : static_cast<int>(failed->trouble);
  });
  EXPECT_LT(trouble, 90);
  std::string text(1000, '\0');
  const ssize_t n = ::pread(out.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return {static_cast<Trouble>(trouble), text};
}

TEST_F(FileStoreTest, WithoutTheRightToWriteItIsDenied) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  const Failed write = failure_as_nobody(folder_.path());
  EXPECT_EQ(write.trouble, Trouble::kDenied) << write.text;
  EXPECT_EQ(write.text, "cannot open nodered%3Aleader.lock: Permission denied");
  const Failed make = failure_as_nobody(folder_ / "x");
  EXPECT_EQ(make.trouble, Trouble::kDenied) << make.text;
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0000), 0);
  EXPECT_EQ(failure_as_nobody(folder_ / "x").trouble, Trouble::kDenied);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0700), 0);
}

TEST_F(FileStoreTest, AFileInPlaceOfTheDirectoryIsAConfigurationError) {
  put(folder_ / "file", "");
  for (const char* path : {"file", "file/below"}) {
    Rival a(folder_ / path, contender_for(kKey, "a"));
    EXPECT_EQ(a.expect<Failed>(RequestKind::kAcquire).trouble, Trouble::kMisconfigured) << path;
  }
}

TEST_F(FileStoreTest, LinksAndPipesInPlaceOfFilesLeadNowhere) {
  const std::string victim = folder_ / "victim";
  put(victim, "precious");
  fs::create_symlink(victim, record_);
  EXPECT_EQ(Rival(folder_, "a").expect<Failed>(RequestKind::kAcquire).trouble,
            Trouble::kMisconfigured);
  fs::remove(record_);
  ASSERT_EQ(::mkfifo(record_.c_str(), 0666), 0);
  EXPECT_EQ(Rival(folder_, "a").expect<Failed>(RequestKind::kAcquire).trouble,
            Trouble::kMisconfigured);
  fs::remove(record_);
  fs::create_symlink(victim, folder_ / "nodered%3Aleader.new");
  EXPECT_GT(Rival(folder_, "a").acquire(), 0);
  fs::remove(lock_);
  fs::create_symlink(victim, lock_);
  EXPECT_EQ(Rival(folder_, "b").expect<Failed>(RequestKind::kAcquire).trouble,
            Trouble::kMisconfigured);
  EXPECT_EQ(contents(victim), "precious");
}

TEST_F(FileStoreTest, AFullDiskDoesNotServe) {
  EXPECT_EQ(in_child([&] {
              ::signal(SIGXFSZ, SIG_IGN);
              const rlimit none{0, 0};
              ::setrlimit(RLIMIT_FSIZE, &none);
              const Failed failed = Rival(folder_, "a").expect<Failed>(RequestKind::kAcquire);
              return static_cast<int>(failed.trouble);
            }),
            static_cast<int>(Trouble::kNotServing));
  EXPECT_FALSE(fs::exists(record_));
  EXPECT_FALSE(fs::exists(folder_ / "nodered%3Aleader.new")) << "it would fill the disk further";
  EXPECT_GT(Rival(folder_, "b").acquire(), 0);
}

TEST_F(FileStoreTest, EverySystemErrorHasItsTrouble) {
  EXPECT_EQ(refused(EROFS, "write x").trouble, Trouble::kDenied);
  EXPECT_EQ(refused(ENOSPC, "write x").trouble, Trouble::kNotServing);
  EXPECT_EQ(refused(EDQUOT, "write x").trouble, Trouble::kNotServing);
  EXPECT_EQ(refused(ENOTDIR, "write x").trouble, Trouble::kMisconfigured);
  EXPECT_EQ(refused(ENOSPC, "write x").text, "cannot write x: No space left on device");
  EXPECT_EQ(refused(EMFILE, "write x").trouble, Trouble::kExhausted);
  EXPECT_EQ(refused(ENOMEM, "write x").trouble, Trouble::kExhausted);
}

TEST_F(FileStoreTest, WithoutDescriptorsTheMachineIsExhausted) {
  Rival a(folder_, "a");
  Rival b(folder_, "b");
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  const rlimit none{0, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  a.send(RequestKind::kAcquire);
  b.send(RequestKind::kAcquire);
  b.abandon();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  const auto failed = cluster_leader::expect<Failed>(a.await_answer());
  EXPECT_EQ(failed.trouble, Trouble::kExhausted);
  EXPECT_EQ(failed.text, "cannot read the boot id of this machine: Too many open files");
  EXPECT_FALSE(failed.unknown);
}

TEST_F(FileStoreTest, AStoppedProcessWithTheLockIsWaitedForAndNamed) {
  Rival a(folder_, "a");
  a.acquire();
  const UniqueFd other(::open(lock_.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  Rival b(folder_, "b");
  EXPECT_FALSE(b.ask(RequestKind::kAcquire, {}, 50ms));
  EXPECT_EQ(b.stage(), "waiting for the lock of nodered%3Aleader.lock");
  EXPECT_GT(b.wake_at(), BootClock::now() - 20ms);
  EXPECT_NE(b.wake_at(), kNever);
  // Nobody waits for ever while abandoning, either.
  a.abandon();
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  cluster_leader::expect<Busy>(b.await_answer(10s));
}

// Or many that wait would keep each other from asking.
TEST_F(FileStoreTest, AChangeThatAnotherProcessKeepsFromBeingReadIsReadLater) {
  Rival a(folder_, "a");
  a.acquire();
  Rival b(folder_, "b", true);
  b.expect<Busy>(RequestKind::kAcquire);
  const UniqueFd other(::open(lock_.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  ASSERT_EQ(::futimens(other.get(), nullptr), 0);
  EXPECT_FALSE(b.await_notice(20ms));
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  auto notice = b.await_notice();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kTaken);
  // A process that is stopped is not waited for.
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  ASSERT_EQ(::futimens(other.get(), nullptr), 0);
  notice = b.await_notice();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kFree);
}

TEST_F(FileStoreTest, ALockThatWasDeletedKeepsNobodyOut) {
  Rival a(folder_, "a");
  const std::int64_t token = a.acquire();
  const UniqueFd other(::open(lock_.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  fs::remove(lock_);
  a.expect<Renewed>(RequestKind::kRenew, {token});
}

TEST_F(FileStoreTest, NoDescriptorIsLeftOrGivenToAJob) {
  const auto descriptors = [] {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      const int fd = std::stoi(entry.path().filename().string());
      const int flags = ::fcntl(fd, F_GETFD);
      std::error_code gone;
      const auto target = fs::read_symlink(entry.path(), gone);
      if (gone || target.string().find("/proc/") != std::string::npos) continue;
      found.insert(std::to_string(fd) + ((flags & FD_CLOEXEC) != 0 ? " closes" : " stays"));
    }
    return found;
  };
  Rival a(folder_, "a");
  Rival b(folder_, "b", true);
  const auto before = descriptors();
  const std::int64_t token = a.acquire();
  a.ask(RequestKind::kRenew, {token});
  EXPECT_EQ(descriptors(), before);
  b.ask(RequestKind::kAcquire);
  auto with_watch = descriptors();
  for (const auto& fd : before) with_watch.erase(fd);
  ASSERT_EQ(with_watch.size(), 1U);
  EXPECT_NE(with_watch.begin()->find("closes"), std::string::npos);
  a.ask(RequestKind::kRelease);
  EXPECT_GT(b.acquire(), 0);
  EXPECT_EQ(descriptors().size(), before.size() + 1);
}

TEST_F(FileStoreTest, AReleaseWakesEveryCandidacyThatListens) {
  Rival a(folder_, "a");
  const std::int64_t token = a.acquire();
  Rival b(folder_, "b", true);
  Rival deaf(folder_, "c", false);
  b.expect<Busy>(RequestKind::kAcquire);
  deaf.expect<Busy>(RequestKind::kAcquire);
  a.ask(RequestKind::kRenew, {token});
  a.ask(RequestKind::kAcquire);
  deaf.ask(RequestKind::kAcquire);
  Rival elsewhere(folder_.path(), contender_for("another", "a"));
  elsewhere.acquire();
  elsewhere.ask(RequestKind::kRelease);
  EXPECT_FALSE(await_hint(b, 30ms)) << "a renewal, a candidate or another key woke it";
  a.ask(RequestKind::kRelease);
  EXPECT_TRUE(await_hint(b, 2s));
  EXPECT_FALSE(await_hint(b, 10ms)) << "once";
  EXPECT_FALSE(await_hint(deaf, 10ms));
  EXPECT_GT(b.acquire(), token);
}

TEST_F(FileStoreTest, AReleaseBesideTheRequestIsNotMissed) {
  for (int round = 0; round < 200; ++round) {
    Rival a(folder_, "a");
    ASSERT_GT(a.acquire(), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      a.ask(RequestKind::kRelease);
      ::_exit(0);
    }
    Rival b(folder_, "b", true);
    const auto answer = b.ask(RequestKind::kAcquire);
    if (std::holds_alternative<Busy>(*answer)) {
      EXPECT_TRUE(await_hint(b, 5s));
    }
    ::waitpid(pid, nullptr, 0);
    b.ask(RequestKind::kRelease);
  }
}

TEST_F(FileStoreTest, ACandidacyThatListensIsNotifiedAfterTheLockFileWasDeleted) {
  Rival a(folder_, "a");
  a.acquire();
  Rival b(folder_, "b", true);
  b.expect<Busy>(RequestKind::kAcquire);
  for (int round = 0; round < 3; ++round) {
    fs::remove(lock_);
    EXPECT_TRUE(await_hint(b));
    // The new lock file is the one to listen to then.
    b.expect<Busy>(RequestKind::kAcquire);
    while (b.await_notice(10ms)) {
    }
  }
  a.ask(RequestKind::kRelease);
  EXPECT_TRUE(await_hint(b, 2s));
}

TEST_F(FileStoreTest, AHolderIsNotifiedWhenItsLeaseIsReleasedByHand) {
  Rival a(folder_, "a", true);
  const std::int64_t token = a.acquire();
  a.expect<Renewed>(RequestKind::kRenew, {token});
  EXPECT_FALSE(a.await_notice(10ms));
  edit(record_, [](Json& record) {
    record.erase("holder");
    record.erase("until_boottime_ns");
  });
  ASSERT_EQ(::utimensat(AT_FDCWD, lock_.c_str(), nullptr, 0), 0);
  const auto notice = a.await_notice();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->kind, Notice::Kind::kBroken);
  a.expect<Lost>(RequestKind::kRenew, {token});
  // Now it is a candidate like any other.
  ASSERT_EQ(::utimensat(AT_FDCWD, lock_.c_str(), nullptr, 0), 0);
  const auto next = a.await_notice();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->kind, Notice::Kind::kFree);
}

TEST_F(FileStoreTest, AfterAnOverflowOfEventsEveryCandidacyAsksAgain) {
  Rival a(folder_, "a");
  Rival b(folder_, "b", true);
  std::vector<std::string> locks = {lock_};
  for (const std::string key : {"second", "third"}) {
    const std::size_t candidacy = a.add({{key}, fresh_holder("a")});
    b.add({{key}, fresh_holder("b")});
    expect_for<Granted>(a, candidacy, RequestKind::kAcquire);
    expect_for<Busy>(b, candidacy, RequestKind::kAcquire);
    locks.push_back(folder_ / (key + ".lock"));
  }
  a.acquire();
  b.expect<Busy>(RequestKind::kAcquire);
  const auto touch = [&](std::size_t candidacy) {
    ASSERT_EQ(::utimensat(AT_FDCWD, locks[candidacy].c_str(), nullptr, 0), 0);
  };
  std::size_t room = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> room;
  ASSERT_GT(room, 0U);
  // The same event twice in a row is one.
  for (std::size_t i = 0; i <= room; ++i) touch(i % 2);
  touch(2);
  EXPECT_TRUE(b.await_notice(5s, 2)) << "the one whose event was dropped";
}

TEST_F(FileStoreTest, WithoutInotifyTheTimerIsEnough) {
  Rival a(folder_, "a");
  a.acquire();
  EXPECT_EQ(in_child([&] {
              Rival b(folder_, "b", true);
              // Room for the folder, the lock and the record, which is one too few for a watcher.
              const int next = ::dup(0);
              ::close(next);
              const rlimit few{static_cast<rlim_t>(next) + 3, static_cast<rlim_t>(next) + 3};
              ::setrlimit(RLIMIT_NOFILE, &few);
              const Busy busy = b.expect<Busy>(RequestKind::kAcquire);
              return busy.retry_after > 0s && busy.retry_after < 11s ? 0 : 1;
            }),
            0);
}

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(File, StoreContractTest, FileWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(File, ExpiringStoreContractTest, FileWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(File, FinishContractTest, FileWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(File, QueueContractTest, FileWorld);
INSTANTIATE_TYPED_TEST_SUITE_P(File, SlotsContractTest, FileWorld);

}  // namespace cluster_leader
