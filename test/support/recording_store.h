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
  std::vector<Asked> candidacies;
  std::vector<std::string> did;  ///< "acquire 0", "cancel 3", ...; not watch(), advance(), next()
  std::size_t looks = 0;         ///< calls of advance()
  Time wake = kNever;            ///< what wake_at() returns

  /// What the next advance() returns: the answer to the request in flight or to an earlier one, or
  /// a notice.
  void answers(std::size_t candidacy, Answer answer) {
    const auto& asked = candidacies[candidacy].in_flight;
    answers(candidacy, asked ? asked->attempt : 0, std::move(answer));
  }
  void answers(std::size_t candidacy, std::uint64_t attempt, Answer answer) {
    coming_.push_back({candidacy, Answered{attempt, std::move(answer)}});
  }
  void notices(std::size_t candidacy, Notice notice) {
    coming_.push_back({candidacy, std::move(notice)});
  }

  /// The calls since the last time.
  std::vector<std::string> done() { return std::exchange(did, {}); }

  std::size_t add(Key key) override {
    candidacies.push_back({std::move(key.value), {}});
    return candidacies.size() - 1;
  }
  void set_holder(std::size_t candidacy, HolderId holder) override {
    candidacies[candidacy].holder = std::move(holder);
  }
  void send(std::size_t candidacy, const Request& request, Time) override {
    const char* const words[] = {"acquire", "renew", "release", "finish", "vote", "adopt"};
    note(words[static_cast<int>(request.kind)], candidacy);
    candidacies[candidacy].in_flight = request;
  }
  void cancel(std::size_t candidacy) override {
    note("cancel", candidacy);
    candidacies[candidacy].in_flight.reset();
  }
  void abandon(std::size_t candidacy) override {
    note("abandon", candidacy);
    candidacies[candidacy].in_flight.reset();
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
    auto& asked = candidacies[event.candidacy].in_flight;
    const auto* answered = std::get_if<Answered>(&event.what);
    if (answered != nullptr && asked && answered->attempt == asked->attempt) asked.reset();
    return event;
  }
  std::string stage(std::size_t) const override { return "waiting for a test"; }

 private:
  void note(const std::string& word, std::size_t candidacy) {
    did.push_back(word + ' ' + std::to_string(candidacy));
  }

  std::deque<StoreEvent> coming_;
  std::deque<StoreEvent> found_;
};

}  // namespace cluster_leader
