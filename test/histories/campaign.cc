#include "histories/campaign.h"

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

namespace cluster_leader::histories {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A history takes at most about half of that.
constexpr Duration kLongest = seconds(60);

Command command_of(const CampaignSettings& settings, std::uint64_t seed,
                   const std::vector<int>& without) {
  std::vector<std::string> words = {settings.program,           "--topology",
                                    name_of(settings.topology), "--replay",
                                    std::to_string(seed),       "--json"};
  if (settings.candidates == Program::kNaive) words.emplace_back("--control");
  for (const int fault : without) {
    words.insert(words.end(), {"--without", std::to_string(fault)});
  }
  return Command(words);
}

/// The report of a history that has ended, which is its last line; nothing if it has none.
std::optional<Report> report_of(const Ended& ended) {
  try {
    const std::size_t end = ended.out.find_last_not_of('\n');
    if (end == std::string::npos) return std::nullopt;
    const std::size_t before = ended.out.rfind('\n', end);
    return report_from(ended.out.substr(before == std::string::npos ? 0 : before + 1));
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

Campaign::Campaign(const CampaignSettings& settings)
    : settings_(settings), began_(BootClock::now()) {
  for (int i = 0; i < settings.count; ++i) {
    seeds_.push_back(settings.from + static_cast<std::uint64_t>(i));
  }
  skip_what_is_logged();
}

void Campaign::skip_what_is_logged() {
  if (settings_.log.empty()) return;
  std::ifstream log(settings_.log);
  for (std::string line; std::getline(log, line);) {
    const Report report = report_from(line);
    const std::size_t before = seeds_.size();
    seeds_.remove(report.seed);
    if (seeds_.size() != before) total_.add(report);
  }
}

void Campaign::start(std::uint64_t seed) {
  ongoing_.push_back({seed, command_of(settings_, seed, {}).start()});
}

void Campaign::accept(const Report& report) {
  total_.add(report);
  if (!settings_.log.empty()) {
    std::ofstream(settings_.log, std::ios::app) << json_of(report) << '\n';
  }
  if (report.has_failed() && settings_.candidates == Program::kOurs) {
    std::cout << text_of(report) << std::flush;
  }
}

void Campaign::take(const Ongoing& one, const Ended& ended) {
  const auto report = report_of(ended);
  if (!report) {
    ++broken_;
    std::cout << "seed " << one.seed << " has no report: " << ended << std::endl;
    return;
  }
  if (report->is_conclusive()) return accept(*report);
  ++repeated_;
  seeds_.push_back(one.seed);
  if (!report->violations.empty()) {
    ++undecided_with_violations_;
    std::cout << text_of(*report) << std::flush;
  }
}

bool Campaign::run() {
  while (!ongoing_.empty() || !seeds_.empty()) {
    const Time now = BootClock::now();
    const bool may_begin = now < began_ + seconds(settings_.budget_s);
    if (!may_begin && ongoing_.empty()) break;
    if (may_begin && !seeds_.empty() &&
        ongoing_.size() < static_cast<std::size_t>(settings_.jobs)) {
      start(seeds_.front());
      seeds_.pop_front();
      continue;
    }
    for (auto it = ongoing_.begin(); it != ongoing_.end();) {
      if (it->process.running()) {
        ++it;
        continue;
      }
      take(*it, it->process.wait(kLongest));
      it = ongoing_.erase(it);
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  std::cout << total_.text() << "  repeated because the machine stalled for more than "
            << Report::kLongestStallMs << " ms: " << repeated_ << " (" << undecided_with_violations_
            << " with violations), not decided in time: " << seeds_.size()
            << ", broken: " << broken_ << std::endl;
  if (broken_ > 0) return false;
  if (total_.histories() * 2 < settings_.count) {
    std::cout << "the machine was too busy to decide at least half of them" << std::endl;
    return false;
  }
  return (total_.failed() > 0) == (settings_.candidates == Program::kNaive);
}

bool shrink(const CampaignSettings& settings, std::uint64_t seed, int tries) {
  const auto fails_without = [&](const std::vector<int>& faults) {
    for (int i = 0; i < tries; ++i) {
      const auto report = report_of(command_of(settings, seed, faults).run(kLongest));
      if (report && report->has_failed()) return true;
    }
    return false;
  };
  if (!fails_without({})) {
    std::cout << "seed " << seed << " did not fail in " << tries << " tries" << std::endl;
    return false;
  }
  const Plan plan = plan_of(settings.topology, seed);
  std::vector<int> left_out;
  for (int i = 0; i < static_cast<int>(plan.faults.size()); ++i) {
    std::vector<int> more = left_out;
    more.push_back(i);
    if (fails_without(more)) left_out = more;
  }
  std::cout << text_of(without(plan, left_out)) << "to repeat it: --replay " << seed;
  for (const int fault : left_out) std::cout << " --without " << fault;
  std::cout << std::endl;
  return true;
}

}  // namespace cluster_leader::histories
