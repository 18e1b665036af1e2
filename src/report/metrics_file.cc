#include "report/metrics_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <string_view>

#include "base/atomic_file.h"
#include "report/metrics_text.h"

namespace cluster_leader {

namespace {

using std::chrono::milliseconds;

/// Far more than we ever write, however long the labels are.
constexpr std::size_t kLongestFile = std::size_t{1} << 20;

/// Counts are exact in Prometheus' numbers up to here.
constexpr std::uint64_t kLargestCount = std::uint64_t{1} << 53;

/// We hold the lock for about a millisecond. If another program holds it for longer, our caller
/// must not wait for the job's status because of it: then a count may be missed.
constexpr Duration kLockPatience = std::chrono::seconds(2);

std::string read_old(const std::string& path) {
  const UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::string text;
  std::array<char, 16384> part{};
  ssize_t got = 0;
  while (text.size() <= kLongestFile && (got = ::read(fd.get(), part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text;
}

/// The values in a file, by series. The file may have any content: only lines that we could have
/// written, for the same key and node, are ever asked for.
class OldValues {
 public:
  explicit OldValues(std::string_view text) {
    for (std::size_t end; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1)) {
      const std::string_view line = text.substr(0, end);
      const std::size_t space = line.rfind(' ');
      if (space != line.npos) values_[std::string(line.substr(0, space))] = line.substr(space + 1);
    }
  }

  std::uint64_t count(const std::string& series) const {
    std::uint64_t value = 0;
    return is_number(text_of(series), value) && value <= kLargestCount ? value : 0;
  }

  /// The number as it is written in the file; "0" if it is missing or not one that we write.
  std::string number(const std::string& series) const {
    const std::string text = text_of(series);
    double value = 0;
    return is_number(text, value) && std::isfinite(value) && value >= 0 ? text : "0";
  }

 private:
  std::string text_of(const std::string& series) const {
    const auto found = values_.find(series);
    return found == values_.end() ? "" : found->second;
  }

  template <typename Number>
  static bool is_number(const std::string& text, Number& value) {
    const char* end = text.data() + text.size();
    const auto [parsed, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && parsed == end;
  }

  std::map<std::string, std::string> values_;
};

/// The time between two moments of the wall clock, which may have been set back.
Duration between(std::int64_t begin_ms, std::int64_t end_ms) {
  return milliseconds(std::max<std::int64_t>(end_ms - begin_ms, 0));
}

/// The new content of the file, from the run and the old values.
class MetricsText {
 public:
  MetricsText(const RunEnding& ending, std::string_view old_text)
      : labels_("key=\"" + metrics_label(ending.key) + "\",node=\"" + metrics_label(ending.node) +
                '"'),
        old_(old_text) {
    family("last_run_outcome", "gauge",
           "How the last run ended: 1 for the outcome that it had, 0 for the others.");
    for (const OutcomeName& row : kOutcomeNames) {
      sample(series(row.name), row.outcome == ending.outcome ? "1" : "0");
    }
    family("last_run_exit_status", "gauge", "Exit status of the last run, as a shell shows it.");
    sample(series(), std::to_string(ending.status));
    family("last_run_waited_seconds", "gauge",
           "From asking for the lease to the decision, in the last run.");
    sample(series(), metrics_seconds(between(ending.asked_ms, ending.decided_ms)));
    add_job(ending);
    family("runs_total", "counter", "How many runs ended with each outcome.");
    for (const OutcomeName& row : kOutcomeNames) {
      add(series(row.name), row.outcome == ending.outcome ? 1 : 0);
    }
    family("lease_renewals_total", "counter", "How often a lease was renewed.");
    add(series(), ending.renewals);
  }

  const std::string& text() const { return text_; }

 private:
  /// A skipped run says nothing about the job, so the old values stay. "When did it last run?" can
  /// then be asked of all nodes at any time.
  void add_job(const RunEnding& ending) {
    const bool ran_here = (ending.outcome == RunEnding::Outcome::kRan ||
                           ending.outcome == RunEnding::Outcome::kLost ||
                           ending.outcome == RunEnding::Outcome::kAsked ||
                           ending.outcome == RunEnding::Outcome::kSuperseded) &&
                          ending.started_ms > 0;
    const auto add_or_keep = [&](const std::string& value) {
      sample(series(), ran_here ? value : old_.number(series()));
    };
    family("last_run_start_timestamp_seconds", "gauge",
           "When the last job that ran here began, since 1970; 0 if none did.");
    add_or_keep(metrics_seconds(milliseconds(ending.started_ms)));
    family("last_run_duration_seconds", "gauge", "How long the last job that ran here took.");
    add_or_keep(metrics_seconds(between(ending.started_ms, ending.finished_ms)));
    family("last_run_slot", "gauge", "The slot of the last job that ran here (--slots).");
    add_or_keep(std::to_string(ending.slot));
    family("last_run_slowest_renewal_seconds", "gauge",
           "The longest time that a renewal took in the last job that ran here.");
    add_or_keep(metrics_seconds(ending.slowest_renewal));
  }

  void family(const std::string& name, const std::string& type, const std::string& help) {
    name_ = "cluster_leader_" + name;
    text_ += "# HELP " + name_ + ' ' + help + "\n# TYPE " + name_ + ' ' + type + '\n';
  }

  /// A series of the family that was begun last.
  std::string series(const std::string& outcome = "") const {
    const std::string more = outcome.empty() ? "" : ",outcome=\"" + outcome + '"';
    return name_ + '{' + labels_ + more + '}';
  }

  void sample(const std::string& series, const std::string& value) {
    text_ += series + ' ' + value + '\n';
  }

  void add(const std::string& series, std::uint64_t more) {
    sample(series, std::to_string(old_.count(series) + more));
  }

  std::string labels_;
  OldValues old_;
  std::string name_;
  std::string text_;
};

}  // namespace

std::optional<std::string> write_metrics_file(const std::string& path, const RunEnding& ending) {
  const UniqueFd lock = lock_directory_of(path, kLockPatience);
  return write_atomically(path, MetricsText(ending, read_old(path)).text());
}

}  // namespace cluster_leader
