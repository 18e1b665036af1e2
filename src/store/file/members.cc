#include "store/file/members.h"

#include "store/percent.h"

namespace cluster_leader {

namespace {

/// Not encoded: printable ASCII without the percent sign.
constexpr std::string_view kPrintable = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~";

}  // namespace

std::string printable(std::string_view bytes) { return percent_encode(bytes, kPrintable); }

std::optional<std::string> text_in(const nlohmann::ordered_json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return percent_decode(found->get_ref<const std::string&>());
}

std::optional<std::int64_t> integer_in(const nlohmann::ordered_json& object, const char* name,
                                       std::int64_t largest) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto value = found->get<std::uint64_t>();
  if (value > static_cast<std::uint64_t>(largest)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

}  // namespace cluster_leader
