// What a server may send in reply to any of our commands. The first byte says after how many more
// the input is cut in two, as packets may be.
#include <hiredis.h>

#include <chrono>
#include <vector>

#include "fuzz/input.h"
#include "store/redis/info.h"
#include "store/redis/replies.h"
#include "store/redis/reply_reader.h"
#include "store/redis/slots.h"
#include "store/redis/view.h"

using namespace cluster_leader;

namespace {

void read(const redisReply& reply) {
  const Duration ttl = std::chrono::seconds(10);
  for (const RequestKind kind : {RequestKind::kAcquire, RequestKind::kRenew, RequestKind::kRelease,
                                 RequestKind::kFinish, RequestKind::kAdopt}) {
    answer_of(kind, reply, ttl);
  }
  failure_of_role(reply);
  is_incomplete(reply);
  is_ageless(reply);
  if (unmarked_in(reply)) says_was_replica(reply);
  noticed_in(reply);
  is_suspect(reply);
  is_newly_suspect(reply);
  sighting_in(reply);
  inspected_of({{"job-a"}, 0}, reply);
  const Endpoint asked{"127.0.0.1", 7000};
  lowest_slot_beside(0, slots_in(reply, asked));
  redirection_in(text_of(reply), asked);
  value_in(text_of(reply), "redis_version");
  milliseconds_in(text_of(reply));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(bytes(data, size));
  const std::size_t first = input.number();
  const std::string_view text = input.rest();
  const auto reader = ReplyReader::create();
  require(reader != nullptr, "there is memory");
  const std::size_t cut = std::min(first, text.size());
  for (const std::string_view part : {text.substr(0, cut), text.substr(cut)}) {
    reader->feed(part);
    while (const ReplyPtr reply = reader->next()) read(*reply);
  }
  return 0;
}
