#pragma once

#include <string>
#include <vector>

namespace cluster_leader {

/// A program with its arguments and its environment, in the form in which the kernel wants them.
/// Made ready before a fork, since between that and execute() only system calls are made. It points
/// into what it was made of.
class Program {
 public:
  /// `argv` has at least one; `environment` is the whole of it, "NAME=value".
  Program(const std::vector<std::string>& argv, const std::vector<std::string>& environment);

  /// Makes the calling process run it, searched in the PATH of its environment as execvp(3) does.
  /// Returns only if that fails: the errno.
  int execute() const;

 private:
  std::vector<char*> argv_;
  std::vector<char*> environment_;
};

}  // namespace cluster_leader
