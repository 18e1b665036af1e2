#pragma once

#include <string>
#include <vector>

namespace cluster_leader {

/// The lines of a text, without their newlines.
std::vector<std::string> lines_of(const std::string& text);

/// The fenced block in README.md with a line that contains `phrase`. No such block, or several,
/// fail the test.
std::string readme_block(const std::string& phrase);

/// The literal blocks of cluster-leader-recipes(7), as a reader sees them.
std::vector<std::string> manual_blocks();

/// The one of them with a line that contains `phrase`. No such block, or several, fail the test.
std::string manual_block(const std::string& phrase);

/// `text` with each `from` replaced. Without any, the test fails.
std::string replaced(std::string text, const std::string& from, const std::string& to);

/// The words of a line, separated by blanks only; quotes, or anything that a shell or systemd would
/// expand, fail the test.
std::vector<std::string> plain_words(const std::string& line);

/// The word after `option`. Without one, the test fails, and it is empty.
std::string value_of(const std::string& option, const std::vector<std::string>& words);

}  // namespace cluster_leader
