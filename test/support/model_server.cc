#include "support/model_server.h"

#include <algorithm>

namespace cluster_leader {

ModelServer ModelServer::parked_for(Node node) {
  ModelServer server;
  server.lock_ = kParked;
  server.parked_for_ = node;
  server.expires_in_ = kTtl;
  return server;
}

ModelServer ModelServer::used() {
  ModelServer server;
  server.fence_ = 1;
  return server;
}

ModelServer::Reply ModelServer::execute(const Request& request, int now) {
  switch (request.kind) {
    case RequestKind::kAcquire:
      return acquire(request, now);
    case RequestKind::kRenew:
      return renew(request);
    case RequestKind::kRelease:
      return release(request.id);
    case RequestKind::kFinish:
    case RequestKind::kVote:
    case RequestKind::kAdopt:
      break;
  }
  return finish(request);
}

ModelServer::Reply ModelServer::acquire(const Request& request, int now) {
  const int id = request.id;
  const bool is_parked_for_us = lock_ == kParked && parked_for_ == request.node;
  const bool is_own = lock_ == id || (lock_ == kFree && until_in_ > 0 && holder_ == id);
  if (!is_own && is_newly_promoted_) {
    is_newly_promoted_ = false;
    young_for_ = kTtl + 1;
  }
  if (lock_ != kFree && lock_ != id && !is_parked_for_us) return {Verdict::kBusy, fence_};
  if (lock_ == id && holder_ == id) {
    expires_in_ = until_in_ = kTtl;
    return {Verdict::kGranted, fence_};
  }
  if (lock_ == kFree && until_in_ > 0 && holder_ != id) return {Verdict::kBusy, fence_};
  if (!is_own && young_for_ > 0) return {Verdict::kYoung, fence_};
  if (!is_own && (fence_ < request.seen || request.barred)) return {Verdict::kSuspect, fence_};
  lock_ = holder_ = id;
  expires_in_ = until_in_ = kTtl;
  fence_ = std::max(fence_ + 1, now);
  return {Verdict::kGranted, fence_};
}

ModelServer::Reply ModelServer::renew(const Request& request) {
  const int id = request.id;
  if (lock_ != kFree && lock_ != id) return {Verdict::kLost};
  if (lock_ == kFree) {
    if (fence_ > request.token) return {Verdict::kLost};
    if (fence_ == request.token && (until_in_ == kReleased || holder_ != id)) {
      return {Verdict::kLost};
    }
  }
  lock_ = holder_ = id;
  expires_in_ = until_in_ = kTtl;
  fence_ = std::max(fence_, request.token);
  return {Verdict::kRenewed};
}

ModelServer::Reply ModelServer::release(int id) {
  if (lock_ == id || (lock_ == kFree && holder_ == id)) {
    lock_ = kFree;
    expires_in_ = 0;
    until_in_ = kReleased;
  }
  return {Verdict::kReleased};
}

ModelServer::Reply ModelServer::finish(const Request& request) {
  if (!request.holds) return release(request.id);
  if (lock_ == request.id || (lock_ == kFree && holder_ == request.id)) {
    lock_ = kHeld;
    expires_in_ = until_in_ = kHold;
  }
  return {Verdict::kReleased};
}

void ModelServer::tick() {
  if (expires_in_ > 0 && --expires_in_ == 0) lock_ = kFree;
  if (until_in_ > 0) --until_in_;
  if (young_for_ > 0) --young_for_;
}

void ModelServer::evict() {
  lock_ = kFree;
  expires_in_ = 0;
}

void ModelServer::promote(const ModelServer& copy) {
  *this = copy;
  is_newly_promoted_ = true;
}

void ModelServer::restart_from(const ModelServer& saved) {
  *this = saved;
  young_for_ = kTtl + 1;
}

}  // namespace cluster_leader
