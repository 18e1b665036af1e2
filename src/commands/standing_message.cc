#include "commands/standing_message.h"

#include <algorithm>

namespace cluster_leader {

LinkMessage standing_message(std::size_t contest, const Leadership& leadership, Time good_until) {
  LinkMessage message{};
  message.kind = LinkMessage::Kind::kStanding;
  auto& news = message.standing;
  news.claim = static_cast<std::uint32_t>(contest);
  news.standing = static_cast<std::uint32_t>(leadership.standing);
  news.token = leadership.token.value;
  news.good_until = good_until;
  const std::string& holder = leadership.holder.value;
  const std::size_t size = std::min(holder.size(), news.holder.size());
  std::copy_n(holder.begin(), size, news.holder.begin());
  news.holder_size = static_cast<std::uint16_t>(size);
  return message;
}

StandingNews standing_news(const LinkMessage& message) {
  const auto& news = message.standing;
  return {news.claim,
          {static_cast<Standing>(news.standing),
           {std::string(news.holder.data(), news.holder_size)},
           {news.token}},
          news.good_until};
}

}  // namespace cluster_leader
