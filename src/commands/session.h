#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "base/poller.h"
#include "commands/reporter.h"
#include "lease/supervisor.h"
#include "store/store.h"

namespace cluster_leader {

/// A supervisor with its store: carries out what concerns the store, and hands on what concerns the
/// job. It is carried through the fork of the keeper, after which the front destroys its copy.
class Session {
 public:
  /// `store` is null for a supervisor without a lease. `where` names the store in messages.
  Session(const Supervisor& supervisor, std::unique_ptr<Store> store, std::string where,
          Reporter& reporter);

  /// Tells the supervisor of `event`. Returns what is left to do: kStartJob, kStopJob, kKillJob,
  /// kFinish.
  Actions tell(const Event& event, Time now);

  void watch(Poller& poller);
  Time wake_at() const;
  /// Goes on with the store and the clock, once the poller has waited; returns as tell() does.
  Actions advance(const Poller& poller, Time now);

  const Supervisor& supervisor() const { return supervisor_; }
  /// The key and its server, for people.
  const std::string& where() const { return where_; }
  /// Why there is no answer, for people. Empty if the last request was answered.
  const std::string& failure() const { return failure_; }
  /// The node that holds the key instead of us, as the last answer had it; may be empty.
  const std::string& leader() const { return leader_; }
  /// The run that has ended instead of ours, if there is one.
  const std::optional<Done>& done() const { return done_; }
  std::uint32_t renewals() const { return renewals_; }
  Duration slowest_renewal() const { return slowest_renewal_; }

 private:
  void note(const Answer& answer, Time now);
  void note_no_answer();
  // A machine that has no descriptor to give fails a candidate. A holder has until its deadline:
  // such a request is one without an answer.
  void send(const Request& request, Time now);
  std::optional<Answer> advance_store(const Poller& poller, Time now);
  void note_exhaustion(const std::system_error& error);
  void say_who_is_waited_for();

  Supervisor supervisor_;
  std::unique_ptr<Store> store_;
  std::string where_;
  Reporter& reporter_;
  std::string failure_;
  std::string leader_;
  std::string waited_for_;  ///< whom we have named as the holder
  std::optional<Done> done_;
  std::uint32_t renewals_ = 0;
  Duration slowest_renewal_{};
};

}  // namespace cluster_leader
