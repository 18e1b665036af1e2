#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cluster_leader {

/// `bytes` with %XX for every byte but ASCII letters, digits and those in `kept`.
std::string percent_encode(std::string_view bytes, std::string_view kept);

/// The bytes that `text` encodes; nothing if a % is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace cluster_leader
