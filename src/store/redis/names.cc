#include "store/redis/names.h"

#include <charconv>

namespace cluster_leader {

namespace {

constexpr std::string_view kRecord = "cluster-leader:record:";
// Known to the scripts as well.
constexpr std::string_view kSlotRecord = "cluster-leader:slot-record:";
constexpr std::string_view kSlotLock = "cluster-leader:slot:";
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

std::string lock_name(const Key& key, std::uint32_t slot) {
  return slot == 0 ? key.value : beside(kSlotLock, key.value) + ':' + std::to_string(slot);
}

std::string record_name(const Key& key, std::uint32_t slot) {
  if (slot == 0) return beside(kRecord, key.value);
  return beside(kSlotRecord, key.value) + ':' + std::to_string(slot);
}

std::optional<LeaseName> lease_of_record(std::string_view name) {
  const bool is_first = name.starts_with(kRecord);
  if (!is_first && !name.starts_with(kSlotRecord)) return std::nullopt;
  std::string_view rest = name.substr((is_first ? kRecord : kSlotRecord).size());
  LeaseName lease;
  if (!is_first) {
    const std::size_t colon = rest.rfind(':');
    if (colon == rest.npos) return std::nullopt;
    const std::string_view digits = rest.substr(colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), lease.slot);
    if (lease.slot == 0 || lease.slot >= kMaxSlots) return std::nullopt;
    rest = rest.substr(0, colon);
  }
  if (rest.starts_with('{') && rest.ends_with('}')) rest.remove_suffix(1);
  if (rest.size() < 2 || rest.size() > 1 + kMaxKeyLength) return std::nullopt;
  lease.key.value = rest.substr(1);
  // Not every name of this form is the record of a key.
  const bool has_nul = lease.key.value.find('\0') != std::string::npos;
  if (has_nul || record_name(lease.key, lease.slot) != name) return std::nullopt;
  return lease;
}

std::string records_pattern(std::string_view prefix) {
  std::string pattern = "cluster-leader:*record:[{:]";
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
  // Known to queue.lua and line.lua in store/redis/scripts as well. A holder id has a slash.
  return events_channel(key) + ":waiting";
}

std::string_view key_of_channel(std::string_view channel) {
  if (channel.size() < kEvents.size() + 2) return {};
  const bool own_tag = channel[kEvents.size()] == ':';
  channel.remove_prefix(kEvents.size() + 1);
  return own_tag ? channel : channel.substr(0, channel.size() - 1);
}

}  // namespace cluster_leader
