#include "commands/job_report.h"

#include "commands/place.h"
#include "process/proc.h"
#include "process/survivor.h"

namespace cluster_leader {

namespace {

/// So many processes are named in one line.
constexpr std::size_t kMostNamed = 20;

/// "12 sleep, 13 sh and 4 more"
std::string named(const std::vector<pid_t>& pids) {
  std::string list;
  std::size_t count = 0;
  for (const pid_t pid : pids) {
    if (!is_alive(pid) || ++count > kMostNamed) continue;
    list += (count == 1 ? "" : ", ") + std::to_string(pid) + ' ' + command_of(pid).value_or("?");
  }
  return count > kMostNamed ? list + " and " + std::to_string(count - kMostNamed) + " more" : list;
}

}  // namespace

JobReport::JobReport(const Session& session, const Options& options, Reporter& reporter)
    : session_(session), options_(options), reporter_(reporter) {}

void JobReport::begin() {
  left_behind_.clear();
  unsaid_.reset();
  said_why_ = false;
  alive_due_ = kNever;
}

void JobReport::note_left_behind(const std::vector<pid_t>& members) {
  left_behind_ = named(members);
}

void JobReport::stopping(std::size_t contest) {
  if (is_lost(contest) && !said_why_) {
    said_why_ = true;
    const Loss loss = loss_of(contest);
    say(loss.what + ", stopping the job" + loss.because);
  }
  if (left_behind_.empty()) return;
  reporter_.info(session_.where(contest) +
                 ": the job has ended, stopping what it left behind: " + left_behind_);
  left_behind_.clear();
}

void JobReport::killing(std::size_t contest, Time now) {
  alive_due_ = now + options_.timeline.margin;
  // Whatever is heard later is not the reason.
  if (is_lost(contest) && !said_why_) unsaid_ = loss_of(contest);
}

void JobReport::still_alive(std::size_t contest, const std::vector<pid_t>& members) {
  const std::vector<Survivor> alive = survivors(members);
  if (alive.empty()) return;
  alive_due_ = kNever;
  const Loss loss = unsaid_ ? *unsaid_ : Loss{session_.where(contest) + ": the job was killed", ""};
  say(loss.what + "; still alive: " + list_of(alive) + loss.because);
}

void JobReport::dead() {
  if (unsaid_) say(unsaid_->what + ", killed the job" + unsaid_->because);
  begin();
}

std::string JobReport::loss_without_job(std::size_t contest) const {
  // One line reports an outage, however many leases it costs, and the keeper has said it.
  if (!is_lost(contest) || session_.at(contest).supervisor.has_lease()) return {};
  const Loss loss = loss_of(contest);
  return loss.what + loss.because;
}

bool JobReport::is_lost(std::size_t contest) const {
  return session_.at(contest).supervisor.outcome() == Outcome::kLost;
}

JobReport::Loss JobReport::loss_of(std::size_t contest) const {
  const Contest& c = session_.at(contest);
  const std::string where = session_.where(contest);
  if (c.supervisor.has_lease()) {
    return {where + ": the lease could not be renewed in time",
            c.failure.empty() ? "" : ": " + c.failure};
  }
  return {where + ": the lease was taken away",
          c.other.value.empty() ? "" : ": " + describe_holder(c.other)};
}

void JobReport::say(const std::string& text) {
  if (text.empty()) return;
  options_.verb == Options::Verb::kElect ? reporter_.warning(text) : reporter_.error(text);
}

}  // namespace cluster_leader
