#include "supervise/leadership_message.h"

namespace cluster_leader {

LinkMessage leadership_message(const LeadershipNews& news) {
  LinkMessage message{};
  message.kind = LinkMessage::Kind::kElection;
  message.election.candidacy = static_cast<std::uint32_t>(news.campaign);
  message.election.state = static_cast<std::uint32_t>(news.leadership.state);
  message.election.token = news.leadership.token.value;
  message.election.good_until = news.good_until;
  message.election.ready_in = news.leadership.ready_in;
  message.set_words(news.leadership.holder.value);
  return message;
}

LeadershipNews leadership_news(const LinkMessage& message) {
  const auto& fields = message.election;
  return {fields.candidacy,
          {static_cast<ElectionState>(fields.state),
           {std::string(message.words())},
           {fields.token},
           fields.ready_in},
          fields.good_until};
}

}  // namespace cluster_leader
