#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "lease/backoff.h"
#include "supervise/terms.h"

namespace cluster_leader {

/// One term after the other, for any number of keys: campaigns again when a term is over, and
/// reports each change of leadership to the front.
class StandingTerms : public Terms {
 public:
  StandingTerms(const TermPolicy& policy, const Timeline& timeline, Session& session,
                KeeperLink& link, Reporter& reporter, Step step);

  void begin(Time now) override;
  void end_term(std::size_t campaign, const JobStatus& job, Time now) override;
  void obey(Order order, Time now) override;
  void update(Time now) override;
  bool has_unsent() const override { return unsent_.has_value(); }

 private:
  void campaign_again(std::size_t campaign, Time begin);
  void resign(bool also_before_the_first_request, Time now);
  void resume(Time now);
  bool is_last_term(std::size_t campaign, const JobStatus& job) const;
  void report_outage(std::size_t campaign);

  const TermPolicy& policy_;
  const Timeline& timeline_;
  KeeperLink& link_;
  Reporter& reporter_;
  Backoff backoff_;                    ///< for terms that were lost
  bool is_known_ = false;              ///< a server has accepted us
  bool suspended_ = false;             ///< no term begins until Order::kResume
  std::vector<bool> resumes_;          ///< by campaign: its next term begins without a pause
  std::optional<std::size_t> unsent_;  ///< the campaign whose change the link had no room for
  std::vector<bool> is_down_;          ///< by campaign
  int down_ = 0;                       ///< how many of them are down
};

}  // namespace cluster_leader
