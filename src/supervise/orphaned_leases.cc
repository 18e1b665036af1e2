#include "supervise/orphaned_leases.h"

#include <algorithm>
#include <memory>
#include <system_error>

#include "base/poller.h"
#include "store/store.h"

namespace cluster_leader {

void release_orphans(const Location& location, const Candidate& candidate,
                     const std::vector<OrphanedLease>& leases, Duration patience) {
  if (leases.empty()) return;
  try {
    Poller poller;
    const std::unique_ptr<Store> store = open_store(location, candidate);
    const Time begin = BootClock::now();
    const Time latest = begin + patience;
    for (const OrphanedLease& lease : leases) {
      const std::size_t candidacy = store->add(lease.key);
      store->set_holder(candidacy, lease.holder);
      const Request finish{
          .kind = RequestKind::kFinish, .attempt = 1, .token = lease.token, .slot = lease.slot};
      store->send(candidacy, finish, begin);
    }
    std::size_t open = leases.size();
    for (Time now = begin; now < latest && open > 0;) {
      store->watch(poller);
      now = poller.wait(std::min(latest, store->wake_at()));
      store->advance(poller, now);
      while (const auto event = store->next()) {
        if (std::holds_alternative<Answered>(event->what)) --open;
      }
    }
  } catch (const std::system_error&) {
    // There is no descriptor for a poller, so the leases end with their ttl.
  }
}

}  // namespace cluster_leader
