#pragma once

#include <string>
#include <vector>

namespace cluster_leader {

/// A program with its arguments and its environment, in the form that execve(2) takes. Made before
/// a fork, since only system calls are allowed between that and execute(). It points into the
/// vectors that it was made from, which must outlive it.
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
