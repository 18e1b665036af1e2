#include "store/file/record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace cluster_leader {
namespace {

Request request(RequestKind kind, Token token) { return {kind, 1, token, {}, {}}; }

using namespace std::chrono_literals;

constexpr std::int64_t kBootedMs = 1'795'000'000'000;

Moment at(Duration since_boot, std::string boot = "boot-1", std::int64_t booted_ms = kBootedMs) {
  return {Time(since_boot),
          booted_ms + std::chrono::duration_cast<std::chrono::milliseconds>(since_boot).count(),
          std::move(boot)};
}

struct Contender {
  Candidate candidate;
  Candidacy candidacy;
};

Contender contender(const std::string& node, Duration ttl = 10s) {
  Contender contender;
  contender.candidacy = {{"nodered:leader"}, {node + "/0123456789abcdef"}};
  contender.candidate.ttl = ttl;
  contender.candidate.node = node;
  contender.candidate.host = "host-of-" + node;
  contender.candidate.pid = 4711;
  contender.candidate.label = "backup";
  contender.candidate.identity = node + "/boot:1";
  return contender;
}

Decision decide(const Request& request, const Contender& contender, const FoundRecord& found,
                const Moment& moment) {
  return decide(request, contender.candidate, contender.candidacy, found, moment);
}

FileRecord held_by(const Contender& contender, const Moment& moment) {
  return *decide(request(RequestKind::kAcquire, {}), contender, NoRecord{}, moment).write;
}

FileRecord released_by(const Contender& contender, const Moment& moment) {
  return *decide(request(RequestKind::kRelease, {}), contender, held_by(contender, moment), moment)
              .write;
}

template <typename T>
T answer(const Decision& decision) {
  const auto* value = std::get_if<T>(&decision.answer);
  EXPECT_NE(value, nullptr) << "answer " << decision.answer.index();
  return value != nullptr ? *value : T{};
}

TEST(FileRecordTest, TheFirstTokenIsTheWallClock) {
  const Moment now = at(60s);
  const Decision decision =
      decide(request(RequestKind::kAcquire, {}), contender("a"), NoRecord{}, now);
  EXPECT_EQ(answer<Granted>(decision).token.value, now.wall_ms);
  EXPECT_EQ(decision.write->until, now.now + 10s);
}

TEST(FileRecordTest, TheTokenGrowsThoughTheWallClockWentBack) {
  const FileRecord record = released_by(contender("a"), at(60s));
  const Decision decision =
      decide(request(RequestKind::kAcquire, {}), contender("b"), record, at(61s, "boot-1", 5'000));
  EXPECT_EQ(answer<Granted>(decision).token.value, record.fence.value + 1);
}

TEST(FileRecordTest, AnothersLeaseIsBusyForTheHoldersTtl) {
  const FileRecord record = held_by(contender("a", 30s), at(60s));
  const Decision decision =
      decide(request(RequestKind::kAcquire, {}), contender("b", 5s), record, at(70s));
  EXPECT_EQ(answer<Busy>(decision).holder, contender("a").candidacy.holder);
  EXPECT_EQ(answer<Busy>(decision).retry_after, 20s + 2ms + 50ms);
  EXPECT_FALSE(decision.write);
}

TEST(FileRecordTest, ALongLeaseOfADeadHolderIsTakenOverAsSoonAsAShortOne) {
  for (const Duration ttl : {Duration(1s), Duration(1h), Duration(24h)}) {
    const FileRecord record = held_by(contender("a", ttl), at(60s));
    const Decision busy =
        decide(request(RequestKind::kAcquire, {}), contender("b"), record, at(60s));
    const Duration late = answer<Busy>(busy).retry_after - ttl;
    EXPECT_GT(late, 0s);
    EXPECT_LE(late, 52ms) << ttl.count();
  }
}

TEST(FileRecordTest, ALeaseEndsWithItsTtlAndNotBefore) {
  const FileRecord record = held_by(contender("a"), at(60s));
  EXPECT_EQ(answer<Busy>(
                decide(request(RequestKind::kAcquire, {}), contender("b"), record, at(70s - 1ns)))
                .holder,
            contender("a").candidacy.holder);
  answer<Granted>(decide(request(RequestKind::kAcquire, {}), contender("b"), record, at(70s)));
}

TEST(FileRecordTest, AcquiringAgainKeepsTheToken) {
  const FileRecord record = held_by(contender("a"), at(60s));
  const Decision decision =
      decide(request(RequestKind::kAcquire, {}), contender("a"), record, at(65s));
  EXPECT_EQ(answer<Granted>(decision).token, record.fence);
  EXPECT_EQ(decision.write->until, Time(75s));
}

TEST(FileRecordTest, AcquiringAgainAfterTheEndIsANewLease) {
  const FileRecord record = held_by(contender("a"), at(60s));
  const Decision decision =
      decide(request(RequestKind::kAcquire, {}), contender("a"), record, at(80s));
  EXPECT_GT(answer<Granted>(decision).token, record.fence);
}

TEST(FileRecordTest, ARenewalRunsAWholeTtlFromNowAndIsNotAddedUp) {
  FileRecord record = held_by(contender("a"), at(60s));
  for (int i = 0; i < 5; ++i) {
    const Decision decision =
        decide(request(RequestKind::kRenew, record.fence), contender("a"), record, at(61s));
    answer<Renewed>(decision);
    record = *decision.write;
  }
  EXPECT_EQ(record.until, Time(71s));
}

TEST(FileRecordTest, RenewingAnothersLeaseIsLost) {
  const FileRecord record = held_by(contender("b"), at(60s));
  const Decision decision = decide(request(RequestKind::kRenew, {record.fence.value + 5}),
                                   contender("a"), record, at(61s));
  EXPECT_EQ(answer<Lost>(decision).holder, contender("b").candidacy.holder);
  EXPECT_FALSE(decision.write);
}

TEST(FileRecordTest, ARenewalRebuildsADeletedOrDamagedRecord) {
  for (const FoundRecord& found : {FoundRecord(NoRecord{}), FoundRecord(ForeignData{})}) {
    const Decision decision =
        decide(request(RequestKind::kRenew, {42}), contender("a"), found, at(60s));
    answer<Renewed>(decision);
    EXPECT_EQ(decision.write->fence.value, 42);
    EXPECT_EQ(decision.write->holder, contender("a").candidacy.holder);
    EXPECT_EQ(decision.write->until, Time(70s));
  }
}

TEST(FileRecordTest, ADelayedRenewalDoesNotResurrectAReleasedLease) {
  const FileRecord record = released_by(contender("a"), at(60s));
  const auto renew = [&](std::int64_t token) {
    return decide(request(RequestKind::kRenew, {token}), contender("a"), record, at(61s));
  };
  answer<Lost>(renew(record.fence.value));
  answer<Lost>(renew(record.fence.value - 1));
  // A record that is older than the lease came back with a backup.
  answer<Renewed>(renew(record.fence.value + 1));
}

TEST(FileRecordTest, ReleaseKeepsTheFenceOnly) {
  const FileRecord held = held_by(contender("a"), at(60s));
  const Decision decision =
      decide(request(RequestKind::kRelease, {}), contender("a"), held, at(61s));
  answer<Released>(decision);
  EXPECT_EQ(decision.write->fence, held.fence);
  EXPECT_EQ(decision.write->holder.value, "");
  EXPECT_EQ(time_left(*decision.write, at(61s)), Duration::zero());
}

TEST(FileRecordTest, ReleaseLeavesAnothersLeaseAlone) {
  const FileRecord record = held_by(contender("b"), at(60s));
  const Decision decision =
      decide(request(RequestKind::kRelease, {}), contender("a"), record, at(61s));
  answer<Released>(decision);
  EXPECT_FALSE(decision.write);
  EXPECT_FALSE(
      decide(request(RequestKind::kRelease, {}), contender("a"), NoRecord{}, at(61s)).write);
}

TEST(FileRecordTest, ALeaseOfAnEarlierBootIsVoid) {
  const FileRecord record = held_by(contender("a"), at(60s));
  const Decision decision = decide(request(RequestKind::kAcquire, {}), contender("b"), record,
                                   at(10s, "boot-2", kBootedMs + 65'000));
  EXPECT_GT(answer<Granted>(decision).token, record.fence);
}

TEST(FileRecordTest, ContainersWithBootIdsOfTheirOwnShareOneKernel) {
  const FileRecord record = held_by(contender("a"), at(60s));
  const Moment beside = at(61s, "boot-of-a-container", kBootedMs + 1);
  EXPECT_EQ(answer<Busy>(decide(request(RequestKind::kAcquire, {}), contender("b"), record, beside))
                .holder,
            contender("a").candidacy.holder);
  // A machine without a hardware clock may begin each boot with the same time. Then the remaining
  // time of a lease proves nothing, unless it is longer than its ttl.
  answer<Granted>(
      decide(request(RequestKind::kAcquire, {}), contender("b"), record, at(20s, "boot-2")));
}

TEST(FileRecordTest, NoLeaseBarsLongerThanItsTtl) {
  FileRecord record = held_by(contender("a"), at(60s));
  record.until = Time::max();
  EXPECT_EQ(time_left(record, at(61s)), 10s);
}

TEST(FileRecordTest, DataThatCannotBeReadIsNeverTaken) {
  for (const RequestKind kind : {RequestKind::kAcquire, RequestKind::kRelease}) {
    const Decision decision = decide(request(kind, {}), contender("a"), ForeignData{}, at(60s));
    EXPECT_EQ(answer<Failed>(decision).trouble, Trouble::kMisconfigured);
    EXPECT_FALSE(decision.write);
  }
}

TEST(FileRecordTest, AnotherKeysRecordIsNotTouched) {
  FileRecord record = held_by(contender("a"), at(60s));
  record.key.value = "NodeRED:leader";
  for (const RequestKind kind :
       {RequestKind::kAcquire, RequestKind::kRenew, RequestKind::kRelease}) {
    const Decision decision = decide(request(kind, record.fence), contender("a"), record, at(60s));
    EXPECT_EQ(answer<Failed>(decision).trouble, Trouble::kMisconfigured);
    EXPECT_FALSE(decision.write);
  }
}

TEST(FileRecordTest, EveryByteOfANameComesBack) {
  std::string every;
  for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
  Contender strange = contender("a");
  strange.candidacy = {{every}, {every + "/1"}};
  Candidate& candidate = strange.candidate;
  candidate.node = candidate.host = candidate.identity = every;
  candidate.label = every.substr(0, 128);
  const FileRecord record = held_by(strange, at(60s));
  const std::string text = format_record(record);
  EXPECT_TRUE(std::all_of(text.begin(), text.end(),
                          [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
  const auto read = parse_record(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->key.value, every);
  EXPECT_EQ(read->holder, strange.candidacy.holder);
  EXPECT_EQ(read->node, every);
  EXPECT_EQ(read->host, every);
  EXPECT_EQ(read->label, candidate.label);
  EXPECT_EQ(read->identity, every);
  EXPECT_EQ(read->pid, 4711);
  EXPECT_EQ(read->fence, record.fence);
  EXPECT_EQ(read->until, record.until);
  EXPECT_EQ(read->ttl, record.ttl);
  EXPECT_EQ(read->boot_id, record.boot_id);
  EXPECT_EQ(read->booted_ms, record.booted_ms);
  EXPECT_EQ(read->since_ms, record.since_ms);
}

TEST(FileRecordTest, AReleasedRecordComesBackReleased) {
  const auto read = parse_record(format_record(released_by(contender("a"), at(60s))));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->holder.value, "");
  EXPECT_EQ(read->until, Time{});
}

TEST(FileRecordTest, AllTextsOfALeaseHaveOneLength) {
  const FileRecord held = held_by(contender("a"), at(60s));
  FileRecord later = held;
  later.until += std::chrono::years(50);
  later.result_token = held.fence;
  later.result_node = "a";
  later.result = {0, 1'795'000'000'000, 1'795'000'000'000};
  EXPECT_EQ(format_record(later).size(), format_record(held).size());
  EXPECT_EQ(format_record(released_by(contender("a"), at(60s))).size(), format_record(held).size());
}

TEST(FileRecordTest, ARecordOfAnEarlierVersionHasTheNameOfItsCommandAsLabel) {
  std::string text = format_record(held_by(contender("a"), at(60s)));
  const std::string label = R"("label":"backup")";
  const std::size_t found = text.find(label);
  ASSERT_NE(found, text.npos);
  text.replace(found, label.size(), R"("command":"/data/backup.sh --password s3cret")");
  const auto read = parse_record(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->label, "backup.sh");
  EXPECT_EQ(format_record(*read).find("s3cret"), std::string::npos);
}

TEST(FileRecordTest, ALongLabelIsCut) {
  Contender wordy = contender("a");
  wordy.candidate.label = std::string(100'000, 'x');
  EXPECT_LT(format_record(held_by(wordy, at(60s))).size(), 4096U);
}

TEST(FileRecordTest, ARecordWithoutAnIdentityIsARecord) {
  Contender nameless = contender("a");
  nameless.candidate.identity.clear();
  const std::string text = format_record(held_by(nameless, at(60s)));
  EXPECT_EQ(text.find("identity"), std::string::npos) << "as earlier versions have it";
  const auto read = parse_record(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->identity, "");
  EXPECT_EQ(read->holder, nameless.candidacy.holder);
}

TEST(FileRecordTest, OtherTextsAreNotRecords) {
  const std::string whole = format_record(held_by(contender("a"), at(60s)));
  const std::string object = whole.substr(0, whole.find_last_of('}') + 1);
  ASSERT_TRUE(parse_record(object));
  for (std::size_t size = 0; size < object.size(); ++size) {
    EXPECT_FALSE(parse_record(object.substr(0, size))) << size;
  }
  for (const char* text :
       {"", "\n", "{}", "[]", "null", "7", "web-1/0123", "{\"key\":\"nodered:leader\"}"}) {
    EXPECT_FALSE(parse_record(text)) << text;
  }
  EXPECT_FALSE(parse_record(std::string(512, '\0')));
  EXPECT_FALSE(parse_record(std::string(60'000, '[')));
}

TEST(FileRecordTest, ANumberThatWeDoNotWriteIsNoRecord) {
  const std::string whole = format_record(held_by(contender("a"), at(60s)));
  const auto with = [&](const std::string& name, const std::string& value) {
    std::string text = whole;
    const std::size_t begin = text.find("\"" + name + "\":") + name.size() + 3;
    text.replace(begin, text.find_first_of(",}", begin) - begin, value);
    return parse_record(text);
  };
  ASSERT_TRUE(with("fence", "1"));
  for (const char* name : {"fence", "until_boottime_ns", "ttl_ms", "booted"}) {
    for (const char* value :
         {"-1", "1.5", "1e3", "\"1\"", "null", "9223372036854775808", "99999999999999999999"}) {
      EXPECT_FALSE(with(name, value)) << name << " " << value;
    }
  }
  EXPECT_FALSE(with("fence", "9223372036854775807"));
  EXPECT_FALSE(with("until_boottime_ns", "9223372036854775807")) << "sums with it would overflow";
  EXPECT_TRUE(with("until_boottime_ns", "2305843009213693952"));
  EXPECT_FALSE(with("holder", "\"\""));
  EXPECT_FALSE(with("holder", "\"a%zz\""));
}

TEST(FileRecordTest, NoBytesCrashIt) {
  const std::string whole = format_record(held_by(contender("a"), at(60s)));
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole;
    for (int changes = 0; changes < 3; ++changes) {
      text[random() % 400] = static_cast<char>(random() % 256);
    }
    if (const auto record = parse_record(text)) {
      for (const RequestKind kind :
           {RequestKind::kAcquire, RequestKind::kRenew, RequestKind::kRelease}) {
        const Decision decision = decide(request(kind, {1}), contender("b"), *record, at(60s));
        if (!decision.write) continue;
        EXPECT_TRUE(parse_record(format_record(*decision.write)));
      }
    }
  }
}

}  // namespace
}  // namespace cluster_leader
