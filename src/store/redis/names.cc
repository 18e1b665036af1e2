#include "store/redis/names.h"

namespace cluster_leader {

namespace {

constexpr std::string_view kRecord = "cluster-leader:record:";
constexpr std::string_view kQueue = "cluster-leader:queue:";
constexpr std::string_view kEvents = "cluster-leader:events:";

/// `{KEY}` makes the whole key the tag. A key with a tag of its own follows unchanged after one
/// more colon: otherwise the key `{a}` would share its record with the key `a`.
std::string beside(std::string_view prefix, std::string_view key) {
  const bool own_tag = has_own_tag(key);
  std::string name;
  name.reserve(prefix.size() + key.size() + 2);
  name += prefix;
  name += own_tag ? ':' : '{';
  name += key;
  if (!own_tag) name += '}';
  return name;
}

}  // namespace

std::string record_name(const Key& key) { return beside(kRecord, key.value); }

std::optional<Key> key_of_record(std::string_view name) {
  if (!name.starts_with(kRecord)) return std::nullopt;
  std::string_view rest = name.substr(kRecord.size());
  if (rest.starts_with('{') && rest.ends_with('}')) rest.remove_suffix(1);
  if (rest.size() < 2 || rest.size() > 1 + kMaxKeyLength) return std::nullopt;
  Key key{std::string(rest.substr(1))};
  // Not every name of this form is the record of a key.
  if (key.value.find('\0') != key.value.npos || record_name(key) != name) return std::nullopt;
  return key;
}

std::string records_pattern(std::string_view prefix) {
  std::string pattern(kRecord);
  pattern += "[{:]";
  for (const char c : prefix) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern += '*';
}

std::string queue_name(const Key& key) { return beside(kQueue, key.value); }

std::string events_channel(const Key& key) { return beside(kEvents, key.value); }

std::string own_channel(const Candidacy& candidacy) {
  // Known to store/redis/scripts/queue.lua and evict.lua as well.
  return events_channel(candidacy.key) + ':' + candidacy.holder.value;
}

std::string waiters_channel(const Key& key) {
  // Known to store/redis/scripts/queue.lua as well. A holder id has a slash.
  return events_channel(key) + ":waiting";
}

std::string_view key_of_channel(std::string_view channel) {
  if (channel.size() < kEvents.size() + 2) return {};
  const bool own_tag = channel[kEvents.size()] == ':';
  channel.remove_prefix(kEvents.size() + 1);
  return own_tag ? channel : channel.substr(0, channel.size() - 1);
}

}  // namespace cluster_leader
