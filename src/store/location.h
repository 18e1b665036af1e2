#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lease/candidacy.h"
#include "store/registry.h"
#include "store/store.h"

namespace cluster_leader {

/// The login to a server.
struct Credentials {
  std::string user;      ///< empty: the default user
  std::string password;  ///< empty: none
  /// Path of a file whose first line, without its line break (LF or CRLF), is the password. It is
  /// read again for every connection, and takes precedence over `password` unless that line is
  /// empty. Empty: none.
  std::string password_file;
};

/// How to connect by TLS. All paths are of files in PEM format.
struct TlsSettings {
  std::string ca{};           ///< CAs to trust, a file or a hashed directory; empty: the system's
  std::string certificate{};  ///< our own, for servers that ask for one; empty: none
  std::string key{};          ///< of our certificate; empty: it is in the same file
  std::string server_name{};  ///< that the certificate must be for; empty: the host's name
  bool is_insecure = false;   ///< accept every certificate
};

/// A Redis or Valkey server on TCP or a Unix socket.
struct RedisLocation {
  std::string host = "redis";
  std::uint16_t port = 6379;
  std::string socket_path;  ///< of a Unix socket; takes precedence over host and port
  int db = 0;               ///< 0 or more
  Credentials credentials;
  std::optional<TlsSettings> tls{};  ///< nothing: without TLS
  /// A lease counts only once so many replicas of the server have it. See --min-replicas.
  int min_replicas = 0;
};

/// A host and port.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

/// The primary that Sentinels name.
struct SentinelLocation {
  std::vector<Endpoint> sentinels;  ///< one or more of them
  std::string monitor;              ///< the name that they give the primary
  Credentials credentials;          ///< for the Sentinels
  /// Its host and port are what the Sentinels say. If it has TLS, they have too.
  RedisLocation server;
};

/// The nodes of a Redis or Valkey cluster.
struct ClusterLocation {
  std::vector<Endpoint> nodes;  ///< one or more of them; the others are learnt from these
  RedisLocation node;           ///< each of them, except for its host and port; its database is 0
};

/// A directory on one machine (flock(2) and one record per key); no server.
struct FileLocation {
  std::string directory;  ///< absolute
};

/// Several independent servers, of which a majority decides: 3 or 5, and no two the same.
struct QuorumLocation {
  std::vector<RedisLocation> servers;
};

using Location =
    std::variant<RedisLocation, SentinelLocation, ClusterLocation, FileLocation, QuorumLocation>;

/// The part of a location that is about a server; null for a directory and for a quorum.
RedisLocation* server_of(Location& location);

/// `server` at `endpoint`.
RedisLocation at(RedisLocation server, const Endpoint& endpoint);

/// Reads `redis://[user[:password]@]host[:port][/db]` (`rediss://`: TLS; `valkey://` and
/// `valkeys://` mean the same), `redis+sentinel://[user[:password]@]host[:port][,...]/NAME[/db]`
/// (also `redis-sentinel://` and with the other three), `redis+cluster://` in the same
/// way without name and database, `unix:///path[?db=N]` (also
/// `unix://[user[:password]@]/path`) or `file:///directory`. User and password are percent-decoded;
/// a host may be an IPv6 address in brackets. `?db=N` may also follow a host. The names of other
/// parameters are added to `unknown`; without that, they are refused. On failure returns nothing
/// and sets `fault` to one line for people that quotes the URL, but not what may be a password.
std::optional<Location> parse_location(const std::string& url, std::string& fault,
                                       std::vector<std::string>* unknown = nullptr);

/// Whether `host` can be a host: letters, digits and . - _ as in a URL, or an IPv6 address.
bool is_host(const std::string& host);

/// `host:port`, with brackets around an IPv6 address.
std::string describe(const Endpoint& endpoint);

/// The location as a URL for messages, without any secret; the URLs of a quorum with blanks
/// between.
std::string describe(const Location& location);

/// A server in a few words: "web-1:6379", or the path of its socket.
std::string short_name(const RedisLocation& server);

/// A store at `location` for the candidacies of `candidate`; does no I/O yet.
std::unique_ptr<Store> open_store(const Location& location, const Candidate& candidate);

/// A registry at `location`, to inspect the leases of everybody; does no I/O yet.
std::unique_ptr<Registry> open_registry(const Location& location);

}  // namespace cluster_leader
