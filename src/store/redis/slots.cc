#include "store/redis/slots.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>

#include "store/redis/names.h"
#include "store/redis/replies.h"

namespace cluster_leader {

namespace {

/// CRC-16/XMODEM, bit by bit: a name is short.
std::uint16_t crc16(std::string_view bytes) {
  std::uint32_t crc = 0;
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(byte)) << 8U;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc << 1U) ^ ((crc & 0x8000U) != 0 ? 0x1021U : 0U);
    }
  }
  return static_cast<std::uint16_t>(crc);
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

bool is_slot(const redisReply& reply) {
  return reply.type == REDIS_REPLY_INTEGER && reply.integer >= 0 &&
         reply.integer < static_cast<long long>(kSlots);
}

/// A node whose host is not known is where the one is that was asked, as far as that can be known.
std::string host_or(std::string_view host, const Endpoint& asked) {
  return host.empty() || host == "?" ? asked.host : std::string(host);
}

/// The node in [host, port, id, ...].
std::optional<Endpoint> node_in(const redisReply& reply, const Endpoint& asked) {
  if (reply.elements < 2 || reply.element[1]->type != REDIS_REPLY_INTEGER) return std::nullopt;
  const long long port = reply.element[1]->integer;
  if (port <= 0 || port > 65535) return std::nullopt;
  Endpoint node{host_or(text_of(*reply.element[0]), asked), static_cast<std::uint16_t>(port)};
  if (!is_host(node.host)) return std::nullopt;
  return node;
}

}  // namespace

std::uint16_t slot_of(std::string_view key) {
  return static_cast<std::uint16_t>(crc16(hash_tag(key)) % kSlots);
}

std::string tag_for(std::uint16_t slot) {
  std::string tag;
  // About one number in 16,384 fits.
  for (std::uint32_t number = 0;; ++number) {
    tag = std::to_string(number);
    if (crc16(tag) % kSlots == slot) return '{' + tag + '}';
  }
}

std::vector<SlotRange> slots_in(const redisReply& reply, const Endpoint& asked) {
  std::vector<SlotRange> ranges;
  if (reply.type == REDIS_REPLY_ERROR) return ranges;
  for (std::size_t i = 0; i < reply.elements; ++i) {
    const redisReply& range = *reply.element[i];
    if (range.elements < 3 || !is_slot(*range.element[0]) || !is_slot(*range.element[1])) continue;
    const auto primary = node_in(*range.element[2], asked);
    if (!primary || range.element[0]->integer > range.element[1]->integer) continue;
    SlotRange found{.first = static_cast<std::uint16_t>(range.element[0]->integer),
                    .last = static_cast<std::uint16_t>(range.element[1]->integer),
                    .primary_id = {},
                    .primary = *primary,
                    .replicas = {}};
    if (range.element[2]->elements > 2) {
      found.primary_id = text_of(*range.element[2]->element[2]);
    }
    for (std::size_t node = 3; node < range.elements; ++node) {
      if (const auto replica = node_in(*range.element[node], asked)) {
        found.replicas.push_back(*replica);
      }
    }
    ranges.push_back(std::move(found));
  }
  return ranges;
}

const SlotRange* range_with(std::uint16_t slot, const std::vector<SlotRange>& ranges) {
  const auto found = std::find_if(ranges.begin(), ranges.end(), [&](const SlotRange& range) {
    return range.first <= slot && slot <= range.last;
  });
  return found == ranges.end() ? nullptr : &*found;
}

std::optional<std::uint16_t> lowest_slot_beside(std::uint16_t slot,
                                                const std::vector<SlotRange>& ranges) {
  const SlotRange* const owner = range_with(slot, ranges);
  if (owner == nullptr) return std::nullopt;
  std::uint16_t lowest = owner->first;
  for (const SlotRange& range : ranges) {
    const bool is_same = range.primary_id == owner->primary_id && range.primary == owner->primary;
    if (is_same) lowest = std::min(lowest, range.first);
  }
  return lowest;
}

std::optional<Redirection> redirection_in(std::string_view error, const Endpoint& asked) {
  Redirection result;
  if (error.starts_with("MOVED ")) {
    result.is_for_good = true;
    error.remove_prefix(6);
  } else if (error.starts_with("ASK ")) {
    error.remove_prefix(4);
  } else {
    return std::nullopt;
  }
  const std::size_t space = error.find(' ');
  // An IPv6 address has colons of its own, and no brackets.
  const std::size_t colon = error.rfind(':');
  if (space == error.npos || colon == error.npos || colon < space) return std::nullopt;
  const auto slot = number_in<std::uint16_t>(error.substr(0, space));
  const auto port = number_in<std::uint16_t>(error.substr(colon + 1));
  if (!slot || *slot >= kSlots || !port || *port == 0) return std::nullopt;
  const std::string host = host_or(error.substr(space + 1, colon - space - 1), asked);
  if (!is_host(host)) return std::nullopt;
  result.slot = *slot;
  result.node = {host, *port};
  return result;
}

}  // namespace cluster_leader
