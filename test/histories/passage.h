#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "histories/world.h"

namespace cluster_leader::histories {

/// The network between one candidate and one server: a port of 127.0.0.1 that leads to the
/// server's, and what can go wrong on the way. It does not look into the bytes, so that TLS passes
/// as well.
///
/// What is cut is not lost but held, as TCP would send it again: it arrives when the cut ends, also
/// if its sender has closed the connection in the meantime.
class Passage {
 public:
  explicit Passage(std::uint16_t server);
  ~Passage();
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  std::uint16_t port() const { return port_; }

  // Each cut is ended by one mend.
  void cut_requests() { ++cut_requests_; }
  void mend_requests() { --cut_requests_; }
  void cut_replies() { ++cut_replies_; }
  void mend_replies() { --cut_replies_; }
  /// From then on, what is sent on the connections that there are is lost, and they never end.
  void forget() { forget_up_to_ = connections_.load(); }
  /// The next reply on any connection is lost, and that connection ends.
  void lose_reply() { loses_reply_ = true; }
  /// Everything arrives that much later, in both directions.
  void delay(int ms) { delay_ms_ = ms; }
  /// No fault any more, except for connections that were forgotten.
  void heal();

  /// When something was handed to the candidate.
  std::vector<Time> answers() const;

  /// A request, and when the next bytes of a reply on its connection came.
  using Wait = World::Wait;
  /// Those that took longer than kSlow.
  std::vector<Wait> slow_answers() const;
  static constexpr Duration kSlow = std::chrono::milliseconds(50);

 private:
  /// One direction of a connection.
  struct Stream {
    struct Part {
      Time due;
      std::string bytes;
    };
    std::list<Part> parts;
    bool has_ended = false;  ///< nothing more comes from its sender
  };
  struct Connection {
    int number = 0;
    UniqueFd client;
    UniqueFd server;
    Stream requests;
    Stream replies;
    std::optional<Time> asked{};  ///< the oldest request that has had no reply
  };

  void run();
  void accept();
  bool receive(Connection& connection, bool from_client);
  bool deliver(Connection& connection, bool to_client, Time now);
  bool serve(Connection& connection, short client_events, short server_events);

  UniqueFd listener_;
  UniqueFd ended_;  ///< an eventfd
  std::uint16_t port_ = 0;
  const std::uint16_t server_;
  std::atomic<int> connections_ = 0;
  std::atomic<int> forget_up_to_ = 0;
  std::atomic<int> cut_requests_ = 0;
  std::atomic<int> cut_replies_ = 0;
  std::atomic<int> delay_ms_ = 0;
  std::atomic<bool> loses_reply_ = false;
  std::list<Connection> open_;  ///< the thread's
  mutable std::mutex mutex_;
  std::vector<Time> answers_;
  std::vector<Wait> slow_answers_;
  std::thread thread_;
};

}  // namespace cluster_leader::histories
