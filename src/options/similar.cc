#include "options/similar.h"

#include <algorithm>
#include <cstddef>

namespace cluster_leader {

namespace {

/// How many letters to add, leave out, replace or swap with their neighbours to get from `a` to
/// `b`.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> steps(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        steps[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = steps[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      steps[i][j] = std::min({steps[i - 1][j] + 1, steps[i][j - 1] + 1, replaced});
      const bool is_swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swapped) steps[i][j] = std::min(steps[i][j], steps[i - 2][j - 2] + 1);
    }
  }
  return steps[a.size()][b.size()];
}

}  // namespace

std::optional<std::string> most_similar(const std::string& mistyped,
                                        const std::vector<std::string>& words) {
  // A longer one is a value that was put in the place of a name.
  constexpr std::size_t kLongest = 40;
  const std::size_t dashes = std::min(mistyped.find_first_not_of('-'), mistyped.size());
  const std::size_t letters = mistyped.size() - dashes;
  if (letters < 2 || mistyped.size() > kLongest) return std::nullopt;
  std::optional<std::string> best;
  std::size_t least = std::max<std::size_t>(letters / 3, 1) + 1;
  for (const std::string& word : words) {
    const std::size_t away = distance(mistyped, word);
    if (away >= least) continue;
    least = away;
    best = word;
  }
  if (best) return best;
  std::vector<std::string> longer;
  std::copy_if(words.begin(), words.end(), std::back_inserter(longer), [&](const auto& word) {
    return word.starts_with(mistyped) || mistyped.starts_with(word);
  });
  return longer.size() == 1 ? std::optional(longer.front()) : std::nullopt;
}

}  // namespace cluster_leader
