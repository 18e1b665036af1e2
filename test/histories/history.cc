#include "histories/history.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/errors.h"
#include "histories/recovery.h"
#include "lease/timeline.h"

namespace cluster_leader::histories {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// All at once would be a load of its own.
constexpr Duration kBetweenStarts = milliseconds(40);
constexpr Duration kTurn = milliseconds(3);
/// A process of a job beats that often, unless it is stopped or the machine stalls.
constexpr Duration kAlive = milliseconds(60);

void nap() { std::this_thread::sleep_for(kTurn); }

Time time_of(std::int64_t ns) { return Time(Duration(ns)); }

}  // namespace

History::History(const Plan& plan, Program program) : plan_(plan), world_(make_world(plan)) {
  const std::string path = folder_.write("beats", "");
  const UniqueFd file(check_errno(::open(path.c_str(), O_RDWR | O_CLOEXEC), "open"));
  check_errno(::ftruncate(file.get(), sizeof(Beats)), "ftruncate");
  void* const page =
      ::mmap(nullptr, sizeof(Beats), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (page == MAP_FAILED) throw_errno("mmap");
  beats_ = static_cast<Beats*>(page);
  candidates_.reserve(plan_.candidates.size());
  for (std::size_t i = 0; i < plan_.candidates.size(); ++i) {
    const int number = static_cast<int>(i);
    candidates_.emplace_back(number, plan_, program, world_->options(number), path, folder_.path(),
                             BootClock::now() + number * kBetweenStarts);
  }
  record_.topology = plan_.topology;
  record_.ttl = milliseconds(plan_.ttl_ms);
  record_.servers = world_->servers();
  for (const CandidatePlan& one : plan_.candidates) {
    Duration hold{};
    if (one.kind == Kind::kMinHold) hold = milliseconds(plan_.hold_ms);
    if (one.kind == Kind::kOnceJoin) hold = milliseconds(plan_.once_ms);
    if (one.kind == Kind::kSticky) hold = record_.ttl;
    record_.hold = std::max(record_.hold, hold);
  }
}

History::~History() {
  for (const auto& [number, one] : ongoing_) {
    for (const pid_t pid : one.stopped) ::kill(pid, SIGCONT);
  }
  beats_->over = 1;
  candidates_.clear();
  ::munmap(beats_, sizeof(Beats));
}

Record History::run() {
  record_.began = BootClock::now();
  until_faults_end();
  until_somebody_leads();
  end_candidates();
  record_.survivors = count_survivors();
  read_beats();
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    auto answers = world_->answers(static_cast<int>(i));
    if (!answers.empty()) record_.answers.push_back(std::move(answers));
  }
  // Whoever survived both of our processes.
  beats_->over = 1;
  return record_;
}

Duration History::stall() const {
  std::vector<World::Wait> waits = world_->slow_answers();
  std::erase_if(waits, [&](const World::Wait& wait) {
    return std::any_of(record_.incidents.begin(), record_.incidents.end(),
                       [&](const Incident& incident) {
                         return !is_of_process(incident.kind) && incident.begin <= wait.end &&
                                incident.end + record_.ttl / 2 >= wait.begin;
                       });
  });
  std::sort(waits.begin(), waits.end(),
            [](const World::Wait& a, const World::Wait& b) { return a.begin < b.begin; });
  Duration worst = stalls_.worst();
  // To connect takes several answers, each of which may be late: what counts is for how much of
  // that time somebody waited for one.
  for (auto from = waits.begin(); from != waits.end(); ++from) {
    const Time until = from->begin + Timeline::of(record_.ttl).connect;
    Duration waited{};
    Time seen = from->begin;
    for (auto wait = from; wait != waits.end() && wait->begin < until; ++wait) {
      waited += std::max(Duration::zero(), wait->end - std::max(seen, wait->begin));
      seen = std::max(seen, wait->end);
    }
    worst = std::max(worst, waited);
  }
  return worst;
}

void History::turn(Time now) {
  for (Candidate& candidate : candidates_) candidate.turn(record_.runs, now);
}

void History::until_faults_end() {
  std::vector<Step> steps;
  const Time over = record_.began + milliseconds(plan_.faults_end_ms);
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Time at = record_.began + milliseconds(plan_.faults[i].at_ms);
    const Time end = at + milliseconds(plan_.faults[i].length_ms);
    if (at >= over) continue;
    steps.push_back({at, i, false});
    steps.push_back({std::min(end, over), i, true});
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.at < b.at; });
  auto next = steps.begin();
  for (Time now = BootClock::now(); now < over || next != steps.end(); now = BootClock::now()) {
    turn(now);
    if (next != steps.end() && next->at <= now) {
      next->is_end ? end(next->fault) : begin(next->fault);
      ++next;
    } else {
      nap();
    }
  }
  world_->heal();
  record_.healed = BootClock::now();
}

void History::until_somebody_leads() {
  // Long enough to see how much too late somebody does.
  const Time latest = possible_again(record_) + record_.ttl + seconds(4);
  const Time earliest = record_.healed + milliseconds(200);
  bool is_led = false;
  for (Time now = BootClock::now(); now < earliest || (!is_led && now < latest);
       now = BootClock::now()) {
    turn(now);
    nap();
    for (std::size_t i = 0; i < cells() && !is_led; ++i) {
      is_led = time_of(beats_->cells[i].last_ns) > record_.healed;
    }
  }
  record_.watched_until = BootClock::now();
}

void History::end_candidates() {
  for (Candidate& candidate : candidates_) candidate.tell_to_end(record_.runs);
  const Time latest = BootClock::now() + seconds(10);
  const auto has_ended = [](const Candidate& candidate) { return candidate.has_ended(); };
  while (!std::all_of(candidates_.begin(), candidates_.end(), has_ended) &&
         BootClock::now() < latest) {
    turn(BootClock::now());
    nap();
  }
  for (Candidate& candidate : candidates_) candidate.give_up();
}

std::size_t History::cells() const { return std::min<std::size_t>(beats_->used, kCells); }

/// The first process of the run's job that is alive; nothing if it has none.
std::optional<pid_t> History::job_of(int run) const {
  const Time since = BootClock::now() - kAlive;
  for (std::size_t i = cells(); i-- > 0;) {
    const Cell& cell = beats_->cells[i];
    if (cell.run == run && cell.is_main == 1 && cell.finished == 0 && cell.first_ns != 0 &&
        time_of(cell.last_ns) > since) {
      return cell.pid;
    }
  }
  return std::nullopt;
}

/// A candidate that has a job; if there is none, that fault meets anybody.
int History::leader(std::size_t fault) const {
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (candidates_[i].run() >= 0 && job_of(candidates_[i].run())) return static_cast<int>(i);
  }
  return static_cast<int>(fault % candidates_.size());
}

void History::begin(std::size_t number) {
  Ongoing one;
  one.fault = plan_.faults[number];
  const FaultKind kind = one.fault.kind;
  const bool is_of_candidate = is_of_network(kind) || is_of_process(kind);
  if (is_of_candidate && one.fault.candidate == kLeader) one.fault.candidate = leader(number);
  one.incident.kind = kind;
  one.incident.begin = BootClock::now();
  one.incident.server = one.fault.server;
  one.incident.amount_ms = one.fault.amount_ms;
  if (is_of_candidate) one.incident.candidate = one.fault.candidate;
  const bool has_begun = is_of_process(kind) ? begin_at_process(one) : world_->begin(one.fault);
  if (has_begun) {
    ongoing_[number] = one;
  } else {
    ++skipped_;
  }
}

void History::end(std::size_t number) {
  const auto found = ongoing_.find(number);
  if (found == ongoing_.end()) return;
  Ongoing& one = found->second;
  is_of_process(one.fault.kind) ? end_at_process(one) : world_->end(one.fault);
  one.incident.end = BootClock::now();
  record_.incidents.push_back(one.incident);
  ongoing_.erase(found);
}

bool History::begin_at_process(Ongoing& one) {
  const FaultKind kind = one.fault.kind;
  Candidate& candidate = candidates_[static_cast<std::size_t>(one.fault.candidate)];
  if (candidate.run() < 0 || candidate.is_harmed) return false;
  one.incident.run = candidate.run();
  std::vector<pid_t> processes;
  if (kind == FaultKind::kStopJob || kind == FaultKind::kKillJob) {
    const auto job = job_of(one.incident.run);
    if (!job) return false;
    processes = {*job};
  } else {
    const pid_t keeper = candidate.keeper();
    const bool is_of_keeper = kind == FaultKind::kStopKeeper || kind == FaultKind::kKillKeeper;
    const bool is_of_both = kind == FaultKind::kStopBoth || kind == FaultKind::kKillBoth;
    if ((is_of_keeper || is_of_both) && keeper == 0) return false;
    if (!is_of_keeper) processes.push_back(candidate.front());
    if (is_of_keeper || is_of_both) processes.push_back(keeper);
    candidate.is_harmed = true;
  }
  const bool is_stop = kind == FaultKind::kStopFront || kind == FaultKind::kStopKeeper ||
                       kind == FaultKind::kStopJob || kind == FaultKind::kStopBoth;
  for (const pid_t pid : processes) ::kill(pid, is_stop ? SIGSTOP : SIGKILL);
  if (is_stop) one.stopped = processes;
  return true;
}

void History::end_at_process(const Ongoing& one) {
  // A process that has died meanwhile has left its number to nobody else yet: numbers are not used
  // again before all others were.
  for (const pid_t pid : one.stopped) ::kill(pid, SIGCONT);
  const bool is_of_job =
      one.fault.kind == FaultKind::kStopJob || one.fault.kind == FaultKind::kKillJob;
  Candidate& candidate = candidates_[static_cast<std::size_t>(one.fault.candidate)];
  const bool is_whole_again = !one.stopped.empty() && !is_of_job;
  if (is_whole_again && candidate.run() == one.incident.run) candidate.is_harmed = false;
}

/// How many processes of jobs still beat. The keeper of a front that was killed may need some time.
int History::count_survivors() const {
  int count = 0;
  for (const Time latest = BootClock::now() + record_.ttl; BootClock::now() < latest;) {
    std::vector<std::int64_t> before;
    for (std::size_t i = 0; i < cells(); ++i) before.push_back(beats_->cells[i].last_ns);
    std::this_thread::sleep_for(kAlive);
    count = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (beats_->cells[i].last_ns != before[i]) ++count;
    }
    if (count == 0) break;
  }
  return count;
}

void History::read_beats() {
  for (std::size_t i = 0; i < cells(); ++i) {
    const Cell& cell = beats_->cells[i];
    // Killed before its first beat.
    if (cell.first_ns == 0) continue;
    Life life;
    life.run = cell.run;
    life.slot = cell.slot;
    life.token = cell.token;
    life.pid = cell.pid;
    life.is_main = cell.is_main == 1;
    if (cell.finished > 0) life.finished = cell.finished - 1;
    life.first = time_of(cell.first_ns);
    life.last = time_of(cell.last_ns);
    record_.lives.push_back(life);
  }
}

}  // namespace cluster_leader::histories
