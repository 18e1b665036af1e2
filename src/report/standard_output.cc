#include "report/standard_output.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "process/descriptors.h"

namespace cluster_leader {

void prepare_standard_descriptors() {
  fill_standard_descriptors();
  ::signal(SIGPIPE, SIG_IGN);
  // Sent for a file that may not grow (setrlimit(2)); the write fails as well, and says so.
  ::signal(SIGXFSZ, SIG_IGN);
}

bool print(const std::string& text, Reporter& reporter) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const ssize_t written = ::write(STDOUT_FILENO, at, static_cast<std::size_t>(end - at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      reporter.error(std::string("cannot write to standard output: ") + std::strerror(errno));
      return false;
    }
    at += written;
  }
  return true;
}

}  // namespace cluster_leader
