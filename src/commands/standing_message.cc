#include "commands/standing_message.h"

namespace cluster_leader {

LinkMessage standing_message(std::size_t contest, const Leadership& leadership, Time good_until) {
  LinkMessage message{};
  message.kind = LinkMessage::Kind::kStanding;
  auto& news = message.standing;
  news.claim = static_cast<std::uint32_t>(contest);
  news.standing = static_cast<std::uint32_t>(leadership.standing);
  news.token = leadership.token.value;
  news.good_until = good_until;
  message.set_words(leadership.holder.value);
  return message;
}

StandingNews standing_news(const LinkMessage& message) {
  const auto& news = message.standing;
  return {news.claim,
          {static_cast<Standing>(news.standing), {std::string(message.words())}, {news.token}},
          news.good_until};
}

}  // namespace cluster_leader
