#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/exit_code.h"
#include "options/options.h"

namespace cluster_leader {

using Variables = std::map<std::string, std::string>;

/// What the parser reads of the environment, and what it must not read; a test begins with none of
/// it.
inline constexpr const char* kVariables[] = {
    "CLUSTER_LEADER_SERVER",
    "CLUSTER_LEADER_PREFIX",
    "CLUSTER_LEADER_NODE",
    "CLUSTER_LEADER_LOG",
    "CLUSTER_LEADER_DIE_WITH_PARENT",
    "CLUSTER_LEADER_KEY",
    "CLUSTER_LEADER_TLS_CA",
    "CLUSTER_LEADER_TLS_CERT",
    "CLUSTER_LEADER_TLS_KEY",
    "CLUSTER_LEADER_TLS_SERVER_NAME",
    "CLUSTER_LEADER_TLS_INSECURE",
    "REDIS_URL",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_DB",
    "REDIS_USERNAME",
    "REDIS_PASSWORD",
    "REDIS_PASSWORD_FILE",
    "REDISCLI_AUTH",
    "HOSTNAME",
};

/// Tests of parse_options.
class OptionsTest : public testing::Test {
 protected:
  OptionsTest() {
    for (const char* name : kVariables) ::unsetenv(name);
  }
  ~OptionsTest() override {
    for (const char* name : kVariables) ::unsetenv(name);
  }

  static std::variant<Options, NothingToRun> parse(const std::vector<std::string>& words,
                                                   const Variables& variables = {}) {
    for (const char* name : kVariables) ::unsetenv(name);
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    return parse_options(words);
  }

  /// `words` with `--key job-a` where the verb requires a key and they have none.
  static std::vector<std::string> with_key(std::vector<std::string> words) {
    const auto end = std::find(words.begin(), words.end(), "--");
    const bool has_key = std::any_of(
        words.begin(), end, [](const std::string& word) { return word.starts_with("--key"); });
    const std::string verb = words.empty() ? "" : words.front();
    const bool needs_key = verb == "run" || verb == "elect" || verb == "check" || verb == "release";
    if (needs_key && !has_key) words.insert(words.begin() + 1, {"--key", "job-a"});
    return words;
  }

  /// `cluster-leader WORDS`, which must be right but may leave out the key.
  static Options accepted(const std::vector<std::string>& words, const Variables& variables = {}) {
    auto parsed = parse(with_key(words), variables);
    if (const auto* nothing = std::get_if<NothingToRun>(&parsed)) {
      ADD_FAILURE() << "refused: " << nothing->text;
      return {};
    }
    return std::get<Options>(std::move(parsed));
  }

  /// `cluster-leader run WORDS`, which must be right.
  static Options run_words(std::vector<std::string> words, const Variables& variables = {}) {
    words.insert(words.begin(), "run");
    return accepted(words, variables);
  }

  /// `cluster-leader run OPTIONS -- true`, which must be right.
  static Options run(std::vector<std::string> options, const Variables& variables = {}) {
    options.insert(options.end(), {"--", "true"});
    return run_words(std::move(options), variables);
  }

  /// What is said about `cluster-leader WORDS`, which must be wrong: one line for people.
  static std::string usage_error(const std::vector<std::string>& words,
                                 const Variables& variables = {}) {
    const auto parsed = parse(words, variables);
    const auto* nothing = std::get_if<NothingToRun>(&parsed);
    if (nothing == nullptr) {
      ADD_FAILURE() << "accepted";
      return {};
    }
    EXPECT_EQ(nothing->status, kExitUsage);
    EXPECT_THAT(nothing->text, testing::Not(testing::IsEmpty()));
    for (const char c : nothing->text) {
      const auto byte = static_cast<unsigned char>(c);
      EXPECT_TRUE(byte >= ' ' && byte != 0x7f) << nothing->text;
    }
    return nothing->text;
  }

  /// What is said about `cluster-leader run OPTIONS -- true`, which must be wrong.
  static std::string refusal(std::vector<std::string> options, const Variables& variables = {}) {
    options.insert(options.begin(), "run");
    options.insert(options.end(), {"--", "true"});
    return usage_error(options, variables);
  }

  static std::string shown(const std::vector<std::string>& words) {
    const auto parsed = parse(words);
    const auto* nothing = std::get_if<NothingToRun>(&parsed);
    if (nothing == nullptr) return {};
    EXPECT_EQ(nothing->status, kExitOk);
    return nothing->text;
  }
};

}  // namespace cluster_leader
