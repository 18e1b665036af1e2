#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cluster_leader {

// The syntax of the URLs of servers and directories. What they mean is for store/location.h.

/// A URL in its parts, still percent-encoded. A part that is absent is empty.
struct Url {
  std::string scheme;  ///< in lower case
  std::string_view userinfo, host, path, query;
  bool has_userinfo = false;
  bool has_query = false;
};

/// Splits `text`, which must outlive `url`. If it is not a URL, returns false and sets `fault`.
bool split_url(std::string_view text, Url& url, std::string& fault);

/// What a scheme says, such as `rediss+sentinel`, in which `valkey` means the same as `redis`, and
/// `-` the same as `+`.
struct ServerScheme {
  enum class Kind : std::uint8_t { kOne, kSentinels, kCluster };
  Kind kind = Kind::kOne;
  bool has_tls = false;
};
/// Nothing if `scheme` is not that of servers.
std::optional<ServerScheme> server_scheme(std::string_view scheme);

/// Decodes a part of a URL. If that is not possible, returns false and sets `fault`.
bool decode_url_part(std::string_view part, std::string& to, std::string& fault);

/// The whole of `text` as a number from 0 to `largest`, digits only.
std::optional<int> number_in_url(std::string_view text, int largest);

/// Whether all of it may be in the name of a host, and it is not too long for one.
bool is_host_name(std::string_view host);

/// `url` for messages. With one wrong character any part of a URL may be the password, so that no
/// more of it is shown than what is in order.
std::string quoted_url(std::string_view url);

/// Sets `fault`, which goes on from the quoted URL, and is false, so that a reader can end with it.
bool refuse_url(std::string& fault, std::string_view why);

}  // namespace cluster_leader
