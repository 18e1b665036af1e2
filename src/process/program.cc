#include "process/program.h"

#include <unistd.h>

#include <cassert>
#include <cerrno>

namespace cluster_leader {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Program::Program(const std::vector<std::string>& argv, const std::vector<std::string>& environment)
    : argv_(pointers_to(argv)), environment_(pointers_to(environment)) {
  assert(!argv.empty());
}

int Program::execute() const {
  // execvp searches the PATH of `environ`, which is the program's from here on.
  environ = const_cast<char**>(environment_.data());
  ::execvp(argv_[0], argv_.data());
  return errno;
}

}  // namespace cluster_leader
