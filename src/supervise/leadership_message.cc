#include "supervise/leadership_message.h"

namespace cluster_leader {

LinkMessage leadership_message(const LeadershipNews& news) {
  LinkMessage message{};
  message.kind = LinkMessage::Kind::kStanding;
  message.standing.claim = static_cast<std::uint32_t>(news.campaign);
  message.standing.standing = static_cast<std::uint32_t>(news.leadership.standing);
  message.standing.token = news.leadership.token.value;
  message.standing.good_until = news.good_until;
  message.set_words(news.leadership.holder.value);
  return message;
}

LeadershipNews leadership_news(const LinkMessage& message) {
  const auto& fields = message.standing;
  return {fields.claim,
          {static_cast<Standing>(fields.standing), {std::string(message.words())}, {fields.token}},
          fields.good_until};
}

}  // namespace cluster_leader
