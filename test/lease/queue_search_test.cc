// Visits every state that a key, its queue and the candidates for it can reach together. Candidates
// come, wait, get the key, give up, die, are stopped and go on; what would wake them gets lost; the
// queue gets lost; and a client that knows no queue takes part. The key has one slot or two. In
// each state
//
//  - nobody that is in line and well is overtaken by another one that waits, unless there is a free
//    slot for both;
//  - a slot is never free for longer than the misfortunes so far explain: each costs a second,
//  once;
//  - while one is free and somebody well waits for it, somebody well will ask in that time.
//
// Time passes in steps of a quarter of a second. Whoever is well asks in the step in which it is
// due; whoever is stopped, dead or cut off does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lease/queue.h"

namespace cluster_leader {
namespace {

constexpr int kTtl = 4;     ///< of all candidates, in steps
constexpr int kSecond = 4;  ///< the same
constexpr int kCandidates = 4;
constexpr int kNever = 99;
constexpr std::size_t kMostSlots = 2;

/// What a search includes; all at once would only multiply the states.
struct Setting {
  int candidates = 3;  ///< that wait in line
  std::size_t slots = 1;
  bool narrow = false;  ///< the first of them knows slot 0 only
  bool trier = false;   ///< one more tries once, again and again
  bool elder =
      false;        ///< one more knows no queue: it asks when the key is released, and by its timer
  int deaths = 0;   ///< of candidates, whether they wait or hold the key
  int stops = 0;    ///< of a candidate that waits, until it goes on
  int unheard = 0;  ///< events that do not reach whoever they wake
  int losses = 0;   ///< of the queue
  int withdrawals = 0;  ///< of candidates that wait no longer
};

enum class Where : char { kOut, kInLine, kHolding, kGone };

struct Client {
  Where where = Where::kOut;
  bool is_stopped = false;
  bool is_well = true;  ///< it has missed nothing so far
  int due_in = kNever;  ///< until it asks
  int ahead = 0;        ///< of it in line, according to the last answer
  int arrival = 0;      ///< a later one is larger
};

class World {
 public:
  explicit World(const Setting& setting) : setting_(setting) {
    // The key is held by somebody who is none of the candidates.
    for (std::size_t s = 0; s < setting_.slots; ++s) {
      slots_[s] = {kFirstHolder, false, kTtl, now() + kTtl * kStep};
    }
  }

  struct Step {
    std::string name;
    std::function<void(World&)> take;
  };

  std::vector<Step> steps() const {
    std::vector<Step> steps;
    const auto add = [&](std::string name, std::function<void(World&)> take) {
      steps.push_back({std::move(name), std::move(take)});
    };
    for (int c = 0; c < setting_.candidates; ++c) add_candidate(c, add);
    for (std::size_t s = 0; s < setting_.slots; ++s) {
      if (slots_[s].holder != kNobody) add_holder(s, add);
    }
    if (setting_.trier && count_free() > 0) {
      add("somebody tries once", [](World& w) { w.ask(kTrier); });
    }
    if (setting_.elder) add_elder(add);
    if (setting_.losses > 0 && !queue_.places().empty()) {
      add("the queue is lost", [](World& w) { w.lose_queue(); });
    }
    const bool is_due = std::any_of(clients_.begin(), clients_.end(), [](const Client& client) {
      return client.where == Where::kInLine && !client.is_stopped && client.due_in <= 0;
    });
    if (!is_due && elder_due_in_ > 0) add("time passes", [](World& w) { w.pass(); });
    return steps;
  }

  std::string fault() const {
    if (!fault_.empty()) return fault_;
    if (idle_ > allowed_) return "the key is free for longer than the misfortunes explain";
    int soonest = kNever;
    for (std::size_t c = 0; c < clients_.size(); ++c) {
      if (!waits(c)) continue;
      if (clients_[c].due_in > kTtl) return "somebody asks less often than once in a ttl";
      if (is_served_next(c)) soonest = std::min(soonest, std::max(clients_[c].due_in, 0));
    }
    if (count_free() == 0 || !is_awaited()) return "";
    return idle_ + soonest > allowed_ ? "nobody asks for the free key in time" : "";
  }

  /// Candidates differ by nothing but their state, and of arrivals only the order matters.
  std::string encode() const {
    std::vector<std::string> clients;
    for (int c = 0; c < kCandidates; ++c) clients.push_back(encode_client(c));
    std::sort(clients.begin(), clients.end());
    std::string text;
    for (const std::string& client : clients) text += client;
    const auto put = [&](int n) { text.push_back(static_cast<char>(n)); };
    for (std::size_t s = 0; s < setting_.slots; ++s) {
      const auto late_at = Queue(queue_).late_at(opening(s), now());
      const Slot& slot = slots_[s];
      put(late_at ? std::clamp(steps_in(now() - *late_at), -kSecond, kSecond) : kNever);
      put(slot.end ? std::clamp(steps_in(now() - *slot.end), -kTtl, kSecond) : kNever);
      // Which one holds it matters only once it has left.
      put(slot.holder < kCandidates ? std::min(slot.holder, 0) : slot.holder);
      put(slot.expires_in);
      put(int{slot.is_dead});
    }
    for (const int n : {allowed_ - idle_, elder_due_in_, setting_.deaths, setting_.stops,
                        setting_.unheard, setting_.losses, setting_.withdrawals}) {
      put(n);
    }
    return text;
  }

 private:
  static constexpr int kNobody = -1;
  static constexpr int kTrier = 10;
  static constexpr int kElder = 11;
  static constexpr int kFirstHolder = 12;

  struct Slot {
    int holder = kNobody;
    bool is_dead = false;  ///< the holder
    int expires_in = 0;
    std::optional<Time> end{};  ///< of the last lease; nothing: it was released
    std::int64_t fence = 1;
  };

  static HolderId id_of(int client) { return {std::to_string(client)}; }
  static int number_of(const HolderId& holder) { return std::stoi(holder.value); }
  static int steps_in(Duration duration) { return static_cast<int>(duration / kStep); }
  Time now() const { return Time{} + now_ * kStep; }

  Opening opening(std::size_t s) const {
    return {{slots_[s].fence}, slots_[s].end, static_cast<std::uint32_t>(s)};
  }
  bool is_narrow(int c) const { return c == kElder || (setting_.narrow && c == 0); }
  /// How many slots `c` knows.
  std::size_t slots_of(int c) const { return is_narrow(c) ? 1 : setting_.slots; }
  /// Of those that it knows, those that are free.
  std::vector<Opening> free_to(int c) const {
    std::vector<Opening> free;
    for (std::size_t s = 0; s < slots_of(c); ++s) {
      if (slots_[s].holder == kNobody) free.push_back(opening(s));
    }
    return free;
  }
  std::size_t count_free() const { return free_to(kTrier).size(); }
  std::size_t slot_held_by(int c) const {
    std::size_t s = 0;
    while (s < setting_.slots && slots_[s].holder != c) ++s;
    return s;
  }

  std::string encode_client(int c) const {
    const Client& client = clients_[static_cast<std::size_t>(c)];
    std::string text;
    const auto put = [&](int n) { text.push_back(static_cast<char>(n)); };
    put(static_cast<int>(client.where));
    put(is_narrow(c) ? 1 : 0);
    if (client.where == Where::kHolding) put(static_cast<int>(slot_held_by(c)));
    // A dead one may still have a place.
    const auto place = place_of(id_of(c));
    const bool has_place = place != queue_.places().end();
    put(has_place ? static_cast<int>(place - queue_.places().begin()) : -1);
    put(has_place ? std::max(steps_in(place->lapses_at - now()), 0) : 0);
    put(has_place && place->is_passed_over ? 1 : 0);
    if (client.where != Where::kInLine) return text;
    int rank = 0;
    for (const Client& other : clients_) {
      if (other.where == Where::kInLine && other.arrival < client.arrival) ++rank;
    }
    for (const int n : {client.due_in, rank, setting_.elder ? client.ahead : 0,
                        client.is_stopped * 2 + client.is_well}) {
      put(n);
    }
    return text;
  }

  std::vector<Place>::const_iterator place_of(const HolderId& holder) const {
    return std::find_if(queue_.places().begin(), queue_.places().end(),
                        [&](const Place& place) { return place.holder == holder; });
  }

  /// Whether it waits and will ask.
  bool waits(std::size_t c) const {
    return clients_[c].where == Where::kInLine && !clients_[c].is_stopped;
  }
  /// Not if it was passed over, or the queue was lost, and it has not asked since.
  bool has_place(std::size_t c) const {
    const auto place = place_of(id_of(static_cast<int>(c)));
    return place != queue_.places().end() && !place->is_passed_over;
  }
  /// Whether it has a place, and there is a free slot for it.
  bool is_served_next(std::size_t c) const {
    return has_place(c) && !free_to(static_cast<int>(c)).empty();
  }
  bool is_awaited() const {
    for (std::size_t c = 0; c < clients_.size(); ++c) {
      if (waits(c) && is_served_next(c)) return true;
    }
    return false;
  }

  template <typename Add>
  void add_candidate(int c, const Add& add) const {
    const Client& client = clients_[static_cast<std::size_t>(c)];
    const std::string name = std::string(1, static_cast<char>('A' + c));
    const auto at = static_cast<std::size_t>(c);
    if (client.where == Where::kOut) {
      add(name + " arrives", [c, at](World& w) {
        w.clients_[at].arrival = ++w.arrivals_;
        w.ask(c);
      });
    }
    if (client.where != Where::kInLine) return;
    if (client.is_stopped) {
      add(name + " goes on", [at](World& w) {
        // If it gets the key before somebody dead was passed over, that one's second begins again.
        w.allowed_ += kSecond;
        w.clients_[at].is_stopped = false;
        w.clients_[at].due_in = 0;
      });
      return;
    }
    if (client.due_in <= 0) add(name + " asks", [c](World& w) { w.ask(c); });
    if (setting_.deaths > 0) {
      add(name + " dies", [at](World& w) {
        --w.setting_.deaths;
        w.allow_second();
        w.clients_[at].where = Where::kGone;
      });
    }
    if (setting_.stops > 0) {
      add(name + " is stopped", [at](World& w) {
        --w.setting_.stops;
        w.allow_second();
        w.clients_[at].is_stopped = true;
        w.clients_[at].is_well = false;
      });
    }
    if (setting_.withdrawals > 0) {
      add(name + " gives up", [c, at](World& w) {
        --w.setting_.withdrawals;
        w.clients_[at].where = Where::kGone;
        w.withdraw(c);
      });
    }
  }

  template <typename Add>
  void add_holder(std::size_t s, const Add& add) const {
    if (slots_[s].is_dead) return;
    const std::string name = "the holder of slot " + std::to_string(s);
    add(name + " releases", [s](World& w) { w.release(s, /*misses=*/false); });
    if (setting_.unheard > 0 && !queue_.places().empty()) {
      add(name + " releases, which its successor does not hear",
          [s](World& w) { w.release(s, /*misses=*/true); });
    }
    if (setting_.deaths > 0) {
      add(name + " dies", [s](World& w) {
        --w.setting_.deaths;
        w.slots_[s].is_dead = true;
      });
    }
  }

  /// Its scripts take a free key whoever waits, and leave the queue alone.
  template <typename Add>
  void add_elder(const Add& add) const {
    const bool has_key = slots_[0].holder == kElder;
    if (!has_key && elder_due_in_ <= 0) {
      add("the elder asks", [](World& w) {
        if (w.slots_[0].holder == kNobody) {
          w.grant(kElder, 0);
          w.elder_due_in_ = kNever;
        } else {
          w.elder_due_in_ = w.slots_[0].expires_in;
        }
      });
    }
    if (!has_key && elder_due_in_ == kNever) {
      add("the elder arrives", [](World& w) { w.elder_due_in_ = 0; });
    }
  }

  /// acquire.lua
  void ask(int c) {
    const bool waits = c < kCandidates;
    const bool has_moved = queue_.sweep(now());
    const std::vector<Opening> free = free_to(c);
    if (waits) queue_.stand(id_of(c), kTtl * kStep, now(), 0);
    if (free.empty()) {
      if (!waits) return;
      if (is_narrow(c) && count_free() > 0) allow_narrow();
      const auto pause = queue_.pause_of(id_of(c), rests_of(c), kTtl * kStep);
      return wait(c, pause.length, pause.ahead);
    }
    const bool passes_over = queue_.passed_by(id_of(c), free.size()) > 0;
    std::uint32_t slot = free.front().slot;
    if (passes_over || free.size() > 1) {
      bool is_news = has_moved;
      Time late_at = Time::max();
      for (const Opening& one : free) {
        is_news |= !queue_.late_at(one, now());
        if (!queue_.late_at(one, now())) queue_.note_free(one, now());
        const Time at = *queue_.late_at(one, now());
        if (passes_over && at < late_at) slot = one.slot;
        late_at = std::min(late_at, at);
      }
      if (is_news) wake();
      const Time turn = queue_.turn_of(id_of(c), late_at, free.size());
      if (now() < turn) {
        if (waits)
          wait(c, std::min<Duration>(turn - now(), kTtl * kStep), queue_.ahead_of(id_of(c)));
        return;
      }
    }
    check_order(c, free.size());
    for (const HolderId& holder : queue_.serve(id_of(c), now(), slot, free.size())) hear(holder, 0);
    if (waits) clients_[static_cast<std::size_t>(c)].where = Where::kHolding;
    grant(c, slot);
  }

  /// release.lua for a candidate that waits.
  void withdraw(int c) {
    queue_.leave(id_of(c));
    if (free_to(c).empty()) return;
    queue_.note_change(now());
    for (const Opening& one : free_to(c)) {
      if (!queue_.late_at(one, now())) queue_.note_free({one.fence, {}, one.slot}, now());
    }
    wake();
  }

  void wait(int c, Duration pause, std::size_t ahead) {
    Client& client = clients_[static_cast<std::size_t>(c)];
    client.where = Where::kInLine;
    client.due_in = steps_in(pause);
    client.ahead = static_cast<int>(ahead);
  }

  void check_order(int c, std::size_t free_slots) {
    const int arrival = c < kCandidates ? clients_[static_cast<std::size_t>(c)].arrival : kNever;
    std::size_t earlier = 0;
    for (int other = 0; other < kCandidates; ++other) {
      const Client& client = clients_[static_cast<std::size_t>(other)];
      if (other == c || client.where != Where::kInLine || !client.is_well) continue;
      // It loses its turn for a slot that it does not know.
      if (is_narrow(other)) continue;
      if (client.arrival < arrival) ++earlier;
    }
    if (earlier >= free_slots) fault_ = "somebody who is well was overtaken";
  }

  void grant(int c, std::size_t s) {
    allow_narrow();
    slots_[s] = {c, false, kTtl, now() + kTtl * kStep, slots_[s].fence + 1};
    if (setting_.slots == 1 || count_free() > 0) return;
    for (const Place& place : queue_.places()) {
      if (place.is_passed_over) continue;
      hear(place.holder,
           steps_in(queue_.pause_of(place.holder, rests_of(kTrier), kTtl * kStep).length));
    }
  }

  /// Of the leases that `c` knows.
  std::vector<Duration> rests_of(int c) const {
    std::vector<Duration> rests;
    for (std::size_t s = 0; s < slots_of(c); ++s) rests.push_back(slots_[s].expires_in * kStep);
    return rests;
  }

  void release(std::size_t s, bool misses) {
    const bool knows_queue = slots_[s].holder != kElder;
    leave_key(s);
    slots_[s].end.reset();
    if (knows_queue) {
      queue_.sweep(now());
      queue_.note_free({{slots_[s].fence}, now(), static_cast<std::uint32_t>(s)}, now());
    }
    if (misses) {
      --setting_.unheard;
      miss_event();
    }
    if (knows_queue) wake(misses);
    // What the elder hears, and says, is for all; it reaches those who are far ahead in line.
    if (setting_.elder && elder_due_in_ != kNever) elder_due_in_ = 0;
    if (!knows_queue) wake_by_place();
    allow_narrow();
  }

  /// A misfortune costs a second, and another step if it happens behind somebody who is late;
  /// beside a client that passes over nobody, so much each time until the place lapses.
  void allow_second() { allowed_ += setting_.elder ? 2 * kTtl + 2 * kSecond : kSecond + 1; }

  /// While whoever knows one slot only is in line, it has its turn for each of the others too.
  void allow_narrow() {
    if (setting_.narrow) allowed_ = std::max(allowed_, idle_ + kSecond + 1);
  }

  void leave_key(std::size_t s) {
    const int holder = slots_[s].holder;
    if (holder < kCandidates) clients_[static_cast<std::size_t>(holder)].where = Where::kOut;
    slots_[s].holder = kNobody;
    slots_[s].expires_in = 0;
    slots_[s].is_dead = false;
  }

  /// Somebody behind whoever misses the event takes its turn; nobody else hears it.
  void miss_event() {
    const auto woken = queue_.woken(now());
    const std::size_t called = count_free() - 1;
    if (woken.size() <= called) return;
    clients_[static_cast<std::size_t>(number_of(woken[called].holder))].is_well = false;
    allowed_ += woken.size() > called + 1 ? kSecond : kTtl;
  }

  /// The events that a release, or whoever finds the key free, sends. The one that the release is
  /// for may miss them.
  void wake(bool misses = false) {
    const auto woken = queue_.woken(now());
    if (woken.empty()) return wake_all();
    for (std::size_t i = 0; i < woken.size(); ++i) {
      if (misses && i + 1 == count_free()) continue;
      hear(woken[i].holder, steps_in(woken[i].delay));
    }
  }

  void hear(const HolderId& holder, int delay) {
    Client& client = clients_[static_cast<std::size_t>(number_of(holder))];
    if (client.where == Where::kInLine) client.due_in = std::min(client.due_in, delay);
  }

  /// Nobody is in line: perhaps the queue was lost.
  void wake_all() {
    for (int c = 0; c < kCandidates; ++c) hear(id_of(c), 0);
  }

  void wake_by_place() {
    for (Client& client : clients_) {
      if (client.where != Where::kInLine) continue;
      const int delay = client.ahead == 0 ? 0 : kSecond + client.ahead - 1;
      client.due_in = std::min(client.due_in, delay);
    }
  }

  void lose_queue() {
    --setting_.losses;
    // Whoever asks first is the first.
    queue_ = {};
    for (Client& client : clients_) client.is_well = false;
  }

  void pass() {
    ++now_;
    if (count_free() > 0 && is_awaited()) ++idle_;
    for (Client& client : clients_) {
      if (client.where == Where::kInLine && client.due_in != kNever) {
        client.due_in = std::max(client.due_in - 1, 0);
      }
    }
    if (elder_due_in_ != kNever) --elder_due_in_;
    for (std::size_t s = 0; s < setting_.slots; ++s) {
      if (slots_[s].holder != kNobody) pass(s);
    }
  }

  void pass(std::size_t s) {
    Slot& slot = slots_[s];
    // A holder that lives renews its lease in time.
    if (!slot.is_dead) {
      slot.expires_in = kTtl;
      slot.end = now() + kTtl * kStep;
    } else if (--slot.expires_in == 0) {
      const int dead = slot.holder;
      leave_key(s);
      allow_narrow();
      if (dead < kCandidates) clients_[static_cast<std::size_t>(dead)].where = Where::kGone;
    }
  }

  Setting setting_;
  Queue queue_;
  std::array<Client, kCandidates> clients_;
  int now_ = 0;
  int arrivals_ = 0;
  std::array<Slot, kMostSlots> slots_;
  int elder_due_in_ = kNever;
  int idle_ = 0;     ///< for how long the key was free while somebody waited
  int allowed_ = 0;  ///< for how long it may have been
  std::string fault_;
};

struct Result {
  std::size_t states = 0;
  std::string fault;
};

constexpr std::size_t kMostStates = 2'000'000;

Result search(const Setting& setting) {
  struct Visit {
    World world;
    std::size_t parent;
    std::string step;
  };
  std::deque<Visit> visits = {{World(setting), 0, ""}};
  std::unordered_set<std::string> seen = {visits.front().world.encode()};
  for (std::size_t i = 0; i < visits.size(); ++i) {
    if (visits.size() > kMostStates) return {visits.size(), "the search does not end"};
    if (const std::string fault = visits[i].world.fault(); !fault.empty()) {
      std::string path;
      for (std::size_t at = i; at != 0; at = visits[at].parent) {
        path = visits[at].step + "; " + path;
      }
      return {visits.size(), fault + ": " + path};
    }
    for (auto& step : visits[i].world.steps()) {
      World next = visits[i].world;
      step.take(next);
      if (seen.insert(next.encode()).second) visits.push_back({std::move(next), i, step.name});
    }
  }
  return {visits.size(), ""};
}

void expect_order_and_progress(const Setting& setting, std::size_t at_least) {
  const Result result = search(setting);
  EXPECT_EQ(result.fault, "");
  EXPECT_GE(result.states, at_least) << "the search does not get far";
}

TEST(QueueSearch, WaitersAreServedInOrderAndAtOnce) {
  expect_order_and_progress({.candidates = 4, .trier = true, .withdrawals = 1}, 1'000);
}

TEST(QueueSearch, ADeadWaiterCostsOneTurnOnce) {
  expect_order_and_progress({.candidates = 4, .deaths = 2}, 10'000);
}

TEST(QueueSearch, AStoppedWaiterCostsOneTurnOnce) {
  expect_order_and_progress({.candidates = 3, .trier = true, .deaths = 1, .stops = 1}, 10'000);
}

TEST(QueueSearch, AnEventThatIsNotHeardCostsOneTurnOnce) {
  expect_order_and_progress({.candidates = 3, .unheard = 2, .withdrawals = 1}, 10'000);
}

TEST(QueueSearch, ALostQueueFormsAnew) {
  expect_order_and_progress({.candidates = 3, .unheard = 1, .losses = 1}, 10'000);
}

TEST(QueueSearch, OfTwoSlotsEachIsTakenAtOnceAndInOrder) {
  expect_order_and_progress({.candidates = 4, .slots = 2, .trier = true, .withdrawals = 1}, 1'000);
}

TEST(QueueSearch, WithTwoSlotsADeadWaiterCostsOneTurnOnce) {
  expect_order_and_progress({.candidates = 3, .slots = 2, .deaths = 2}, 10'000);
}

TEST(QueueSearch, WithTwoSlotsAnEventThatIsNotHeardCostsOneTurnOnce) {
  expect_order_and_progress({.candidates = 3, .slots = 2, .stops = 1, .unheard = 1}, 10'000);
}

TEST(QueueSearch, WhoeverKnowsOneSlotKeepsTheOtherOneFromNobodyForLongerThanItsTurn) {
  expect_order_and_progress({.candidates = 3, .slots = 2, .narrow = true, .deaths = 1}, 1'000);
}

TEST(QueueSearch, ClientsThatKnowNoQueueNeitherStarveNorAreStarved) {
  expect_order_and_progress({.candidates = 3, .elder = true, .deaths = 1}, 10'000);
}

}  // namespace
}  // namespace cluster_leader
