#include "histories/candidate.h"

#include <signal.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "histories/world.h"

namespace cluster_leader::histories {

using Words = std::vector<std::string>;

namespace {

std::string in_ms(int ms) { return std::to_string(ms) + "ms"; }

Words options_of(Kind kind, const Plan& plan) {
  // So that a server that does not come back is a status of its own.
  constexpr const char* kLongerThanAHistory = "1m";
  switch (kind) {
    case Kind::kRun:
      return {};
    case Kind::kWait:
      return {"--wait", kLongerThanAHistory};
    case Kind::kElect:
      return {"--output", "none"};
    case Kind::kSticky:
      return {"--sticky"};
    case Kind::kMinHold:
      return {"--min-hold", in_ms(plan.hold_ms), "--wait", "2s"};
    case Kind::kOnceJoin:
      return {"--once", in_ms(plan.once_ms), "--join", "--wait", "5s"};
    case Kind::kSlots:
      return {"--slots", std::to_string(plan.slots), "--wait", kLongerThanAHistory};
    case Kind::kSupersede:
      return {"--supersede", "--wait", "5s"};
  }
  return {};
}

}  // namespace

Candidate::Candidate(int number, const Plan& plan, Program program, Words options,
                     std::string beats, std::string folder, Time start_at)
    : number_(number),
      plan_(plan),
      program_(program),
      options_(std::move(options)),
      beats_(std::move(beats)),
      folder_(std::move(folder)),
      start_at_(start_at) {}

std::string Candidate::result_file() const {
  return folder_ + "/result." + std::to_string(number_);
}

Words Candidate::command_line(const JobPlan& job, int run) const {
  const CandidatePlan& own = plan_.candidates[static_cast<std::size_t>(number_)];
  const std::string node = "n" + std::to_string(number_);
  Words words;
  if (program_ == Program::kNaive) {
    words = {test_program("naive"), options_[1], kKey, node, std::to_string(plan_.ttl_ms / 1000)};
  } else {
    words = {CLUSTER_LEADER_BINARY, own.kind == Kind::kElect ? "elect" : "run"};
    words.insert(words.end(), options_.begin(), options_.end());
    words.insert(words.end(), {"--key", kKey, "--node", node, "--ttl", in_ms(plan_.ttl_ms)});
    const Words more = options_of(own.kind, plan_);
    words.insert(words.end(), more.begin(), more.end());
    if (own.kind == Kind::kElect) {
      words.insert(words.end(), {"--on-exit", number_ % 2 == 0 ? "resign" : "restart"});
    } else {
      words.insert(words.end(), {"--result-file", result_file()});
    }
  }
  words.insert(words.end(), {"--", test_program("history_job"), beats_, std::to_string(run),
                             std::to_string(job.length_ms), std::to_string(job.status),
                             std::to_string(job.tree)});
  return words;
}

void Candidate::start(std::vector<Run>& runs, Time now) {
  const JobPlan job = plan_.job(number_, starts_++);
  run_ = static_cast<int>(runs.size());
  ::unlink(result_file().c_str());
  Run run;
  run.candidate = number_;
  run.kind = plan_.candidates[static_cast<std::size_t>(number_)].kind;
  run.job_status = job.status;
  run.started = now;
  runs.push_back(run);
  is_harmed = false;
  process_.emplace(Command(command_line(job, run_)).start());
}

void Candidate::turn(std::vector<Run>& runs, Time now) {
  if (!process_) {
    if (!is_ending_ && now >= start_at_) start(runs, now);
    return;
  }
  if (process_->running()) return;
  Run& run = runs[static_cast<std::size_t>(run_)];
  const Ended ended = process_->wait();
  run.ended = ended.at;
  run.status = ended.status();
  run.said = ended.err;
  const auto result =
      nlohmann::json::parse(content_of(result_file()), nullptr, /*allow_exceptions=*/false);
  if (result.is_object()) run.outcome = result.value("outcome", "");
  process_.reset();
  start_at_ =
      now + std::chrono::milliseconds(plan_.candidates[static_cast<std::size_t>(number_)].pause_ms);
}

void Candidate::tell_to_end(std::vector<Run>& runs) {
  is_ending_ = true;
  if (!process_ || !process_->running()) return;
  runs[static_cast<std::size_t>(run_)].was_told_to_end = true;
  process_->signal(SIGTERM);
}

}  // namespace cluster_leader::histories
