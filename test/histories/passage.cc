#include "histories/passage.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cassert>

#include "base/errors.h"
#include "support/loopback.h"

namespace cluster_leader::histories {

namespace {

/// How late a change of what is cut may be noticed.
constexpr int kTurnMs = 3;

}  // namespace

Passage::Passage(std::uint16_t server)
    : listener_(new_tcp_socket()),
      ended_(check_errno(::eventfd(0, EFD_CLOEXEC), "eventfd")),
      server_(server) {
  port_ = listen_at(listener_.get(), loopback(0));
  thread_ = std::thread([this] { run(); });
}

Passage::~Passage() {
  [[maybe_unused]] const int written = ::eventfd_write(ended_.get(), 1);
  assert(written == 0);  // or the thread would never end
  thread_.join();
}

void Passage::heal() {
  cut_requests_ = 0;
  cut_replies_ = 0;
  delay_ms_ = 0;
  loses_reply_ = false;
}

std::vector<Time> Passage::answers() const {
  const std::scoped_lock lock(mutex_);
  return answers_;
}

std::vector<Passage::Wait> Passage::slow_answers() const {
  const std::scoped_lock lock(mutex_);
  return slow_answers_;
}

void Passage::run() {
  for (;;) {
    std::vector<pollfd> polled = {{ended_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    bool is_something_held = false;
    for (const Connection& connection : open_) {
      // An end that was seen is not polled again.
      const short client = connection.requests.has_ended ? 0 : POLLIN;
      const short server = connection.replies.has_ended ? 0 : POLLIN;
      polled.push_back({client != 0 ? connection.client.get() : -1, client, 0});
      polled.push_back({server != 0 ? connection.server.get() : -1, server, 0});
      is_something_held = is_something_held || !connection.requests.parts.empty() ||
                          !connection.replies.parts.empty();
    }
    check_errno(::poll(polled.data(), polled.size(), is_something_held ? kTurnMs : -1), "poll");
    if (polled[0].revents != 0) return;
    auto events = polled.begin() + 2;
    for (auto it = open_.begin(); it != open_.end(); events += 2) {
      it = serve(*it, events[0].revents, events[1].revents) ? std::next(it) : open_.erase(it);
    }
    if (polled[1].revents != 0) accept();
  }
}

void Passage::accept() {
  UniqueFd client(
      check_errno(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
  send_at_once(client.get());
  Connection connection;
  connection.number = ++connections_;
  connection.server = new_tcp_socket();
  // A server that is down refuses at once.
  if (!connect_to(connection.server.get(), server_)) return;
  send_at_once(connection.server.get());
  connection.client = std::move(client);
  open_.push_back(std::move(connection));
}

/// Takes what one side has sent; false if the connection is to end at once.
bool Passage::receive(Connection& connection, bool from_client) {
  Stream& stream = from_client ? connection.requests : connection.replies;
  char buffer[65536];
  const ssize_t got = ::recv(from_client ? connection.client.get() : connection.server.get(),
                             buffer, sizeof buffer, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return true;
  if (got <= 0) {
    stream.has_ended = true;
    return true;
  }
  if (connection.number <= forget_up_to_) return true;
  if (from_client && !connection.asked) connection.asked = BootClock::now();
  if (!from_client && loses_reply_.exchange(false)) return false;
  stream.parts.push_back({BootClock::now() + std::chrono::milliseconds(delay_ms_),
                          std::string(buffer, static_cast<std::size_t>(got))});
  return true;
}

/// Hands over what is due; false if the receiver is gone.
bool Passage::deliver(Connection& connection, bool to_client, Time now) {
  if ((to_client ? cut_replies_ : cut_requests_) > 0) return true;
  Stream& stream = to_client ? connection.replies : connection.requests;
  while (!stream.parts.empty() && stream.parts.front().due <= now) {
    if (to_client) {
      const std::scoped_lock lock(mutex_);
      answers_.push_back(now);
      if (connection.asked && now - *connection.asked > kSlow) {
        slow_answers_.push_back({*connection.asked, now});
      }
      connection.asked.reset();
    }
    const std::string& bytes = stream.parts.front().bytes;
    const ssize_t sent = ::send(to_client ? connection.client.get() : connection.server.get(),
                                bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(bytes.size())) return false;
    stream.parts.pop_front();
  }
  return true;
}

/// One turn of a connection; false at its end.
bool Passage::serve(Connection& connection, short client_events, short server_events) {
  if (client_events != 0 && !receive(connection, true)) return false;
  if (server_events != 0 && !receive(connection, false)) return false;
  if (connection.number <= forget_up_to_) {
    connection.requests.parts.clear();
    connection.replies.parts.clear();
    // Each side may end its own half, and the other never hears of it.
    return !connection.requests.has_ended || !connection.replies.has_ended;
  }
  const Time now = BootClock::now();
  // What was sent before its sender closed the connection still arrives.
  if (!deliver(connection, false, now) && connection.replies.parts.empty()) return false;
  if (!deliver(connection, true, now)) return false;
  const bool client_is_done = connection.requests.has_ended && connection.requests.parts.empty();
  const bool server_is_done = connection.replies.has_ended && connection.replies.parts.empty();
  return !client_is_done && !server_is_done;
}

}  // namespace cluster_leader::histories
