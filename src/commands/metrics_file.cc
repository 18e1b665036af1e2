#include "commands/metrics_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/atomic_file.h"

namespace cluster_leader {

namespace {

using std::chrono::milliseconds;
using Json = nlohmann::json;

/// Far more than we write, however long the labels are.
constexpr std::size_t kLongestFile = std::size_t{1} << 20;

/// Counts are exact in Prometheus' numbers up to here.
constexpr std::uint64_t kLargestCount = std::uint64_t{1} << 53;

/// Others hold the lock for about a millisecond. Whoever holds it for longer is none of us, and
/// must not keep a job's status from our caller: then a count may be missed.
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

/// What a file says of each series. Whatever it is, only lines that we could have written, for the
/// same key and node, will ever be asked for.
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

  /// As it stands there; "0" if it does not, or is no number that we write.
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

/// A label's value as the text format wants it. A collector would refuse the whole file for one
/// byte that is no UTF-8, so such bytes are replaced.
std::string label_value(const std::string& bytes) {
  const std::string utf8 =
      Json::parse(Json(bytes).dump(-1, ' ', false, Json::error_handler_t::replace))
          .get<std::string>();
  std::string text;
  for (const char c : utf8) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text;
}

/// Seconds with microseconds, exact for times of this age, which a double's text is not.
std::string seconds(Duration duration) {
  const auto us = std::chrono::ceil<std::chrono::microseconds>(duration).count();
  const std::string fraction = std::to_string(us % 1'000'000);
  return std::to_string(us / 1'000'000) + '.' + std::string(6 - fraction.size(), '0') + fraction;
}

/// The time between two moments of the wall clock, which may have been set back.
Duration between(std::int64_t begin_ms, std::int64_t end_ms) {
  return milliseconds(std::max<std::int64_t>(end_ms - begin_ms, 0));
}

/// The new text, made from the run and the old values.
class MetricsText {
 public:
  MetricsText(const Options& options, std::string_view old_text)
      : labels_("key=\"" + label_value(options.keys.front()) + "\",node=\"" +
                label_value(options.node) + '"'),
        old_(old_text) {}

  std::string take(const RunEnding& ending) {
    family("last_run_outcome", "gauge",
           "How the last run ended: 1 for the outcome that it had, 0 for the others.");
    for (const OutcomeName& row : kOutcomeNames) {
      sample(series(row.name), row.outcome == ending.outcome ? "1" : "0");
    }
    family("last_run_exit_status", "gauge",
           "What a shell showed for the last run, whatever its outcome.");
    sample(series(), std::to_string(ending.status));
    family("last_run_waited_seconds", "gauge",
           "From asking for the lease to the decision, in the last run.");
    sample(series(), seconds(between(ending.asked_ms, ending.decided_ms)));
    tell_of_job(ending);
    family("runs_total", "counter", "How many runs ended with which outcome.");
    for (const OutcomeName& row : kOutcomeNames) {
      add(series(row.name), row.outcome == ending.outcome ? 1 : 0);
    }
    family("lease_renewals_total", "counter", "How often a lease was renewed.");
    add(series(), ending.renewals);
    return std::move(text_);
  }

 private:
  /// A run that is skipped says nothing about the job, so what stands there stays. "When did it run
  /// last?" can then be asked of all nodes at any time.
  void tell_of_job(const RunEnding& ending) {
    const bool ran_here = (ending.outcome == RunEnding::Outcome::kRan ||
                           ending.outcome == RunEnding::Outcome::kLost) &&
                          ending.started_ms > 0;
    const auto tell = [&](const std::string& value) {
      sample(series(), ran_here ? value : old_.number(series()));
    };
    family("last_run_start_timestamp_seconds", "gauge",
           "When the last job that ran here began, since 1970; 0 if none did.");
    tell(seconds(milliseconds(ending.started_ms)));
    family("last_run_duration_seconds", "gauge", "How long the last job that ran here took.");
    tell(seconds(between(ending.started_ms, ending.finished_ms)));
    family("last_run_slowest_renewal_seconds", "gauge",
           "The longest time that a renewal took in the last job that ran here.");
    tell(seconds(ending.slowest_renewal));
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

std::optional<std::string> write_metrics_file(const std::string& path, const Options& options,
                                              const RunEnding& ending) {
  const UniqueFd lock = lock_directory_of(path, kLockPatience);
  return write_atomically(path, MetricsText(options, read_old(path)).take(ending));
}

}  // namespace cluster_leader
