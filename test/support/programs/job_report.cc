// Plays a job that reports what it inherited, so that a test can compare it with what the caller
// had. usage: job_report FILE WHAT [ARG]...
//   args     the ARGs, each with a NUL behind it
//   environ  the environment, each variable with a NUL behind it
//   process  descriptors, signals, folder, umask and priority, one a line
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

namespace {

std::string descriptors() {
  std::map<int, std::string> found;
  DIR* listing = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(listing)) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == ::dirfd(listing)) continue;
    char target[4096] = {};
    const std::string name = std::string("/proc/self/fd/") + entry->d_name;
    if (::readlink(name.c_str(), target, sizeof target - 1) < 0) continue;
    const int flags = ::fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND);
    found[fd] = std::string(target) + " flags " + std::to_string(flags);
  }
  ::closedir(listing);
  std::string text;
  for (const auto& [fd, target] : found) text += "fd " + std::to_string(fd) + ' ' + target + '\n';
  return text;
}

std::string signals() {
  std::ifstream status("/proc/self/status");
  std::string text;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigBlk") || line.starts_with("SigIgn") || line.starts_with("SigCgt") ||
        line.starts_with("NoNewPrivs")) {
      text += line + '\n';
    }
  }
  return text;
}

std::string place() {
  char folder[4096] = {};
  if (::getcwd(folder, sizeof folder) == nullptr) folder[0] = '\0';
  const mode_t mask = ::umask(0);
  rlimit core{};
  rlimit files{};
  ::getrlimit(RLIMIT_CORE, &core);
  ::getrlimit(RLIMIT_NOFILE, &files);
  return std::string("folder ") + folder + "\numask " + std::to_string(mask) + "\nnice " +
         std::to_string(::getpriority(PRIO_PROCESS, 0)) + "\ncore " +
         std::to_string(core.rlim_cur) + "\nfiles " + std::to_string(files.rlim_cur) + '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  const std::string what = argv[2];
  std::string report;
  // Before the report is opened, which uses a descriptor itself.
  if (what == "process") report = descriptors() + signals() + place();
  if (what == "args") {
    for (int i = 3; i < argc; ++i) (report += argv[i]) += '\0';
  }
  if (what == "environ") {
    for (char** entry = environ; *entry != nullptr; ++entry) (report += *entry) += '\0';
  }
  std::ofstream file(argv[1], std::ios::binary);
  file << report;
  return file.flush() ? 0 : 1;
}
