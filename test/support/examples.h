#pragma once

#include <string>
#include <vector>

namespace cluster_leader {

/// The lines of a text, without their ends.
std::vector<std::string> lines_of(const std::string& text);

/// The fenced block in README.md that has a line which contains `phrase`. None, or several, fail
/// the test.
std::string readme_block(const std::string& phrase);

/// The literal blocks of the manual's section EXAMPLES, as a reader sees them.
std::vector<std::string> manual_blocks();

/// `text` with each `from` replaced, of which there must be one at least, else the test fails.
std::string replaced(std::string text, const std::string& from, const std::string& to);

/// The words of a line that nothing but blanks separates; quotes, or what a shell or systemd would
/// put in, fail the test.
std::vector<std::string> plain_words(const std::string& line);

/// The word behind `option`; empty, and a failed test, if there is none.
std::string value_of(const std::string& option, const std::vector<std::string>& words);

}  // namespace cluster_leader
