#pragma once

#include <cstddef>
#include <string>

namespace cluster_leader {

/// How long a message may be for its line, with everything around it, to be written to a pipe in
/// one piece (PIPE_BUF).
inline constexpr std::size_t kLongestMessage = 3000;

/// `text` with each control character replaced by a blank, so that quoted text can neither break
/// nor forge a message, nor control a terminal. Those beyond ASCII (U+0080 to U+009F) are C2 and a
/// second byte in UTF-8. A text longer than kLongestMessage loses its middle, but never half a
/// character.
std::string one_line(std::string text);

/// The same for the content of a JSON string, which must be ASCII: no escape is cut, nor a pair of
/// escapes that is one character.
std::string shortened_json(std::string content);

}  // namespace cluster_leader
