#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

// Each file *_fuzz.cc is a program for libFuzzer (https://llvm.org/docs/LibFuzzer.html), which
// scripts/fuzz.sh runs. Without libFuzzer it reads what is kept in corpus/, as a test.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace cluster_leader {

inline std::string_view bytes(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Takes `input` apart: a number is its next byte, and a word all up to the next NUL byte. Of an
/// input that is over, numbers are 0 and words are empty.
class Input {
 public:
  explicit Input(std::string_view input) : rest_(input) {}

  bool is_over() const { return rest_.empty(); }
  std::uint8_t number() {
    if (rest_.empty()) return 0;
    const auto number = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return number;
  }
  /// Any 64 bits.
  std::int64_t wide_number() {
    std::uint64_t wide = 0;
    for (int i = 0; i < 8; ++i) wide = wide << 8U | number();
    return static_cast<std::int64_t>(wide);
  }
  std::string word() {
    const std::size_t end = rest_.find('\0');
    std::string word(rest_.substr(0, end));
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return word;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// What must hold for each input. An assert would do as well, but says less.
inline void require(bool holds, const char* what, std::string_view found = {}) {
  if (holds) return;
  std::fprintf(stderr, "it does not hold that %s: %.*s\n", what, static_cast<int>(found.size()),
               found.data());
  std::abort();
}

}  // namespace cluster_leader
