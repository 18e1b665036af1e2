#include "supervise/leadership_message.h"

namespace cluster_leader {

LinkMessage leadership_message(const LeadershipNews& news) {
  LinkMessage message{};
  message.kind = LinkMessage::Kind::kElection;
  message.election.candidacy = static_cast<std::uint32_t>(news.campaign);
  message.election.state = static_cast<std::uint32_t>(news.leadership.state);
  message.election.slot = news.leadership.slot;
  message.election.token = news.leadership.token.value;
  message.election.good_until = news.good_until;
  message.renewals = news.renewals;
  message.slowest_renewal = news.slowest_renewal;
  message.election.ready_in = news.leadership.ready_in;
  // Where somebody holds the key there is no reason.
  const bool has_holder = is_answer(news.leadership.state);
  message.set_words(has_holder ? news.leadership.holder.value : news.leadership.reason);
  return message;
}

LeadershipNews leadership_news(const LinkMessage& message) {
  const auto& fields = message.election;
  LeadershipNews news{fields.candidacy,
                      {static_cast<ElectionState>(fields.state),
                       {},
                       {fields.token},
                       fields.ready_in,
                       {},
                       fields.slot},
                      fields.good_until,
                      message.renewals,
                      message.slowest_renewal};
  std::string& words =
      is_answer(news.leadership.state) ? news.leadership.holder.value : news.leadership.reason;
  words = message.words();
  return news;
}

}  // namespace cluster_leader
