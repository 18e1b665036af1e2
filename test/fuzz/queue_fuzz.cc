// The queue of a key in a directory, which anybody may have written.
#include <chrono>

#include "fuzz/input.h"
#include "store/file/queue.h"

using namespace cluster_leader;
using namespace std::chrono_literals;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Moment moment{Time(1h), 1'700'000'000'000, "boot"};
  Queue queue = parse_queue(bytes(data, size), moment);
  const std::string text = format_queue(queue, moment);
  require(format_queue(parse_queue(text, moment), moment) == text,
          "what is written of a queue is read again", text);
  const HolderId holder{"web-1/1"};
  queue.sweep(moment.now);
  queue.woken(moment.now);
  queue.stand(holder, 10s, moment.now, moment.wall_ms);
  queue.pause_of(holder, {1s, 2s}, 10s);
  queue.note_free({{1}, moment.now, 0}, moment.now);
  queue.woken(moment.now);
  queue.serve(holder, moment.now);
  require(!queue.has(holder), "whoever is served waits no longer");
  return 0;
}
