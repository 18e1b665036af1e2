// URLs of servers and directories, and what messages show of them.
#include "fuzz/input.h"
#include "store/location.h"
#include "store/url.h"

using namespace cluster_leader;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string url(bytes(data, size));
  std::string fault;
  const std::optional<Location> location = parse_location(url, fault);
  require(location.has_value() == fault.empty(), "a URL is either read or refused", fault);
  require(fault.find('\n') == std::string::npos, "a fault is one line", fault);
  if (location) {
    const std::string shown = describe(*location);
    // It is without secrets, and otherwise the same place.
    const std::optional<Location> again = parse_location(shown, fault);
    require(again && describe(*again) == shown, "what is shown of a URL is a URL of that place",
            shown);
  }
  quoted_url(url);
  return 0;
}
