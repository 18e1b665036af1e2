// What a keeper reports to its front about a key.
#include "fuzz/input.h"
#include "supervise/leadership_message.h"

using namespace cluster_leader;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(bytes(data, size));
  LeadershipNews news;
  news.campaign = input.number();
  news.leadership.state = static_cast<ElectionState>(input.number() % 6);
  news.leadership.token = Token{input.wide_number()};
  news.leadership.slot = input.number();
  news.leadership.ready_in = Duration(input.wide_number());
  news.good_until = Time(Duration(input.wide_number()));
  news.renewals = input.number();
  news.slowest_renewal = Duration(input.wide_number());
  const std::string words(input.rest());
  (is_answer(news.leadership.state) ? news.leadership.holder.value : news.leadership.reason) =
      words;

  const LinkMessage message = leadership_message(news);
  const LeadershipNews read = leadership_news(message);
  const Leadership& one = news.leadership;
  const Leadership& other = read.leadership;
  require(read.campaign == news.campaign && read.good_until == news.good_until &&
              read.renewals == news.renewals && read.slowest_renewal == news.slowest_renewal &&
              other.state == one.state && other.token == one.token && other.slot == one.slot &&
              other.ready_in == one.ready_in,
          "news arrive as they were sent");
  const std::string& arrived = is_answer(other.state) ? other.holder.value : other.reason;
  require(arrived == words.substr(0, message.text.size()),
          "at most the end of the words is cut off", arrived);
  return 0;
}
