#include "supervise/job_report.h"

#include "base/list.h"
#include "process/proc.h"
#include "process/survivor.h"
#include "report/wording.h"

namespace cluster_leader {

namespace {

/// So many processes are named in one line.
constexpr std::size_t kMostNamed = 20;

/// "12 sleep, 13 sh and 4 more"
std::string named(const std::vector<pid_t>& pids) {
  std::vector<std::string> alive;
  for (const pid_t pid : pids) {
    if (is_alive(pid)) alive.push_back(std::to_string(pid) + ' ' + command_of(pid).value_or("?"));
  }
  return list_of(alive, kMostNamed);
}

}  // namespace

JobReport::JobReport(const Session& session, Style style, Reporter& reporter)
    : session_(session), style_(style), reporter_(reporter) {}

void JobReport::begin() {
  leftovers_.clear();
  unreported_.reset();
  reported_loss_ = false;
  alive_due_ = kNever;
}

void JobReport::record_leftovers(const std::vector<pid_t>& members) { leftovers_ = named(members); }

void JobReport::stopping(std::size_t campaign) {
  if (is_lost(campaign) && !reported_loss_) {
    reported_loss_ = true;
    const Loss loss = loss_of(campaign);
    write(loss.what + ", stopping the job" + loss.cause);
  }
  if (leftovers_.empty()) return;
  reporter_.info(session_.describe(campaign) +
                 ": the job has ended, stopping what it left behind: " + leftovers_);
  leftovers_.clear();
}

void JobReport::killing(std::size_t campaign, Time now) {
  alive_due_ = now + style_.grace;
  // What the server says later is not the cause.
  if (is_lost(campaign) && !reported_loss_) unreported_ = loss_of(campaign);
}

void JobReport::still_alive(std::size_t campaign, const std::vector<pid_t>& members) {
  const std::vector<Survivor> alive = survivors(members);
  if (alive.empty()) return;
  alive_due_ = kNever;
  const Loss loss =
      unreported_ ? *unreported_ : Loss{session_.describe(campaign) + ": the job was killed", ""};
  write(loss.what + "; still alive: " + list_of(alive) + loss.cause);
}

void JobReport::dead() {
  if (unreported_) write(unreported_->what + ", killed the job" + unreported_->cause);
  begin();
}

std::string JobReport::loss_without_job(std::size_t campaign) const {
  // An outage is reported once, however many leases it costs, and that has been done.
  const bool is_slipping = session_.at(campaign).supervisor.has_lease() && !is_asked_back(campaign);
  if (!is_lost(campaign) || is_slipping) return {};
  const Loss loss = loss_of(campaign);
  return loss.what + loss.cause;
}

bool JobReport::is_lost(std::size_t campaign) const {
  return session_.at(campaign).supervisor.outcome() == Outcome::kLost || is_asked_back(campaign);
}

bool JobReport::is_asked_back(std::size_t campaign) const {
  const Outcome outcome = session_.at(campaign).supervisor.outcome();
  return outcome == Outcome::kAskedBack || outcome == Outcome::kSuperseded;
}

JobReport::Loss JobReport::loss_of(std::size_t campaign) const {
  const Campaign& c = session_.at(campaign);
  const std::string where = session_.describe(campaign);
  if (is_asked_back(campaign)) return {where + ": " + describe_stop_request(*c.stop), ""};
  if (c.supervisor.has_lease()) {
    return {where + ": the lease could not be renewed in time",
            c.failure.empty() ? "" : ": " + c.failure};
  }
  return {where + ": the lease was taken away",
          c.other.value.empty() ? "" : ": " + describe_holder(c.other)};
}

void JobReport::write(const std::string& text) {
  if (text.empty()) return;
  style_.only_warns ? reporter_.warning(text) : reporter_.error(text);
}

}  // namespace cluster_leader
