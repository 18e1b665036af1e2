#include "report/state_lines.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/one_line.h"
#include "base/wall_time.h"
#include "report/json_members.h"

namespace cluster_leader {

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

const char* state_name(ElectionState state) {
  switch (state) {
    case ElectionState::kLeader:
      return "leader";
    case ElectionState::kFollower:
      return "follower";
    case ElectionState::kDown:
      return "down";
    case ElectionState::kStarting:
      return "starting";
    case ElectionState::kNone:
    case ElectionState::kUnknown:
      break;
  }
  return "none";
}

StateLines::StateLines(Format format, std::string node, std::vector<std::string> keys,
                       bool are_shared, int fd)
    : format_(format),
      node_(std::move(node)),
      keys_(std::move(keys)),
      are_shared_(are_shared),
      fd_(fd),
      unwritten_(keys_.size()) {}

void StateLines::add(std::size_t index, const Leadership& leadership) {
  if (format_ == Format::kNone || reader_gone_) return;
  if (unwritten_[index].empty()) order_.push_back(index);
  unwritten_[index] = line(index, leadership);
}

std::string StateLines::line(std::size_t index, const Leadership& leadership) const {
  const std::string time = iso_8601_utc(wall_clock_ms());
  const std::string state = state_name(leadership.state);
  const std::string& key = keys_[index];
  const std::string leader = node_of(leadership.holder.value);
  const bool is_starting = leadership.state == ElectionState::kStarting;
  const bool is_leader = leadership.state == ElectionState::kLeader;
  if (format_ == Format::kText) {
    std::string more;
    if (leadership.state == ElectionState::kFollower && !leader.empty()) more = " of " + leader;
    if (is_leader && are_shared_) more = " in slot " + std::to_string(leadership.slot);
    if (is_starting)
      more = " ready in " +
             std::to_string(std::chrono::ceil<std::chrono::seconds>(leadership.ready_in).count()) +
             " s";
    return one_line(time + ' ' + key + ' ' + state + more) + '\n';
  }
  const Json object = {
      {"time", time},
      {"key", key},
      {"state", state},
      {"node", node_},
      {"holder", text_or_null(leadership.holder.value)},
      {"token", leadership.token == Token{} ? Json() : Json(leadership.token.value)},
      {"slot", is_leader ? Json(leadership.slot) : Json()},
      {"leader", text_or_null(leader)},
      {"ready_in_ms", is_starting ? Json(ceil_ms(leadership.ready_in)) : Json()},
      {"reason", is_answer(leadership.state) ? Json() : text_or_null(leadership.reason)},
  };
  return object.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + '\n';
}

void StateLines::watch(Poller& poller) const {
  // POLLHUP and POLLERR are reported without being asked for.
  if (!reader_gone_) poller.watch(fd_, has_unwritten() ? POLLOUT : short{0});
}

void StateLines::advance(const Poller& poller) {
  if ((poller.ready(fd_) & (POLLERR | POLLHUP)) != 0) reader_gone_ = true;
  write();
}

void StateLines::write() {
  while (!reader_gone_ && has_unwritten() && has_room()) {
    if (rest_.empty()) {
      rest_ = std::exchange(unwritten_[order_.front()], {});
      order_.pop_front();
    }
    if (!write_rest()) return;
  }
}

bool StateLines::has_room() const {
  pollfd room{fd_, POLLOUT, 0};
  return ::poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0;
}

/// False if the reader does not take the whole line now. This does not block: stdout is shared with
/// others and is never made non-blocking, but a pipe that has room takes PIPE_BUF bytes at once,
/// which is enough for every line without absurdly long names.
bool StateLines::write_rest() {
  const ssize_t written = ::write(fd_, rest_.data(), std::min<std::size_t>(rest_.size(), PIPE_BUF));
  if (written < 0 && errno != EINTR && errno != EAGAIN) reader_gone_ = true;
  if (written < 0) return false;
  rest_.erase(0, static_cast<std::size_t>(written));
  return true;
}

}  // namespace cluster_leader
