#pragma once

#include "base/clock.h"

namespace cluster_leader {

/// For how long a connection may be relied on. The name of a server may lead to another one by now,
/// or its load balancer to another backend; the old server goes on answering over the old
/// connection, and would let us lead there for ever while others lead on the new one. So a holder
/// finds out over a new connection, every 0.3 ttl, whether it still leads to the same server, and
/// renews on the new one a heartbeat later: half a ttl after the change. A server that has just
/// taken over grants nobody else's lease for a ttl and 1 s (Young). A candidate's grant counts only
/// if the name led to that server when it was made.
class Freshness {
 public:
  /// `ttl` is the ttl of the candidate. Nothing is confirmed yet.
  explicit Freshness(Duration ttl) : interval_(ttl * 3 / 10), pause_(ttl / 10) {}

  /// The connection leads to where the name led at `asked_at`, when the lookup of the name began.
  void confirm(Time asked_at);
  /// The name still has the address of the connection. That is enough for a holder.
  void confirm_address(Time asked_at);
  /// That could not be found out, so it is tried again a little later. The holder goes on with the
  /// connection that it has: a dead name server must not cost a lease.
  void fail(Time now) { not_before_ = now + pause_; }

  /// A renewal is sent, so the connection must be checked in time.
  void expect_check();
  /// A check has begun, or nobody needs one.
  void forget_check() { check_at_ = kNever; }
  /// When a check must begin; kNever if no lease needs one.
  Time check_at() const { return check_at_; }

  /// Whether a grant that arrived at `granted_at` counts. If not, it may still after a check that
  /// begins after it.
  bool counts(Time granted_at) const;

 private:
  Duration interval_;
  Duration pause_;
  Time confirmed_at_;
  Time checked_at_;
  Time not_before_;
  Time check_at_ = kNever;
};

}  // namespace cluster_leader
