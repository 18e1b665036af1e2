// Pairs of candidates, each pair for a key of its own; then a server dies. Prints for each pair how
// long its key was without a leader, as "STOPPED NEXT": the milliseconds from the death of the
// server to the line with which the leader stopped, and to the line about the next leader. "- -" if
// it led all the time, "- NEXT" if it died with the server.
//
// usage: gap PID PAIR... -- COMMAND [ARG]...
// PID is the server's. A pair is "lives:TTL" or "dies:TTL": what happens to its leader, and its ttl
// in seconds. COMMAND is a `cluster-leader elect`, to which `--key` and `--ttl` are added.
#include <poll.h>
#include <signal.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "candidate.h"

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;

/// No failover takes longer.
constexpr std::int64_t kLongest = 90 * kSecond;

class Pair {
 public:
  Pair(const std::string& what, std::vector<char*> words)
      : dies_(what.starts_with("dies:")), ttl_(what.substr(what.find(':') + 1)), key_(what) {
    for (std::string* word : {&key_option_, &key_, &ttl_option_, &ttl_}) {
      words.push_back(word->data());
    }
    words.push_back(nullptr);
    leader_ = std::make_unique<Candidate>(words.data());
    leader_->wait_for("leader");
    follower_ = std::make_unique<Candidate>(words.data());
    follower_->wait_for("follower");
  }

  /// Ends the leader, if that is its part.
  void begin(std::int64_t now) {
    began_ = now;
    if (!dies_) return;
    ::kill(leader_->keeper(), SIGKILL);
    ::kill(leader_->pid(), SIGKILL);
    leader_.reset();
  }

  void read(const pollfd& ready, std::int64_t now) {
    if (ready.revents == 0) return;
    const bool is_leader = leader_ && ready.fd == leader_->lines();
    for (const std::string& state : (is_leader ? leader_ : follower_)->read_states()) {
      const bool leads = state == "leader";
      if (is_leader && !leads && stopped_ == 0) stopped_ = now;
      if (!leads || next_ != 0 || (is_leader && stopped_ == 0)) continue;
      if (leader_ && stopped_ == 0) die("two candidates lead at once");
      next_ = now;
    }
  }

  /// Whether nothing more is to come: a leader that outlives its ttl has been renewed.
  bool is_done(std::int64_t now) const {
    if (next_ != 0) return true;
    return leader_ && stopped_ == 0 && now > began_ + (std::atoi(ttl_.c_str()) + 2) * kSecond;
  }

  bool has(int lines) const {
    return lines == follower_->lines() || (leader_ && lines == leader_->lines());
  }

  void add_to(std::vector<pollfd>& polled) const {
    if (leader_) polled.push_back({leader_->lines(), POLLIN, 0});
    polled.push_back({follower_->lines(), POLLIN, 0});
  }

  void print() const { std::puts((since_begin(stopped_) + ' ' + since_begin(next_)).c_str()); }

 private:
  std::string since_begin(std::int64_t at) const {
    return at == 0 ? "-" : std::to_string((at - began_) / kMillisecond);
  }

  const bool dies_;
  std::string key_option_ = "--key";
  std::string ttl_option_ = "--ttl";
  std::string ttl_;
  std::string key_;
  std::unique_ptr<Candidate> leader_;  ///< null: it has died
  std::unique_ptr<Candidate> follower_;
  std::int64_t began_ = 0;
  std::int64_t stopped_ = 0;  ///< 0: it has not
  std::int64_t next_ = 0;     ///< 0: there was none yet
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names;
  int at = 2;
  for (; at < argc && std::string(argv[at]) != "--"; ++at) names.emplace_back(argv[at]);
  if (names.empty() || at + 1 >= argc) die("usage: gap PID PAIR... -- COMMAND [ARG]...");
  std::vector<std::unique_ptr<Pair>> pairs;
  for (const std::string& name : names) {
    pairs.push_back(std::make_unique<Pair>(name, std::vector<char*>(argv + at + 1, argv + argc)));
  }

  const std::int64_t begin = now_ns();
  ::kill(std::atoi(argv[1]), SIGKILL);
  for (const auto& pair : pairs) pair->begin(begin);
  for (;;) {
    std::vector<pollfd> polled;
    bool is_done = true;
    for (const auto& pair : pairs) {
      pair->add_to(polled);
      is_done = is_done && pair->is_done(now_ns());
    }
    if (is_done) break;
    if (now_ns() > begin + kLongest) die("a key has no leader");
    ::poll(polled.data(), polled.size(), 100);
    const std::int64_t now = now_ns();
    for (const pollfd& ready : polled) {
      for (const auto& pair : pairs) {
        if (pair->has(ready.fd)) pair->read(ready, now);
      }
    }
  }
  for (const auto& pair : pairs) pair->print();
  return 0;
}
