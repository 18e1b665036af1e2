#include "commands/result_file.h"
namespace cluster_leader {
std::optional<std::string> write_result_file(const std::string&, const Options&, const Claim&,
                                             const RunEnding&) {
  return "not written yet";
}
}  // namespace cluster_leader
