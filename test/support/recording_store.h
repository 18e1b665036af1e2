#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace cluster_leader {

/// A store without a server: it records each call as a word, and answers what a test sets.
class RecordingStore : public Store {
 public:
  struct Asked {
    std::string key;
    HolderId holder;
    std::optional<Request> in_flight{};
  };
  std::vector<Asked> claims;
  std::vector<std::string> did;  ///< "acquire 0", "cancel 3", ...; not watch(), advance(), next()
  std::size_t looks = 0;         ///< calls of advance()
  Time wake = kNever;            ///< what wake_at() returns

  /// What the next advance() returns: the answer to the request in flight or to an earlier one, or
  /// a notice.
  void answers(std::size_t claim, Answer answer) {
    const auto& asked = claims[claim].in_flight;
    answers(claim, asked ? asked->attempt : 0, std::move(answer));
  }
  void answers(std::size_t claim, std::uint64_t attempt, Answer answer) {
    coming_.push_back({claim, Answered{attempt, std::move(answer)}});
  }
  void notices(std::size_t claim, Notice notice) { coming_.push_back({claim, std::move(notice)}); }

  /// The calls since the last time.
  std::vector<std::string> done() { return std::exchange(did, {}); }

  std::size_t add(Key key) override {
    claims.push_back({std::move(key.value), {}});
    return claims.size() - 1;
  }
  void set_holder(std::size_t claim, HolderId holder) override {
    claims[claim].holder = std::move(holder);
  }
  void send(std::size_t claim, const Request& request, Time) override {
    const char* const words[] = {"acquire", "renew", "release", "settle"};
    note(words[static_cast<int>(request.kind)], claim);
    claims[claim].in_flight = request;
  }
  void cancel(std::size_t claim) override {
    note("cancel", claim);
    claims[claim].in_flight.reset();
  }
  void abandon(std::size_t claim) override {
    note("abandon", claim);
    claims[claim].in_flight.reset();
  }
  void watch(Poller&) override {}
  Time wake_at() const override { return wake; }
  void advance(const Poller&, Time) override {
    ++looks;
    found_ = std::exchange(coming_, {});
  }
  std::optional<StoreEvent> next() override {
    if (found_.empty()) return std::nullopt;
    StoreEvent event = std::move(found_.front());
    found_.pop_front();
    auto& asked = claims[event.claim].in_flight;
    const auto* answered = std::get_if<Answered>(&event.what);
    if (answered != nullptr && asked && answered->attempt == asked->attempt) asked.reset();
    return event;
  }
  std::string stage(std::size_t) const override { return "waiting for a test"; }

 private:
  void note(const std::string& word, std::size_t claim) {
    did.push_back(word + ' ' + std::to_string(claim));
  }

  std::deque<StoreEvent> coming_;
  std::deque<StoreEvent> found_;
};

}  // namespace cluster_leader
