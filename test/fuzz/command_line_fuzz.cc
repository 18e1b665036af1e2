// Command lines: the words of one are separated by NUL bytes, as in /proc/PID/cmdline.
#include <variant>
#include <vector>

#include "fuzz/input.h"
#include "options/options.h"

using namespace cluster_leader;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(bytes(data, size));
  std::vector<std::string> words;
  while (!input.is_over()) words.push_back(input.word());
  const auto parsed = parse_options(words);
  if (const auto* nothing = std::get_if<NothingToRun>(&parsed)) {
    require(!nothing->text.empty(), "whoever does nothing says why");
    if (nothing->status != 0) {
      require(nothing->status == 64, "a wrong command line is 64");
      const std::size_t end = nothing->text.find('\n');
      require(end == std::string::npos, "a mistake is one line", nothing->text);
    }
    return 0;
  }
  const auto& options = std::get<Options>(parsed);
  for (const std::string& key : options.keys) {
    const std::size_t length = options.prefix.size() + key.size();
    require(!key.empty() && length <= 512, "keys have 1 to 512 bytes", key);
  }
  // What is behind the first `--` is passed on byte for byte.
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "--") continue;
    require(std::vector(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end()) ==
                options.command,
            "the command is the one that was given");
    break;
  }
  return 0;
}
