#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lease/answer.h"
#include "lease/candidacy.h"

namespace cluster_leader {

/// The command that runs the script of a request: its words, in the order that the script names at
/// its head.
class ScriptCommand {
 public:
  /// Whether the script is sent as its SHA-1, which the server may not know, or as its text.
  enum class By : std::uint8_t { kSha1, kText };
  /// A renewal is short unless the script has asked for everything that it writes into the record.
  enum class Form : std::uint8_t { kShort, kFull };

  /// `candidate` must outlive this.
  explicit ScriptCommand(const Candidate& candidate);

  /// The words of `request` for `candidacy`, valid until the next call and as long as `candidacy`
  /// is. `listens` says whether the holder is subscribed to the channel of the key; `age_s` for how
  /// many seconds at least the server has been up, if an acquire must say so.
  std::span<const std::string_view> words(const Candidacy& candidacy, const Request& request, By by,
                                          Form form, bool listens,
                                          std::optional<std::int64_t> age_s = {});
  std::span<const std::string_view> words(const Candidacy&& candidacy, const Request& request,
                                          By by, Form form, bool listens,
                                          std::optional<std::int64_t> age_s = {}) = delete;

 private:
  void add(std::initializer_list<std::string_view> words);

  const Candidate& candidate_;
  const std::string ttl_;
  const std::string pid_;
  std::string record_, channel_;
  std::string token_, awaited_, age_, hold_, once_, status_, started_, finished_;
  std::vector<std::string_view> words_;
};

}  // namespace cluster_leader
