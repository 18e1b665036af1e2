// Fault histories: see README.md in this folder.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <map>
#include <optional>

#include "histories/campaign.h"
#include "histories/checker.h"
#include "histories/history.h"
#include "histories/report.h"

namespace cluster_leader::histories {

namespace {

struct Settings {
  CampaignSettings campaign;
  std::optional<std::uint64_t> replay;
  std::optional<std::uint64_t> shrink;
  std::vector<int> without;
  bool is_control = false;
  bool prints_json = false;
};

void define(CLI::App& app, Settings& settings) {
  std::map<std::string, Topology> topologies;
  for (const Topology one : {Topology::kPlain, Topology::kTls, Topology::kFile, Topology::kQuorum,
                             Topology::kSentinel, Topology::kCluster}) {
    topologies[name_of(one)] = one;
  }
  app.add_option("--topology", settings.campaign.topology, "where the leases live")
      ->transform(CLI::CheckedTransformer(topologies));
  app.add_option("--from", settings.campaign.from, "the first seed");
  app.add_option("--count", settings.campaign.count, "how many histories");
  app.add_option("--jobs", settings.campaign.jobs, "how many run side by side");
  app.add_option("--budget", settings.campaign.budget_s, "begin none after so many seconds");
  app.add_option("--log", settings.campaign.log,
                 "append a line of JSON for each, and do not repeat those that are there");
  app.add_flag("--control", settings.is_control,
               "with a naive stand-in in place of cluster-leader, which must fail");
  app.add_option("--replay", settings.replay, "one history, with its plan");
  app.add_option("--without", settings.without, "leave out the fault with that number");
  app.add_flag("--json", settings.prints_json, "print the report of --replay as JSON");
  app.add_option("--shrink", settings.shrink, "find the faults that a failing history needs");
}

std::string in_ms(const Record& record, Time time) {
  return std::to_string(ceil_ms(time - record.began));
}

/// What has happened, with times in ms.
void print(const Record& record) {
  for (const Incident& one : record.incidents) {
    std::cout << "  " << in_ms(record, one.begin) << " to " << in_ms(record, one.end) << ": "
              << name_of(one.kind) << ", candidate " << one.candidate << ", run " << one.run
              << ", server " << one.server << '\n';
  }
  for (std::size_t i = 0; i < record.runs.size(); ++i) {
    const Run& run = record.runs[i];
    std::cout << "  run " << i << " of candidate " << run.candidate << ", " << name_of(run.kind)
              << ": " << in_ms(record, run.started) << " to "
              << (run.ended ? in_ms(record, *run.ended) : "the end") << ", status " << run.status
              << ' ' << run.outcome << '\n';
    for (const Life& life : record.lives) {
      if (life.run != static_cast<int>(i)) continue;
      std::cout << "    " << (life.is_main ? "job" : "descendant") << " with token " << life.token
                << " in slot " << life.slot << ": " << in_ms(record, life.first) << " to "
                << in_ms(record, life.last) << '\n';
    }
  }
}

int replay(const Settings& settings) {
  const Plan plan =
      without(plan_of(settings.campaign.topology, *settings.replay), settings.without);
  const Program program = settings.campaign.candidates;
  History history(plan, program);
  const Record record = history.run();
  Report report = report_of(record, check(record, program == Program::kOurs));
  report.seed = plan.seed;
  report.skipped = history.skipped();
  report.stall_ms = ceil_ms(history.stall());
  if (settings.prints_json) {
    std::cout << json_of(report) << std::endl;
    return 0;
  }
  std::cout << text_of(plan);
  print(record);
  std::cout << text_of(report) << std::flush;
  return report.violations.empty() ? 0 : 1;
}

int dispatch(int argc, char** argv) {
  CLI::App app("Lets faults happen to a key and those who want it, and checks what was promised.");
  Settings settings;
  define(app, settings);
  CLI11_PARSE(app, argc, argv);
  settings.campaign.program = "/proc/self/exe";
  if (settings.is_control) settings.campaign.candidates = Program::kNaive;
  if (settings.replay) return replay(settings);
  if (settings.shrink) return shrink(settings.campaign, *settings.shrink, 3) ? 0 : 1;
  return Campaign(settings.campaign).run() ? 0 : 1;
}

}  // namespace
}  // namespace cluster_leader::histories

int main(int argc, char** argv) {
  // Caught, so that what a history has started ends with it.
  try {
    return cluster_leader::histories::dispatch(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "histories: " << error.what() << '\n';
    return 2;
  }
}
