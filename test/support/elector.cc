#include "support/elector.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

namespace cluster_leader {

namespace {

using Json = nlohmann::ordered_json;

template <typename T>
T value_or(const Json& value, T null) {
  return value.is_null() ? null : value.get<T>();
}

/// From the time of a line that says "leader" to that of the next line with another state.
struct Reign {
  std::int64_t token;
  std::int64_t begin_ms;
  std::int64_t end_ms;
};

}  // namespace

StateLine StateLine::parse(const std::string& text) {
  StateLine line;
  line.text = text;
  try {
    const Json object = Json::parse(text);
    const char* const names[] = {"time",  "key",  "state",  "node",        "holder",
                                 "token", "slot", "leader", "ready_in_ms", "reason"};
    if (object.size() != std::size(names)) ADD_FAILURE() << "unexpected members: " << text;
    line.time = object.at("time");
    line.key = object.at("key");
    line.state = object.at("state");
    line.node = object.at("node");
    line.holder = value_or<std::string>(object.at("holder"), "");
    line.token = value_or<std::int64_t>(object.at("token"), 0);
    line.leader = value_or<std::string>(object.at("leader"), "");
    const std::set<std::string> states = {"leader", "follower", "none", "down", "starting"};
    if (!states.contains(line.state)) ADD_FAILURE() << "unknown state: " << text;
    const bool leads = line.state == "leader";
    EXPECT_EQ(leads, object.at("slot").is_number()) << text;
    // Where several lead, a follower knows none of them.
    EXPECT_TRUE(leads == !line.holder.empty() || line.state == "follower") << text;
    EXPECT_EQ(line.holder.empty(), line.leader.empty()) << text;
    EXPECT_EQ(line.state == "starting", object.at("ready_in_ms").is_number()) << text;
    const bool has_reason = line.state == "starting" || line.state == "down";
    EXPECT_EQ(has_reason, object.at("reason").is_string()) << text;
  } catch (const Json::exception& error) {
    ADD_FAILURE() << error.what() << " in: " << text;
  }
  return line;
}

std::int64_t StateLine::at_ms() const {
  tm fields{};
  int ms = 0;
  char end = 0;
  const int read =
      std::sscanf(time.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c", &fields.tm_year, &fields.tm_mon,
                  &fields.tm_mday, &fields.tm_hour, &fields.tm_min, &fields.tm_sec, &ms, &end);
  if (read != 8 || end != 'Z') ADD_FAILURE() << "not a time: " << time;
  fields.tm_year -= 1900;
  fields.tm_mon -= 1;
  return std::int64_t{::timegm(&fields)} * 1000 + ms;
}

Command Elector::command(const Words& options, const Words& job) {
  const auto is_key = [](const std::string& word) { return word.starts_with("--key"); };
  Words argv = {CLUSTER_LEADER_BINARY, "elect"};
  if (std::none_of(options.begin(), options.end(), is_key))
    argv.insert(argv.end(), {"--key", kKey});
  argv.insert(argv.end(), options.begin(), options.end());
  if (!job.empty()) argv.emplace_back("--");
  argv.insert(argv.end(), job.begin(), job.end());
  return Command(std::move(argv));
}

Elector::Elector(const Words& options, const Words& job) : Elector(command(options, job)) {}

Elector::Elector(const Command& command) : process_(command.start()) {}

Ended Elector::stop() {
  signal(SIGTERM);
  return process_.wait();
}

pid_t Elector::keeper() const {
  pid_t keeper = 0;
  EXPECT_TRUE(eventually([&] { return (keeper = process_.child()) > 0; })) << transcript();
  return keeper;
}

void Elector::forget() {
  if (!lines().empty()) lines_.erase(lines_.begin(), lines_.end() - 1);
}

const std::vector<StateLine>& Elector::lines() const {
  const std::string out = process_.out();
  for (std::size_t end = 0; (end = out.find('\n', read_)) != out.npos; read_ = end + 1) {
    lines_.push_back(StateLine::parse(out.substr(read_, end - read_)));
  }
  return lines_;
}

Elector::Words Elector::states(const std::string& key) const {
  Words states;
  for (const StateLine& line : lines()) {
    if (line.key == key) states.push_back(line.state);
  }
  return states;
}

StateLine Elector::last(const std::string& key) const {
  const auto& all = lines();
  const auto found =
      std::find_if(all.rbegin(), all.rend(), [&](const auto& line) { return line.key == key; });
  if (found != all.rend()) return *found;
  ADD_FAILURE() << "no line about " << key;
  return {};
}

int Elector::count(const std::string& state) const {
  std::set<std::string> in_it;
  for (const StateLine& line : lines()) {
    if (line.state == state) {
      in_it.insert(line.key);
    } else {
      in_it.erase(line.key);
    }
  }
  return static_cast<int>(in_it.size());
}

bool Elector::is(const std::string& state, const std::string& key) const {
  return eventually([&] {
    const Words all = states(key);
    return !all.empty() && all.back() == state;
  });
}

bool Elector::says(const Words& wanted, const std::string& key) const {
  return eventually([&] { return states(key) == wanted; });
}

bool Elector::follows(const std::string& holder, const std::string& key) const {
  return eventually([&] {
    const Words all = states(key);
    return !all.empty() && all.back() == "follower" && last(key).holder == holder;
  });
}

std::string fault_in(const std::vector<const Elector*>& electors, const std::string& key) {
  std::vector<Reign> reigns;
  for (const Elector* elector : electors) {
    bool leads = false;
    for (const StateLine& line : elector->lines()) {
      if (line.key != key) continue;
      if (leads) reigns.back().end_ms = line.at_ms();
      leads = line.state == "leader";
      if (leads) reigns.push_back({line.token, line.at_ms(), INT64_MAX});
    }
  }
  std::sort(reigns.begin(), reigns.end(),
            [](const Reign& a, const Reign& b) { return a.begin_ms < b.begin_ms; });
  for (std::size_t i = 1; i < reigns.size(); ++i) {
    const std::string which =
        std::to_string(reigns[i - 1].token) + " and " + std::to_string(reigns[i].token);
    if (reigns[i].begin_ms < reigns[i - 1].end_ms) return "two led at once: tokens " + which;
    if (reigns[i].token <= reigns[i - 1].token) return "tokens that did not rise: " + which;
  }
  return {};
}

}  // namespace cluster_leader
