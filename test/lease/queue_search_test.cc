// Visits every state that a key, its queue and the candidates for it can reach together. Candidates
// come, wait, get the key, give up, die, are stopped and go on; what would wake them gets lost; the
// queue gets lost; and a client that knows no queue takes part. In each state
//
//  - nobody that is in line and well is overtaken by another one that waits;
//  - a key is never free for longer than the misfortunes so far explain: each costs a second, once;
//  - while it is free and somebody well waits for it, somebody well will ask in that time.
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

/// What a search includes; all at once would only multiply the states.
struct Setting {
  int candidates = 3;  ///< that wait in line
  bool trier = false;  ///< one more tries once, again and again
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
    holder_ = kFirstHolder;
    expires_in_ = kTtl;
    end_ = now() + kTtl * kStep;
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
    if (holder_ != kNobody) add_holder(add);
    if (setting_.trier && holder_ == kNobody) {
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
      if (has_place(c)) soonest = std::min(soonest, std::max(clients_[c].due_in, 0));
    }
    if (holder_ != kNobody || !is_awaited()) return "";
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
    const auto late_at = Queue(queue_).late_at({fence_}, now());
    put(late_at ? std::clamp(steps_in(now() - *late_at), -kSecond, kSecond) : kNever);
    put(end_ ? std::clamp(steps_in(now() - *end_), -kTtl, kSecond) : kNever);
    put(holder_ < kCandidates ? std::min(holder_, 0) : holder_);
    for (const int n :
         {expires_in_, int{holder_is_dead_}, allowed_ - idle_, elder_due_in_, setting_.deaths,
          setting_.stops, setting_.unheard, setting_.losses, setting_.withdrawals}) {
      put(n);
    }
    return text;
  }

 private:
  static constexpr int kNobody = -1;
  static constexpr int kTrier = 10;
  static constexpr int kElder = 11;
  static constexpr int kFirstHolder = 12;

  static HolderId id_of(int client) { return {std::to_string(client)}; }
  static int number_of(const HolderId& holder) { return std::stoi(holder.value); }
  static int steps_in(Duration duration) { return static_cast<int>(duration / kStep); }
  Time now() const { return Time{} + now_ * kStep; }

  std::string encode_client(int c) const {
    const Client& client = clients_[static_cast<std::size_t>(c)];
    std::string text;
    const auto put = [&](int n) { text.push_back(static_cast<char>(n)); };
    put(static_cast<int>(client.where));
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
  bool is_awaited() const {
    for (std::size_t c = 0; c < clients_.size(); ++c) {
      if (waits(c) && has_place(c)) return true;
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
  void add_holder(const Add& add) const {
    if (holder_is_dead_) return;
    add("the holder releases", [](World& w) { w.release(/*misses=*/false); });
    if (setting_.unheard > 0 && !queue_.places().empty()) {
      add("the holder releases, which its successor does not hear",
          [](World& w) { w.release(/*misses=*/true); });
    }
    if (setting_.deaths > 0) {
      add("the holder dies", [](World& w) {
        --w.setting_.deaths;
        w.holder_is_dead_ = true;
      });
    }
  }

  /// Its scripts take a free key whoever waits, and leave the queue alone.
  template <typename Add>
  void add_elder(const Add& add) const {
    if (holder_ != kElder && elder_due_in_ <= 0) {
      add("the elder asks", [](World& w) {
        if (w.holder_ == kNobody) {
          w.grant(kElder);
          w.elder_due_in_ = kNever;
        } else {
          w.elder_due_in_ = w.expires_in_;
        }
      });
    }
    if (holder_ != kElder && elder_due_in_ == kNever) {
      add("the elder arrives", [](World& w) { w.elder_due_in_ = 0; });
    }
  }

  /// acquire.lua
  void ask(int c) {
    const bool waits = c < kCandidates;
    const bool has_moved = queue_.sweep(now());
    if (waits) queue_.stand(id_of(c), kTtl * kStep, now(), 0);
    if (holder_ != kNobody) {
      if (!waits) return;
      const auto pause = queue_.pause_of(id_of(c), expires_in_ * kStep, kTtl * kStep);
      return wait(c, pause.length, pause.ahead);
    }
    if (queue_.ahead_of(id_of(c)) > 0) {
      if (has_moved) queue_.note_change(now());
      const auto known = queue_.late_at({fence_}, now());
      const Time late_at = known ? *known : queue_.note_free({fence_}, end_, now());
      const Time turn = queue_.turn_of(id_of(c), late_at);
      if (now() < turn) {
        if (!known || has_moved) wake();
        if (waits)
          wait(c, std::min<Duration>(turn - now(), kTtl * kStep), queue_.ahead_of(id_of(c)));
        return;
      }
    }
    check_order(c);
    for (const HolderId& holder : queue_.serve(id_of(c), now())) hear(holder, 0);
    if (waits) clients_[static_cast<std::size_t>(c)].where = Where::kHolding;
    grant(c);
  }

  /// release.lua for a candidate that waits.
  void withdraw(int c) {
    queue_.leave(id_of(c));
    if (holder_ != kNobody) return;
    queue_.note_change(now());
    wake();
  }

  void wait(int c, Duration pause, std::size_t ahead) {
    Client& client = clients_[static_cast<std::size_t>(c)];
    client.where = Where::kInLine;
    client.due_in = steps_in(pause);
    client.ahead = static_cast<int>(ahead);
  }

  void check_order(int c) {
    const int arrival = c < kCandidates ? clients_[static_cast<std::size_t>(c)].arrival : kNever;
    for (int other = 0; other < kCandidates; ++other) {
      const Client& client = clients_[static_cast<std::size_t>(other)];
      if (other == c || client.where != Where::kInLine || !client.is_well) continue;
      if (client.arrival < arrival) fault_ = "somebody who is well was overtaken";
    }
  }

  void grant(int c) {
    holder_ = c;
    holder_is_dead_ = false;
    expires_in_ = kTtl;
    ++fence_;
    end_ = now() + kTtl * kStep;
  }

  void release(bool misses) {
    const bool knows_queue = holder_ != kElder;
    leave_key();
    end_.reset();
    if (knows_queue) {
      queue_.sweep(now());
      queue_.note_free({fence_}, now(), now());
    }
    if (misses) {
      --setting_.unheard;
      miss_event();
    }
    if (knows_queue) wake(misses);
    // What the elder hears, and says, is for all; it reaches those who are far ahead in line.
    if (setting_.elder && elder_due_in_ != kNever) elder_due_in_ = 0;
    if (!knows_queue) wake_by_place();
  }

  /// A misfortune costs a second, and another step if it happens behind somebody who is late;
  /// beside a client that passes over nobody, so much each time until the place lapses.
  void allow_second() { allowed_ += setting_.elder ? 2 * kTtl + 2 * kSecond : kSecond + 1; }

  void leave_key() {
    if (holder_ < kCandidates) clients_[static_cast<std::size_t>(holder_)].where = Where::kOut;
    holder_ = kNobody;
    expires_in_ = 0;
  }

  /// Somebody behind whoever misses the event takes its turn; nobody else hears it.
  void miss_event() {
    const auto woken = queue_.woken(now() + kTurn, now());
    if (woken.empty()) return;
    clients_[static_cast<std::size_t>(number_of(woken[0].holder))].is_well = false;
    allowed_ += woken.size() > 1 ? kSecond : kTtl;
  }

  /// The events that a release, or whoever finds the key free, sends.
  void wake(bool misses = false) {
    const Time late_at = queue_.late_at({fence_}, now()).value_or(now() + kTurn);
    const auto woken = queue_.woken(late_at, now());
    if (woken.empty()) return wake_all();
    for (std::size_t i = misses ? 1 : 0; i < woken.size(); ++i) {
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
    if (holder_ == kNobody && is_awaited()) ++idle_;
    for (Client& client : clients_) {
      if (client.where == Where::kInLine && client.due_in != kNever) {
        client.due_in = std::max(client.due_in - 1, 0);
      }
    }
    if (elder_due_in_ != kNever) --elder_due_in_;
    if (holder_ == kNobody) return;
    // A holder that lives renews its lease in time.
    if (!holder_is_dead_) {
      expires_in_ = kTtl;
      end_ = now() + kTtl * kStep;
    } else if (--expires_in_ == 0) {
      const int dead = holder_;
      leave_key();
      if (dead < kCandidates) clients_[static_cast<std::size_t>(dead)].where = Where::kGone;
    }
  }

  Setting setting_;
  Queue queue_;
  std::array<Client, kCandidates> clients_;
  int now_ = 0;
  int arrivals_ = 0;
  int holder_ = kNobody;
  bool holder_is_dead_ = false;
  int expires_in_ = 0;
  std::optional<Time> end_;  ///< of the last lease; nothing: it was released
  std::int64_t fence_ = 1;
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

TEST(QueueSearch, ClientsThatKnowNoQueueNeitherStarveNorAreStarved) {
  expect_order_and_progress({.candidates = 3, .elder = true, .deaths = 1}, 10'000);
}

}  // namespace
}  // namespace cluster_leader
