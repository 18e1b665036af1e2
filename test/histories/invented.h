#pragma once

#include "histories/record.h"

namespace cluster_leader::histories {

/// A history that did not happen, for tests of the checker: one server, a ttl of 1 s, and two
/// candidates whose answers arrive every 50 ms. Times are ms since its beginning.
class Invented {
 public:
  Invented() {
    record.ttl = std::chrono::milliseconds(1000);
    record.began = at(0);
    record.healed = at(5000);
    record.watched_until = at(20000);
    record.answers.resize(2);
    for (auto& of_candidate : record.answers) {
      of_candidate.resize(1);
      for (int ms = 0; ms <= 8000; ms += 50) of_candidate[0].push_back(at(ms));
    }
    // Somebody leads after the faults.
    lease(0, 9000, 5000, 5100);
  }

  static Time at(int ms) { return Time(std::chrono::hours(1) + std::chrono::milliseconds(ms)); }

  /// A run with a job that ended by itself, as seen by one process. Returns the index of the run.
  int lease(int candidate, std::int64_t token, int from_ms, int to_ms) {
    Run run;
    run.candidate = candidate;
    run.kind = Kind::kRun;
    run.started = at(from_ms - 10);
    run.ended = at(to_ms + 10);
    run.outcome = "ran";
    record.runs.push_back(run);
    const int number = static_cast<int>(record.runs.size()) - 1;
    Life life;
    life.run = number;
    life.token = token;
    life.is_main = true;
    life.finished = 0;
    life.first = at(from_ms);
    life.last = at(to_ms);
    record.lives.push_back(life);
    return number;
  }

  /// A run that has run nothing.
  int idle(int from_ms, int to_ms, int status) {
    Run run;
    run.candidate = 1;
    run.started = at(from_ms);
    run.ended = at(to_ms);
    run.status = status;
    record.runs.push_back(run);
    return static_cast<int>(record.runs.size()) - 1;
  }

  Run& run(int number) { return record.runs[static_cast<std::size_t>(number)]; }
  Life& life_of(int run) {
    for (Life& life : record.lives) {
      if (life.run == run) return life;
    }
    return record.lives.front();
  }

  /// That run lost its lease, so that its job was stopped.
  void lose(int number) {
    run(number).status = 79;
    life_of(number).finished.reset();
  }

  /// A descendant of the job of that run.
  void descendant(int of_run, int from_ms, int to_ms) {
    Life life = life_of(of_run);
    life.is_main = false;
    life.finished.reset();
    life.first = at(from_ms);
    life.last = at(to_ms);
    record.lives.push_back(life);
  }

  void fault(FaultKind kind, int from_ms, int to_ms, int run = -1, int amount_ms = 0,
             int candidate = -1) {
    Incident incident;
    incident.kind = kind;
    incident.begin = at(from_ms);
    incident.end = at(to_ms);
    incident.run = run;
    incident.amount_ms = amount_ms;
    incident.candidate = candidate;
    record.incidents.push_back(incident);
  }

  /// Nothing arrives at that candidate between these times.
  void silence(int candidate, int from_ms, int to_ms) {
    auto& times = record.answers[static_cast<std::size_t>(candidate)][0];
    std::erase_if(times, [&](Time time) { return time > at(from_ms) && time < at(to_ms); });
  }

  /// Three servers, which answer alike, in place of one.
  void become_quorum() {
    record.servers = 3;
    for (auto& of_candidate : record.answers) of_candidate.resize(3, of_candidate[0]);
  }

  Record record;
};

}  // namespace cluster_leader::histories
