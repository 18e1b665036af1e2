#include "store/redis/login.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "support/command.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;
using testing::Not;

class PasswordFileTest : public testing::Test {
 protected:
  /// The password that a login with this file sends, or why none is sent.
  std::variant<std::string, Failed> login(const std::string& file) const {
    int ends[2] = {};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    const UniqueFd server(ends[0]);
    const auto connection = RedisConnection::open(PlainStream::open(UniqueFd(ends[1])));
    RedisLocation location;
    location.credentials = {"", "of the environment", file};
    RedisLogin login(location);
    if (auto failed = login.begin(*connection)) return *failed;
    connection->flush();
    std::string sent(65536, '\0');
    sent.resize(static_cast<std::size_t>(::recv(ends[0], sent.data(), sent.size(), 0)));
    const std::string before = "$4\r\nAUTH\r\n$";
    const std::size_t size = sent.find(before) + before.size();
    return sent.substr(sent.find('\n', size) + 1, std::stoul(sent.substr(size)));
  }
  std::string password_in(const std::string& text) const {
    auto sent = login(folder_.write("password", text));
    if (const auto* failed = std::get_if<Failed>(&sent)) return "failed: " + failed->text;
    return std::get<std::string>(sent);
  }
  Failed failure_with(const std::string& file) const {
    auto sent = login(file);
    if (const auto* failed = std::get_if<Failed>(&sent)) return *failed;
    ADD_FAILURE() << "sent " << std::get<std::string>(sent);
    return {};
  }
  /// Why this text is no password, which is never shown.
  std::string fault_of(const std::string& text) const {
    const Failed failed = failure_with(folder_.write("password", text));
    EXPECT_EQ(failed.trouble, Trouble::kMisconfigured);
    EXPECT_FALSE(failed.unknown);
    EXPECT_THAT(failed.text, HasSubstr(folder_.file("password")));
    EXPECT_THAT(failed.text, Not(HasSubstr("\n")));
    EXPECT_THAT(failed.text, Not(HasSubstr("s3cret")));
    return failed.text;
  }

  const TempFolder folder_;
};

TEST_F(PasswordFileTest, ItsFirstLineIsThePassword) {
  EXPECT_EQ(password_in("s3cret\n"), "s3cret");
  EXPECT_EQ(password_in("s3cret"), "s3cret");
  EXPECT_EQ(password_in("s3cret\r\n"), "s3cret");
  EXPECT_EQ(password_in("s3cret\n\n\n"), "s3cret");
  EXPECT_EQ(password_in("s3cret\nof web-1, changed in May\n"), "s3cret");
  EXPECT_EQ(password_in("s3cret\r\nanother\r\n"), "s3cret");
  EXPECT_EQ(password_in(std::string("s3cret\n\0\xff", 9)), "s3cret");
}

TEST_F(PasswordFileTest, EverythingElseInItsFirstLineBelongsToThePassword) {
  EXPECT_EQ(password_in(" s3 cret\t \n"), " s3 cret\t ");
  EXPECT_EQ(password_in("s3cret\r"), "s3cret\r");
  EXPECT_EQ(password_in("s3\rcret\r\r\n"), "s3\rcret\r");
  EXPECT_EQ(password_in("p\xc3\xa4ss\n"), "p\xc3\xa4ss");
}

TEST_F(PasswordFileTest, AnEmptyFirstLineLeavesThePasswordOfTheEnvironment) {
  EXPECT_EQ(password_in(""), "of the environment");
  EXPECT_EQ(password_in("\n"), "of the environment");
  EXPECT_EQ(password_in("\r\n"), "of the environment");
  EXPECT_EQ(password_in("\ns3cret\n"), "of the environment");
}

TEST_F(PasswordFileTest, ANulByteIsRefused) {
  EXPECT_THAT(fault_of(std::string("s3cret\0\n", 8)), HasSubstr("NUL"));
  // As Windows' editors write it, in UTF-16.
  EXPECT_THAT(fault_of(std::string("\xff\xfes\0003\0", 6)), HasSubstr("UTF-8"));
}

TEST_F(PasswordFileTest, AFirstLineThatIsTooLongIsRefused) {
  const std::string longest(16384, 'x');
  for (const char* end : {"", "\n", "\r\n", "\nmore\n"}) {
    EXPECT_EQ(password_in(longest + end), longest) << end;
    EXPECT_THAT(fault_of(longest + "x" + end), HasSubstr("16384 bytes")) << end;
  }
}

TEST_F(PasswordFileTest, OfALargeFileOnlyTheBeginningIsRead) {
  // Far more than there is memory.
  const std::string large = folder_.write("large", "s3cret\n");
  ASSERT_EQ(::truncate(large.c_str(), off_t{1} << 42), 0);
  EXPECT_EQ(std::get<std::string>(login(large)), "s3cret");
  const std::string empty = folder_.write("empty", "");
  ASSERT_EQ(::truncate(empty.c_str(), off_t{1} << 42), 0);
  EXPECT_EQ(failure_with(empty).trouble, Trouble::kMisconfigured);
}

TEST_F(PasswordFileTest, AFileThatCannotBeReadIsNamedWithTheReason) {
  const Failed missing = failure_with(folder_.file("nowhere"));
  EXPECT_EQ(missing.trouble, Trouble::kMisconfigured);
  EXPECT_EQ(missing.text, "cannot read the password file " + folder_.file("nowhere") +
                              ": No such file or directory");
  EXPECT_THAT(failure_with(folder_.path()).text, HasSubstr("must be a regular file"));
  ASSERT_EQ(::mkfifo(folder_.file("pipe").c_str(), 0600), 0);
  EXPECT_THAT(failure_with(folder_.file("pipe")).text, HasSubstr("must be a regular file"));
}

}  // namespace
}  // namespace cluster_leader
