#include "report/elect_metrics.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/atomic_file.h"
#include "report/metrics_text.h"
#include "report/state_lines.h"

namespace cluster_leader {

namespace {

constexpr ElectionState kStates[] = {ElectionState::kLeader, ElectionState::kFollower,
                                     ElectionState::kNone, ElectionState::kStarting,
                                     ElectionState::kDown};

}  // namespace

ElectMetrics::ElectMetrics(std::string path, std::string node, const std::vector<std::string>& keys,
                           Reporter& reporter)
    : path_(std::move(path)), node_(std::move(node)), reporter_(reporter) {
  for (const std::string& key : keys) rows_.push_back({.key = key});
}

void ElectMetrics::update(std::size_t key, const Leadership& leadership) {
  Row& row = rows_[key];
  row.state = leadership.state;
  has_news_ = true;
  if (leadership.state != ElectionState::kLeader || leadership.holder == row.led_as) return;
  row.led_as = leadership.holder;
  ++row.terms;
}

void ElectMetrics::count(std::size_t key, std::uint32_t renewals, Duration slowest) {
  Row& row = rows_[key];
  // Another keeper has taken over.
  if (renewals < row.renewals_seen) row.renewals_seen = 0;
  row.renewals += renewals - row.renewals_seen;
  row.renewals_seen = renewals;
  if (renewals > 0) row.slowest = slowest;
  has_news_ = true;
}

bool ElectMetrics::wants_count(Time now) {
  if (path_.empty() || now < count_at_) return false;
  count_at_ = now + kCountPause;
  return true;
}

Time ElectMetrics::wake_at() const {
  if (path_.empty()) return kNever;
  return has_news_ ? std::min(write_at_, count_at_) : count_at_;
}

void ElectMetrics::advance(Time now) {
  if (!has_news_ || now < write_at_) return;
  write_at_ = now + kWritePause;
  write();
}

void ElectMetrics::write() {
  if (path_.empty()) return;
  has_news_ = false;
  const auto fault = write_atomically(path_, text());
  const bool is_known = std::exchange(has_failed_, fault.has_value());
  if (fault && !is_known) reporter_.warning("cannot write " + path_ + ": " + *fault);
}

std::string ElectMetrics::text() const {
  std::string text;
  const auto family = [&](const std::string& name, const std::string& type, const std::string& help,
                          const std::function<void(const Row&, const std::string&)>& add) {
    text += "# HELP " + name + ' ' + help + "\n# TYPE " + name + ' ' + type + '\n';
    for (const Row& row : rows_) {
      add(row,
          name + "{key=\"" + metrics_label(row.key) + "\",node=\"" + metrics_label(node_) + '"');
    }
  };
  const auto sample = [&](const std::string& series, const std::string& value) {
    text += series + "} " + value + '\n';
  };
  family("cluster_leader_elect_state", "gauge", "1 for the state that the key has, 0 for others.",
         [&](const Row& row, const std::string& series) {
           for (const ElectionState state : kStates) {
             sample(series + ",state=\"" + state_name(state) + '"', state == row.state ? "1" : "0");
           }
         });
  family("cluster_leader_elect_terms_total", "counter",
         "How often this node became the leader since the start.",
         [&](const Row& row, const std::string& series) {
           sample(series, std::to_string(row.terms));
         });
  family("cluster_leader_elect_lease_renewals_total", "counter",
         "How often the lease was renewed since the start.",
         [&](const Row& row, const std::string& series) {
           sample(series, std::to_string(row.renewals));
         });
  family("cluster_leader_elect_slowest_renewal_seconds", "gauge",
         "The longest time that a renewal took in the present or last term.",
         [&](const Row& row, const std::string& series) {
           sample(series, metrics_seconds(row.slowest));
         });
  return text;
}

}  // namespace cluster_leader
