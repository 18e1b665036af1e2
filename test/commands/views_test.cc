// What check, status and release say about leases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "commands/check.h"
#include "commands/lease_text.h"
#include "commands/setup.h"
#include "commands/status.h"
#include "commands/status_screen.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using State = LeaseView::State;
using testing::HasSubstr;

const Eviction kUs = {"web-1", "host-1", "web-1/boot:1", false};

LeaseView held() {
  LeaseView view;
  view.key = {"job-a"};
  view.state = State::kHeld;
  view.holder = {"web-1/0123456789abcdef0123456789abcdef"};
  view.node = "web-1";
  view.host = "host-1";
  view.pid = 4711;
  view.label = "report";
  view.identity = "web-1/boot:1";
  view.since_ms = 1'795'417'200'123;
  view.token = {1764};
  view.ttl = 10s;
  view.remaining = 8250ms;
  view.waiters = 2;
  view.waiting_since_ms = 1'795'417'201'000;
  view.last_run = EndedRun{{143, 0, 1'795'417'200'123}, "web-2", {1763}};
  return view;
}

LeaseView of_others() {
  LeaseView view = held();
  view.node = "web-2";
  view.host = "host-2";
  view.identity = "web-2/boot:1";
  return view;
}

LeaseView in(State state) {
  LeaseView view = held();
  view.state = state;
  return view;
}

Options asking(Options::Output output) {
  Options options;
  options.keys = {"job-a"};
  options.output = output;
  return options;
}

std::string check_text(const LeaseView& view) {
  return check_line(asking(Options::Output::kText), {view}, kUs);
}
Json check_json(const LeaseView& view) {
  return Json::parse(check_line(asking(Options::Output::kJson), {view}, kUs));
}

TEST(CheckLineTest, SaysNothingUnlessAsked) {
  EXPECT_EQ(check_line(asking(Options::Output::kNothing), {held()}, kUs), "");
}

TEST(CheckLineTest, NamesWhoHoldsTheKey) {
  EXPECT_EQ(check_text(held()),
            "leader: job-a is held by web-1 (host-1:4711), which is this node\n");
  EXPECT_EQ(check_text(of_others()), "follower: job-a is held by web-2 (host-2:4711)\n");
  LeaseView node_red = of_others();
  node_red.host.clear();
  EXPECT_EQ(check_text(node_red), "follower: job-a is held by web-2\n");
}

TEST(CheckLineTest, WithoutAHolderThereIsNoLeader) {
  EXPECT_EQ(check_text(in(State::kFree)), "none: job-a is free\n");
  EXPECT_EQ(check_text(in(State::kParked)), "none: job-a is parked for web-1 for 8.2s\n");
  EXPECT_EQ(check_text(in(State::kCoolingDown)),
            "none: job-a is kept for 8.2s after a run on web-1\n");
  EXPECT_EQ(check_text(in(State::kDone)),
            "none: job-a has succeeded and is not run again for 8.2s\n");
  EXPECT_EQ(check_text(in(State::kVanished)),
            "none: job-a has lost its lock; web-1 (host-1:4711) may set it again for 8.2s\n");
}

TEST(CheckLineTest, IsOneLineForPeopleWhateverTheNames) {
  Options options = asking(Options::Output::kText);
  options.keys = {"a\nb\x1b[2J"};
  LeaseView view = of_others();
  view.node = "w\n";
  view.host = "\xff";
  EXPECT_EQ(check_line(options, {view}, kUs),
            "follower: a\\nb\\x1b[2J is held by w\\n (\\xff:4711)\n");
}

TEST(CheckLineTest, JsonHasTheSameFieldsInEveryState) {
  EXPECT_EQ(
      check_line(asking(Options::Output::kJson), {held()}, kUs),
      R"({"key":"job-a","state":"leader","node":"web-1","slot":0,"leader":"web-1",)"
      R"("host":"host-1","pid":4711,"token":1764,"since":"2026-11-23T07:00:00.123Z","ttl_remaining_ms":8250})"
      "\n");
  EXPECT_EQ(check_json(of_others())["state"], "follower");
  EXPECT_EQ(check_json(of_others())["node"], "web-1");
  EXPECT_EQ(check_json(of_others())["leader"], "web-2");
  for (const State state :
       {State::kFree, State::kParked, State::kCoolingDown, State::kVanished, State::kDone}) {
    EXPECT_EQ(check_json(in(state)).dump(),
              R"({"key":"job-a","state":"none","node":"web-1","slot":null,"leader":null,)"
              R"("host":null,"pid":null,"token":null,"since":null,"ttl_remaining_ms":null})");
  }
}

TEST(CheckLineTest, JsonIsAsciiWhateverTheNames) {
  LeaseView view = of_others();
  view.node = "caf\xc3\xa9\xff\x1b";
  const std::string line = check_line(asking(Options::Output::kJson), {view}, kUs);
  EXPECT_TRUE(std::all_of(line.begin(), line.end() - 1, [](char c) { return c >= ' ' && c < 127; }))
      << line;
  EXPECT_EQ(Json::parse(line)["leader"], "caf\u00e9\ufffd\x1b");
}

TEST(CheckLineTest, ANodeIsItsIdentityAndNotItsName) {
  LeaseView view = held();
  view.identity = "web-1/another boot:1";
  EXPECT_EQ(check_json(view)["state"], "follower");
  view.identity.clear();
  EXPECT_EQ(check_json(view)["state"], "leader");
  view.host = "host-2";
  EXPECT_EQ(check_json(view)["state"], "follower");
  // The Node-RED node writes a host name and nothing else, which proves nothing.
  view.host.clear();
  EXPECT_EQ(check_json(view)["state"], "follower");
}

LeaseView in_slot(std::uint32_t slot, LeaseView view) {
  view.slot = slot;
  return view;
}

std::string text_of(const std::vector<LeaseView>& views) {
  return check_line(asking(Options::Output::kText), views, kUs);
}
Json json_of(const std::vector<LeaseView>& views) {
  return Json::parse(check_line(asking(Options::Output::kJson), views, kUs));
}

TEST(CheckLineTest, OneSlotMakesThisNodeALeader) {
  const std::vector<LeaseView> views = {in_slot(0, of_others()), in_slot(2, held())};
  EXPECT_EQ(text_of(views),
            "leader: slot 2 of job-a is held by web-1 (host-1:4711), which is this node\n");
  EXPECT_EQ(json_of(views)["state"], "leader");
  EXPECT_EQ(json_of(views)["slot"], 2);
  EXPECT_EQ(json_of(views)["leader"], "web-1");
}

TEST(CheckLineTest, OfSeveralOtherHoldersNoneIsTheLeader) {
  const std::vector<LeaseView> two = {in_slot(0, of_others()), in_slot(1, of_others())};
  EXPECT_EQ(text_of(two), "follower: job-a is held by web-2 (host-2:4711), web-2 (host-2:4711)\n");
  EXPECT_EQ(json_of(two)["state"], "follower");
  for (const char* member : {"slot", "leader", "token"}) {
    EXPECT_EQ(json_of(two)[member], nullptr) << member;
  }
  const std::vector<LeaseView> one = {in_slot(1, in(State::kCoolingDown)), in_slot(2, of_others())};
  EXPECT_EQ(text_of(one), "follower: slot 2 of job-a is held by web-2 (host-2:4711)\n");
  EXPECT_EQ(json_of(one)["slot"], 2);
  EXPECT_EQ(json_of(one)["leader"], "web-2");
}

TEST(CheckLineTest, SlotsThatNobodyHoldsMakeNoLeader) {
  const std::vector<LeaseView> views = {in_slot(1, in(State::kCoolingDown))};
  EXPECT_EQ(text_of(views), "none: slot 1 of job-a is kept for 8.2s after a run on web-1\n");
  EXPECT_EQ(json_of(views)["slot"], nullptr);
}

Options asking_status() {
  Options options;
  options.prefix = "prod:";
  options.node = "web-9";
  return options;
}
LeaseView with_key(LeaseView view, const std::string& key) {
  view.key = {"prod:" + key};
  return view;
}

TEST(StatusTest, TheTableShowsWhatIsKnown) {
  LeaseView unknown;
  unknown.key = {"prod:nodered:leader"};
  unknown.state = State::kHeld;
  unknown.node = "web-7";
  LeaseView free = with_key(held(), "free");
  free.state = State::kFree;
  free.remaining.reset();
  EXPECT_EQ(status_table(asking_status(), {with_key(held(), "job-a"), unknown, free}),
            "KEY             STATE  LEADER  HOST:PID     LABEL   SINCE                 REMAINING"
            "  TOKEN  WAITERS                       LAST RUN\n"
            "job-a           held   web-1   host-1:4711  report  2026-11-23T07:00:00Z  8.2s     "
            "  1764   2 since 2026-11-23T07:00:01Z  143 on web-2 at 2026-11-23T07:00:00Z\n"
            "nodered:leader  held   web-7   -            -       -                     -        "
            "  -      -                             -\n"
            "free            free   -       -            -       -                     -        "
            "  1764   2 since 2026-11-23T07:00:01Z  143 on web-2 at 2026-11-23T07:00:00Z\n");
}

TEST(StatusTest, EachSlotHasARowAndTheKeyIsWaitedForOnce) {
  const std::vector<LeaseView> views = {in_slot(0, with_key(held(), "a")),
                                        in_slot(2, with_key(of_others(), "a")),
                                        in_slot(0, with_key(held(), "b"))};
  EXPECT_EQ(status_table(asking_status(), views),
            "KEY  SLOT  STATE  LEADER  HOST:PID     LABEL   SINCE                 REMAINING"
            "  TOKEN  WAITERS                       LAST RUN\n"
            "a    0     held   web-1   host-1:4711  report  2026-11-23T07:00:00Z  8.2s     "
            "  1764   2 since 2026-11-23T07:00:01Z  143 on web-2 at 2026-11-23T07:00:00Z\n"
            "a    2     held   web-2   host-2:4711  report  2026-11-23T07:00:00Z  8.2s     "
            "  1764   -                             143 on web-2 at 2026-11-23T07:00:00Z\n"
            "b    0     held   web-1   host-1:4711  report  2026-11-23T07:00:00Z  8.2s     "
            "  1764   2 since 2026-11-23T07:00:01Z  143 on web-2 at 2026-11-23T07:00:00Z\n");
  const Json json = Json::parse(status_json(asking_status(), views));
  EXPECT_EQ(json[0]["waiters"], 2);
  EXPECT_EQ(json[1]["slot"], 2);
  EXPECT_EQ(json[1]["waiters"], nullptr);
  EXPECT_EQ(json[1]["waiting_since"], nullptr);
  EXPECT_EQ(json[2]["waiters"], 2);
}

TEST(StatusTest, WithoutKeysThereAreTheTitlesAndAnEmptyArray) {
  EXPECT_EQ(status_table(asking_status(), {}),
            "KEY  STATE  LEADER  HOST:PID  LABEL  SINCE  REMAINING  TOKEN  WAITERS  LAST RUN\n");
  EXPECT_EQ(status_json(asking_status(), {}), "[]\n");
}

TEST(StatusTest, GarbageIsToldInItsRow) {
  LeaseView view;
  view.key = {"prod:x"};
  view.state = State::kForeign;
  view.fault = "its record is data of another type";
  const std::string table = status_table(asking_status(), {view});
  EXPECT_THAT(table,
              HasSubstr("x    garbage  -       -         (its record is data of another type)"));
  const Json json = Json::parse(status_json(asking_status(), {view}))[0];
  EXPECT_EQ(json["state"], "garbage");
  EXPECT_EQ(json["fault"], "its record is data of another type");
}

TEST(StatusTest, ALongLabelDoesNotWidenTheTable) {
  LeaseView view = with_key(held(), "job-a");
  view.label = std::string(1000, 'x');
  EXPECT_THAT(status_table(asking_status(), {view}),
              HasSubstr("  " + std::string(37, 'x') + "...  "));
  EXPECT_EQ(Json::parse(status_json(asking_status(), {view}))[0]["label"], view.label);
}

TEST(StatusTest, JsonHasAnObjectWithTheSameFieldsForEveryKey) {
  EXPECT_EQ(
      status_json(asking_status(), {with_key(held(), "job-a")}),
      R"([{"key":"job-a","slot":0,"state":"held","node":"web-9","leader":"web-1","host":"host-1",)"
      R"("pid":4711,"label":"report","since":"2026-11-23T07:00:00.123Z","ttl_ms":10000,)"
      R"("ttl_remaining_ms":8250,"token":1764,"waiters":2,"waiting_since":"2026-11-23T07:00:01.000Z",)"
      R"("last_node":"web-2",)"
      R"("last_status":143,"last_token":1763,"last_started":null,)"
      R"("last_finished":"2026-11-23T07:00:00.123Z",)"
      R"("holder":"web-1/0123456789abcdef0123456789abcdef","fault":null}])"
      "\n");
  LeaseView empty;
  empty.key = {"prod:x"};
  EXPECT_EQ(
      status_json(asking_status(), {empty}),
      R"([{"key":"x","slot":0,"state":"free","node":"web-9","leader":null,"host":null,"pid":null,"label":null,)"
      R"("since":null,"ttl_ms":null,"ttl_remaining_ms":null,"token":null,"waiters":null,)"
      R"("waiting_since":null,"last_node":null,"last_status":null,"last_token":null,"last_started":null,)"
      R"("last_finished":null,)"
      R"("holder":null,"fault":null}])"
      "\n");
}

/// 3 minutes and 5 s after the times in held().
constexpr std::int64_t kLater = 1'795'417'385'123;

std::string screen(const std::vector<LeaseView>& views, std::size_t width, bool coloured = false) {
  return status_screen(asking_status(), views, kLater, width, coloured);
}

TEST(StatusScreenTest, ShowsAgesAndWhoWaitsAndHowTheLastRunEnded) {
  LeaseView free = with_key(held(), "free");
  free.state = State::kFree;
  free.remaining.reset();
  free.waiters = 0;
  free.last_run->result.status = 0;
  EXPECT_EQ(screen({with_key(held(), "job-a"), free}, 200),
            "KEY    STATE  LEADER  SINCE   REMAINING  WAITERS   LAST RUN                      "
            "LABEL   HOST:PID     TOKEN\n"
            "job-a  held   web-1   3m ago  8.2s       2 for 3m  failed (143) 3m ago on web-2  "
            "report  host-1:4711  1764\n"
            "free   free   -       -       -          -         ok 3m ago on web-2            "
            "-       -            1764\n");
}

TEST(StatusScreenTest, FitsTheTerminal) {
  std::vector<LeaseView> views;
  for (const char* key : {"a", "a-job-with-a-very-long-name-that-fills-the-line"}) {
    views.push_back(with_key(held(), key));
    views.back().node = "web-1.rack-17.example.com";
  }
  for (std::size_t width = 30; width <= 200; ++width) {
    const std::string text = screen(views, width);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width) << text;
  }
  EXPECT_EQ(screen(views, 80),
            "KEY                  STATE  LEADER        WAITERS   LAST RUN\n"
            "a                    held   web-1.rac...  2 for 3m  failed (143) 3m ago on web-2\n"
            "a-job-with-a-ver...  held   web-1.rac...  2 for 3m  failed (143) 3m ago on web-2\n");
}

TEST(StatusScreenTest, StatesHaveColoursAndNamesHaveNone) {
  const std::string text =
      screen({with_key(held(), "\x1b[31m"), with_key(in(State::kForeign), "b")}, 200, true);
  EXPECT_THAT(text, HasSubstr("\\x1b[31m"));
  EXPECT_THAT(text, HasSubstr("\x1b[32mheld\x1b[0m"));
  EXPECT_THAT(text, HasSubstr("\x1b[31mgarbage\x1b[0m"));
  EXPECT_THAT(text, HasSubstr("\x1b[33m2 for 3m\x1b[0m"));
  EXPECT_THAT(text, HasSubstr("\x1b[31mfailed (143) 3m ago on web-2\x1b[0m"));
}

TEST(StatusScreenTest, WithoutKeysItSaysSo) { EXPECT_EQ(screen({}, 80), "no key is in use\n"); }

TEST(AgeTest, IsInTheLargestUnit) {
  const auto age = [](std::int64_t seconds) { return age_of(kLater - seconds * 1000, kLater); };
  EXPECT_EQ(age(-5), "now");
  EXPECT_EQ(age(0), "now");
  EXPECT_EQ(age(1), "1s ago");
  EXPECT_EQ(age(59), "59s ago");
  EXPECT_EQ(age(60), "1m ago");
  EXPECT_EQ(age(3599), "59m ago");
  EXPECT_EQ(age(3600), "1h ago");
  EXPECT_EQ(age(47 * 3600), "47h ago");
  EXPECT_EQ(age(48 * 3600), "2d ago");
  EXPECT_EQ(age_of(0, kLater), "");
}

TEST(StatusTest, EveryStateHasAWord) {
  const char* words[] = {"free", "held", "parked", "resting", "vanished", "done", "garbage"};
  for (int i = 0; i < 7; ++i) EXPECT_STREQ(state_name(static_cast<State>(i)), words[i]);
}

TEST(ShortDurationTest, IsShort) {
  EXPECT_EQ(short_duration(0s), "0.0s");
  EXPECT_EQ(short_duration(-5s), "0.0s");
  EXPECT_EQ(short_duration(8250ms), "8.2s");
  EXPECT_EQ(short_duration(59999ms), "59.9s");
  EXPECT_EQ(short_duration(60s), "1m00s");
  EXPECT_EQ(short_duration(150s), "2m30s");
  EXPECT_EQ(short_duration(3600s + 300s), "1h05m");
  EXPECT_EQ(short_duration(24h * 3 + 4h), "3d04h");
}

TEST(ExitStatusOfTroubleTest, IsThatOfTheTable) {
  EXPECT_EQ(exit_status_of(Trouble::kUnreachable), 69);
  EXPECT_EQ(exit_status_of(Trouble::kNotServing), 69);
  EXPECT_EQ(exit_status_of(Trouble::kExhausted), 71);
  EXPECT_EQ(exit_status_of(Trouble::kDenied), 77);
  EXPECT_EQ(exit_status_of(Trouble::kMisconfigured), 78);
}

}  // namespace
}  // namespace cluster_leader
