#include "store/redis/info.h"

#include <algorithm>
#include <charconv>

namespace cluster_leader {

namespace {

/// The value in the line that begins with `name` and a colon; nothing if there is none.
std::optional<std::string_view> line_in(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    std::string_view line = info.substr(0, info.find('\n'));
    info.remove_prefix(std::min(info.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      return line.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> number_in(std::string_view info, std::string_view name) {
  const auto text = line_in(info, name);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  const char* const last = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), last, number);
  if (error != std::errc() || end != last || number < 0) return std::nullopt;
  return number;
}

}  // namespace

ServerFacts facts_in(std::string_view info) {
  ServerFacts facts;
  facts.version = value_in(info, "valkey_version");
  if (facts.version.empty()) facts.version = value_in(info, "redis_version");
  facts.run_id = value_in(info, "run_id");
  facts.role = value_in(info, "role");
  facts.uptime_s = number_in(info, "uptime_in_seconds");
  if (const auto on = number_in(info, "aof_enabled")) facts.has_append_file = *on != 0;
  facts.eviction = value_in(info, "maxmemory_policy");
  facts.max_memory = number_in(info, "maxmemory");
  facts.replicas = number_in(info, "connected_slaves");
  facts.good_replicas = number_in(info, "min_slaves_good_slaves");
  facts.replication_id = value_in(info, "master_replid");
  // Where the history of the former primary ends; -1 if there was none.
  facts.was_replica = number_in(info, "second_repl_offset").has_value();
  return facts;
}

std::string value_in(std::string_view info, std::string_view name) {
  return std::string(line_in(info, name).value_or(""));
}

std::optional<Duration> milliseconds_in(std::string_view setting) {
  std::int64_t ms = 0;
  const auto error = std::from_chars(setting.data(), setting.data() + setting.size(), ms).ec;
  constexpr std::int64_t kYear = 366LL * 86'400'000;
  if (error != std::errc() || ms <= 0 || ms >= kYear) return std::nullopt;
  return std::chrono::milliseconds(ms);
}

}  // namespace cluster_leader
