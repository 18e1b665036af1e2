#include "process/keeper_link.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <new>

#include "base/errors.h"

namespace cluster_leader {
namespace {

using SharedTime = std::atomic<Duration::rep>;
static_assert(SharedTime::is_always_lock_free, "it is shared by two processes");

/// How much of a message is sent.
std::size_t size_of(const LinkMessage& message) {
  using Kind = LinkMessage::Kind;
  const bool has_more = message.kind == Kind::kElection || message.kind == Kind::kFailed;
  if (!has_more) return offsetof(LinkMessage, election);
  assert(message.text_size <= message.text.size());
  return offsetof(LinkMessage, text) + message.text_size;
}

}  // namespace

void LinkMessage::set_words(std::string_view words) {
  text_size = static_cast<std::uint16_t>(std::min(words.size(), text.size()));
  std::copy_n(words.begin(), text_size, text.begin());
}

KeeperLink::KeeperLink() {
  int ends[2];
  check_errno(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
              "socketpair");
  front_end_.reset(ends[0]);
  keeper_end_.reset(ends[1]);
  void* page = ::mmap(nullptr, sizeof(SharedTime), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw_errno("mmap");
  deadline_ = new (page) SharedTime(kNever.time_since_epoch().count());
}

KeeperLink::~KeeperLink() { ::munmap(deadline_, sizeof(SharedTime)); }

void KeeperLink::be_front() {
  fd_ = std::move(front_end_);
  keeper_end_.reset();
}

void KeeperLink::be_keeper() {
  fd_ = std::move(keeper_end_);
  front_end_.reset();
}

bool KeeperLink::send(const LinkMessage& message) {
  const ssize_t sent = ::send(fd_.get(), &message, size_of(message), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS);
}

std::optional<LinkMessage> KeeperLink::receive() {
  LinkMessage message;
  ssize_t got = 0;
  do {
    got = ::recv(fd_.get(), &message, sizeof message, MSG_DONTWAIT);
    // A peer that closes its end with messages unread resets the connection (unix(7) does not
    // mention it). That is reported once, before what the peer has sent, so its last word can still
    // be read.
  } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  if (got > 0) {
    assert(static_cast<std::size_t>(got) == size_of(message));
    return message;
  }
  if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) closed_ = true;
  return std::nullopt;
}

void KeeperLink::set_deadline(Time time) {
  const Duration::rep before = deadline_->exchange(time.time_since_epoch().count());
  // The front sleeps until the deadline that it last read, so only an earlier one must wake it.
  if (fd_ && time.time_since_epoch().count() < before) {
    send({LinkMessage::Kind::kDeadlineMoved, 0});
  }
}

Time KeeperLink::deadline() const { return Time(Duration(deadline_->load())); }

}  // namespace cluster_leader
