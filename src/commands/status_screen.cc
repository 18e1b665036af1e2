#include "commands/status_screen.h"

#include "commands/lease_text.h"
#include "commands/status.h"
#include "report/fitted_table.h"

namespace cluster_leader {

namespace {

using State = LeaseView::State;

enum Column : std::size_t {
  kKey,
  kState,
  kLeader,
  kSince,
  kRemaining,
  kWaiters,
  kLastRun,
  kLabel,
  kProcess,
  kToken
};

/// What a narrow terminal does without, the least important first.
const std::vector<Saving> kSavings = {{kToken, 0}, {kProcess, 12},  {kLabel, 12},  {kProcess, 0},
                                      {kLabel, 0}, {kRemaining, 0}, {kKey, 24},    {kLeader, 12},
                                      {kSince, 0}, {kKey, 16},      {kLeader, 8},  {kLastRun, 12},
                                      {kKey, 8},   {kLastRun, 0},   {kWaiters, 0}, {kLeader, 0}};

/// "2 for 35s", as long as the first of them
std::string waiters_of(const LeaseView& view, std::int64_t now_ms) {
  if (!view.waiters || *view.waiters == 0) return "";
  const std::string since = time_since(view.waiting_since_ms, now_ms);
  return std::to_string(*view.waiters) + (since.empty() ? "" : " for " + since);
}

/// "ok 4m ago on web-1", "failed (3) 4m ago on web-1"
Cell last_run_of(const LeaseView& view, std::int64_t now_ms) {
  if (!view.last_run) return {};
  const EndedRun& run = *view.last_run;
  const bool is_ok = run.result.status == 0;
  const std::string age = age_of(run.result.finished_ms, now_ms);
  return {(is_ok ? "ok" : "failed (" + std::to_string(run.result.status) + ')') +
              (age.empty() ? "" : ' ' + age) + " on " + run.node,
          is_ok ? Paint::kGreen : Paint::kRed};
}

std::vector<Cell> row_of(const Options& options, const LeaseView& view, std::int64_t now_ms,
                         bool has_slots) {
  const bool held = has_holder(view);
  const std::string slot = has_slots ? " [" + std::to_string(view.slot) + ']' : "";
  return {{name_of(options, view) + slot, Paint::kBold},
          {state_name(view.state), paint_of(view.state)},
          {held ? view.node : ""},
          {held ? age_of(view.since_ms, now_ms) : ""},
          {view.remaining ? short_duration(*view.remaining) : ""},
          {waiters_of(view, now_ms), Paint::kYellow},
          last_run_of(view, now_ms),
          view.fault.empty() ? Cell{held ? view.label : ""} : Cell{view.fault, Paint::kRed},
          {process_of(view), Paint::kFaint},
          {view.token == Token{} ? "" : std::to_string(view.token.value), Paint::kFaint}};
}

}  // namespace

Paint paint_of(State state) {
  switch (state) {
    case State::kHeld:
      return Paint::kGreen;
    case State::kParked:
    case State::kCoolingDown:
    case State::kVanished:
      return Paint::kYellow;
    case State::kForeign:
      return Paint::kRed;
    case State::kFree:
    case State::kDone:
      break;
  }
  return Paint::kFaint;
}

std::string status_screen(const Options& options, const std::vector<LeaseView>& views,
                          std::int64_t now_ms, std::size_t width, bool coloured) {
  if (views.empty()) return "no key is in use\n";
  std::vector<std::vector<Cell>> rows(1);
  for (const char* title : {"KEY", "STATE", "LEADER", "SINCE", "REMAINING", "WAITERS", "LAST RUN",
                            "LABEL", "HOST:PID", "TOKEN"}) {
    rows[0].push_back({title, Paint::kFaint});
  }
  const bool has_slots = have_slots(views);
  for (const LeaseView& view : views) rows.push_back(row_of(options, view, now_ms, has_slots));
  return fitted_table(std::move(rows), kSavings, width, coloured);
}

}  // namespace cluster_leader
