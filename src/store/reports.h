#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "store/store.h"

namespace cluster_leader {

/// The events of a store that were not fetched yet, in order.
class Reports {
 public:
  void answer(std::size_t candidacy, std::uint64_t attempt, Answer answer) {
    queue_.push_back({candidacy, Answered{attempt, std::move(answer)}});
  }
  void notice(std::size_t candidacy, Notice notice) {
    queue_.push_back({candidacy, std::move(notice)});
  }

  bool empty() const { return queue_.empty(); }

  std::optional<StoreEvent> next() {
    if (queue_.empty()) return std::nullopt;
    StoreEvent event = std::move(queue_.front());
    queue_.pop_front();
    return event;
  }

 private:
  std::deque<StoreEvent> queue_;
};

}  // namespace cluster_leader
