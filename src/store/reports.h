#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "store/store.h"

namespace cluster_leader {

/// What a store has found and not yet told, in order. An answer is told only while the request that
/// it belongs to has not been given up, which the serial numbers of a claim's requests say.
class Reports {
 public:
  void answer(std::size_t claim, std::uint32_t serial, Answer answer) {
    queue_.push_back({{claim, std::move(answer)}, serial});
  }
  void notice(std::size_t claim, Notice notice) {
    queue_.push_back({{claim, std::move(notice)}, 0});
  }

  /// An answer that was given up counts until next() has passed it over.
  bool empty() const { return queue_.empty(); }

  /// `present(claim)` is the serial number of the claim's last request.
  template <typename Present>
  std::optional<StoreEvent> next(const Present& present) {
    while (!queue_.empty()) {
      Report report = std::move(queue_.front());
      queue_.pop_front();
      const bool is_answer = std::holds_alternative<Answer>(report.event.what);
      if (!is_answer || report.serial == present(report.event.claim)) {
        return std::move(report.event);
      }
    }
    return std::nullopt;
  }

 private:
  struct Report {
    StoreEvent event;
    std::uint32_t serial = 0;
  };
  std::deque<Report> queue_;
};

}  // namespace cluster_leader
