#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "support/command.h"

namespace cluster_leader {

/// A user at a terminal: a program with its own pseudo-terminal, and what is typed and shown there.
/// The destructor closes the terminal and kills the program.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& argv);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& text) const;
  /// Reads until `text` is shown after what an earlier call has found. False if it never is.
  bool sees(const std::string& text, Duration bound = kBound);
  /// Everything that has been shown.
  const std::string& screen() const { return screen_; }
  /// The foreground process group.
  pid_t foreground_group() const;
  /// Closes the terminal, as one closes a window.
  void hang_up() { terminal_.reset(); }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  UniqueFd terminal_;
  std::string screen_;
  std::size_t found_ = 0;  ///< the end of what sees() has found last
};

inline const std::string kControlC = "\x03";
inline const std::string kControlD = "\x04";
inline const std::string kControlZ = "\x1a";
inline const std::string kControlBackslash = "\x1c";

}  // namespace cluster_leader
