#pragma once

#include <cstddef>
#include <string>

namespace cluster_leader {

/// What a message may have of a line: with everything around it, the line still goes into a pipe at
/// once (PIPE_BUF).
inline constexpr std::size_t kLongestMessage = 3000;

/// `text` without control characters, each a blank instead, so that a message can be neither cut
/// nor forged by what it quotes, nor play with a terminal. Those beyond ASCII (U+0080 to U+009F)
/// are C2 and a second byte in UTF-8. What is longer than kLongestMessage loses its middle, but no
/// part of a letter.
std::string one_line(std::string text);

/// The content of a JSON string, all of it ASCII, of which the same is true: no escape is cut, and
/// no pair of them that is one letter.
std::string shortened_json(std::string content);

}  // namespace cluster_leader
