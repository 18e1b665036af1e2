// TLS to real servers and to scripted ones: what is accepted, and one line for each failure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "store/redis/caller.h"
#include "support/certificates.h"
#include "support/fake_server.h"
#include "support/server.h"
#include "support/tls_redis.h"
#include "support/tls_server.h"

namespace cluster_leader {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

/// Connects, logs in and sends a PING. Nothing, or why not.
std::optional<Failed> fault_of(const RedisLocation& location, Duration patience = 5s) {
  RedisCaller caller(location);
  const std::vector<RedisCaller::Command> ping = {{"PING"}};
  auto answered = caller.call(ping, BootClock::now() + patience);
  const auto* failed = std::get_if<Failed>(&answered);
  return failed != nullptr ? std::optional(*failed) : std::nullopt;
}

void expect_ok(const RedisLocation& location) {
  const auto fault = fault_of(location);
  EXPECT_FALSE(fault) << fault->text;
}

void expect_fault(const RedisLocation& location, Trouble trouble, const std::string& text,
                  Duration patience = 5s) {
  const auto fault = fault_of(location, patience);
  ASSERT_TRUE(fault) << "accepted, instead of: " << text;
  EXPECT_EQ(fault->trouble, trouble) << fault->text;
  EXPECT_THAT(fault->text, HasSubstr(text));
  EXPECT_EQ(fault->text.find('\n'), std::string::npos);
}

class TlsTest : public testing::TestWithParam<TlsEnd> {
 protected:
  TlsSettings trusting() const { return {.ca = certificates_.ca()}; }

  Certificates certificates_;
};

INSTANTIATE_TEST_SUITE_P(Redis, TlsTest, testing::Values(TlsEnd::kRedis));
INSTANTIATE_TEST_SUITE_P(Valkey, TlsTest, testing::Values(TlsEnd::kValkey));
INSTANTIATE_TEST_SUITE_P(Stunnel, TlsTest, testing::Values(TlsEnd::kStunnel));

TEST_P(TlsTest, ACertificateOfATrustedCaForTheHostIsAccepted) {
  const TlsRedis redis(GetParam(), certificates_.sign({}));
  expect_ok(redis.location(trusting()));
  RedisLocation by_name = redis.location(trusting());
  by_name.host = "localhost";
  expect_ok(by_name);
}

TEST_P(TlsTest, TheNewestVersionThatBothSpeakIsUsed) {
  const auto files = certificates_.sign({});
  for (const bool is_1_2_only : {true, false}) {
    const TlsRedis redis(GetParam(), files, {.is_1_2_only = is_1_2_only});
    RedisCaller caller(redis.location(trusting()));
    const auto fault = caller.connect(BootClock::now() + 5s);
    ASSERT_FALSE(fault) << fault->text;
    ASSERT_TRUE(caller.tls());
    EXPECT_EQ(caller.tls()->version, is_1_2_only ? "TLSv1.2" : "TLSv1.3");
    EXPECT_TRUE(caller.tls()->is_verified);
  }
}

TEST_P(TlsTest, TheNameMayBeGivenApart) {
  const TlsRedis redis(GetParam(), certificates_.sign({.names = {"DNS:redis.example"}}));
  TlsSettings settings = trusting();
  expect_fault(redis.location(settings), Trouble::kMisconfigured,
               "the server's certificate is for redis.example, not for 127.0.0.1");
  settings.server_name = "redis.example";
  expect_ok(redis.location(settings));
  settings.server_name = "other.example";
  expect_fault(redis.location(settings), Trouble::kMisconfigured, "not for other.example");
}

TEST_P(TlsTest, AWildcardIsForOneLabelAndACommonNameForNothing) {
  const TlsRedis wild(GetParam(), certificates_.sign({.names = {"DNS:*.redis.example"}}));
  TlsSettings settings = trusting();
  settings.server_name = "a.redis.example";
  expect_ok(wild.location(settings));
  settings.server_name = "b.a.redis.example";
  expect_fault(wild.location(settings), Trouble::kMisconfigured, "not for b.a.redis.example");
  const TlsRedis common(GetParam(),
                        certificates_.sign({.common_name = "redis.example", .names = {}}));
  settings.server_name = "redis.example";
  expect_fault(common.location(settings), Trouble::kMisconfigured, "for no name or address");
}

TEST_P(TlsTest, ACertificateThatIsNotValidNowIsRefusedWithItsDay) {
  const TlsRedis expired(GetParam(), certificates_.sign({.begins = -48h, .ends = -24h}));
  expect_fault(expired.location(trusting()), Trouble::kMisconfigured, "certificate expired on 20");
  const TlsRedis early(GetParam(), certificates_.sign({.begins = 24h, .ends = 48h}));
  expect_fault(early.location(trusting()), Trouble::kMisconfigured, "not valid before 20");
}

TEST_P(TlsTest, AnUnknownCaIsRefusedUnlessInsecure) {
  const TlsRedis own(GetParam(), certificates_.self_signed({}));
  expect_fault(own.location(trusting()), Trouble::kMisconfigured, "self-signed");
  expect_ok(own.location({.is_insecure = true}));
  Certificates others;
  const TlsRedis foreign(GetParam(), others.sign({}));
  expect_fault(foreign.location(trusting()), Trouble::kMisconfigured, "unknown CA");
  expect_ok(foreign.location({.is_insecure = true}));
  // The system's CAs have not signed it either.
  expect_fault(foreign.location({}), Trouble::kMisconfigured, "--tls-ca");
}

TEST_P(TlsTest, AnotherCaOfTheSameNameIsUnknownToo) {
  Certificates others(certificates_.name());
  const TlsRedis foreign(GetParam(), others.sign({}));
  expect_fault(foreign.location(trusting()), Trouble::kMisconfigured, "unknown CA");
}

TEST_P(TlsTest, AServerMayRequireAClientCertificate) {
  const auto files = certificates_.sign({});
  for (const bool is_1_2_only : {true, false}) {
    const TlsRedis redis(GetParam(), files,
                         {.client_ca = certificates_.ca(), .is_1_2_only = is_1_2_only});
    TlsSettings settings = trusting();
    expect_fault(redis.location(settings), Trouble::kDenied, "client certificate");
    const auto ours = certificates_.sign({.common_name = "client"});
    settings.certificate = ours.certificate;
    settings.key = ours.key;
    expect_ok(redis.location(settings));
    Certificates others;
    const auto foreign = others.sign({.common_name = "client"});
    settings.certificate = foreign.certificate;
    settings.key = foreign.key;
    expect_fault(redis.location(settings), Trouble::kDenied, "rejects our client certificate");
    const auto expired = certificates_.sign({.begins = -48h, .ends = -24h});
    settings.certificate = expired.certificate;
    settings.key = expired.key;
    expect_fault(redis.location(settings), Trouble::kDenied, "rejects our client certificate");
  }
}

TEST_P(TlsTest, AServerWithoutTlsIsNamedAsSuch) {
  const Server plain(program_of(GetParam()));
  RedisLocation location = plain.tcp();
  location.tls = trusting();
  expect_fault(location, Trouble::kUnreachable, "a server without TLS does not answer it", 300ms);
}

TEST_P(TlsTest, AServerThatRequiresTlsIsNamedAsSuch) {
  const TlsRedis redis(GetParam(), certificates_.sign({}));
  RedisLocation location = redis.location({});
  location.tls.reset();
  expect_fault(location, Trouble::kUnreachable, "rediss://");
}

// What no real server can be made to do.

class TlsFaultTest : public testing::Test {
 protected:
  /// Answers the ClientHello with these bytes.
  void expect_answer(const std::string& bytes, Trouble trouble, const std::string& text) {
    const FakeServer server(FakeServer::answers(bytes));
    RedisLocation location = server.location();
    location.tls = {.ca = certificates_.ca()};
    expect_fault(location, trouble, text);
  }

  Certificates certificates_;
};

TEST_F(TlsFaultTest, AnAnswerThatIsNotTlsTellsWhatIsThere) {
  expect_answer("-ERR max number of clients reached\r\n", Trouble::kMisconfigured,
                "use redis:// instead of rediss://");
  expect_answer("HTTP/1.1 400 Bad Request\r\n\r\n", Trouble::kMisconfigured,
                "does not speak TLS on this port");
  expect_answer(std::string("\x15\x03\x01\x00\x02\x02\x46", 7), Trouble::kMisconfigured,
                "only TLS older than 1.2");
}

TEST_F(TlsFaultTest, AConnectionThatEndsInTheHandshakeIsNoServer) {
  const FakeServer server([](int fd) {
    char byte = 0;
    ::recv(fd, &byte, 1, 0);
  });
  RedisLocation location = server.location();
  location.tls = {.ca = certificates_.ca()};
  expect_fault(location, Trouble::kUnreachable, "during the TLS handshake");
}

TEST_F(TlsFaultTest, FilesThatCannotBeUsedAreNamed) {
  const auto ours = certificates_.sign({});
  const auto others = certificates_.sign({});
  const std::string text = certificates_.path("text");
  std::filesystem::copy_file("/etc/hostname", text);
  const struct {
    TlsSettings settings;
    std::string text;
  } cases[] = {
      {{.ca = "/nowhere/ca.pem"}, "cannot read --tls-ca /nowhere/ca.pem: No such file"},
      {{.ca = text}, "has no certificate in PEM format"},
      {{.ca = std::filesystem::temp_directory_path() / "."}, "no hashed certificates"},
      {{.ca = certificates_.ca(), .certificate = "/nowhere/c.pem"}, "cannot read --tls-cert"},
      {{.ca = certificates_.ca(), .certificate = text}, "is not a certificate in PEM format"},
      {{.ca = certificates_.ca(), .certificate = ours.certificate}, "has no private key"},
      {{.ca = certificates_.ca(), .certificate = ours.certificate, .key = others.key},
       "is not the key of --tls-cert"},
      {{.ca = certificates_.ca(),
        .certificate = ours.certificate,
        .key = certificates_.encrypted(ours.key)},
       "has a passphrase"},
  };
  const std::string pipe = certificates_.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const FakeServer server(FakeServer::answers(""));
  for (const TlsSettings& settings :
       {TlsSettings{.ca = pipe}, TlsSettings{.ca = certificates_.ca(), .certificate = pipe},
        TlsSettings{.ca = certificates_.ca(), .certificate = ours.certificate, .key = pipe}}) {
    RedisLocation location = server.location();
    location.tls = settings;
    expect_fault(location, Trouble::kMisconfigured, "it is not a regular file");
  }
  for (const auto& [settings, wanted] : cases) {
    RedisLocation location = server.location();
    location.tls = settings;
    expect_fault(location, Trouble::kMisconfigured, wanted);
  }
}

TEST_F(TlsFaultTest, ACertificateThatIsRenewedIsReadForTheNextConnection) {
  const auto files = certificates_.sign({});
  const auto play = [](SSL* ssl) {
    char buffer[4096];
    SSL_read(ssl, buffer, sizeof buffer);
  };
  const TlsServer server(files, play);
  RedisLocation location = server.location();
  const std::string ca = certificates_.path("ca.pem");
  Certificates others;
  std::filesystem::copy_file(others.ca(), ca);
  location.tls = {.ca = ca};
  RedisCaller caller(location);
  const auto fault = caller.connect(BootClock::now() + 5s);
  ASSERT_TRUE(fault);
  EXPECT_THAT(fault->text, HasSubstr("unknown CA"));
  std::filesystem::remove(ca);
  std::filesystem::copy_file(certificates_.ca(), ca);
  const auto next = caller.connect(BootClock::now() + 5s);
  ASSERT_TRUE(next);
  EXPECT_THAT(next->text, AllOf(HasSubstr("closed"), testing::Not(HasSubstr("CA")),
                                testing::Not(HasSubstr("rediss"))));
}

TEST_F(TlsFaultTest, NoCommandThatTheServerHasReadCountsAsUnwritten) {
  // More than the buffers of both kernels hold.
  constexpr std::size_t kCommands = 20'000;
  for (const std::size_t limit : {std::size_t{50'000}, std::size_t{1'000'000}}) {
    std::atomic<std::size_t> read = 0;
    std::atomic<bool> has_stopped = false;
    std::atomic<bool> is_over = false;
    const TlsServer server(certificates_.sign({}), [&](SSL* ssl) {
      std::vector<char> buffer(16384);
      while (read < limit) {
        const int got = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
        if (got <= 0) break;
        read += static_cast<std::size_t>(got);
      }
      has_stopped = true;
      // What the kernel still has counts as read: a server may read it at any time.
      while (!is_over) ::usleep(1000);
      for (int got = 1; got > 0;) {
        got = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
        if (got > 0) read += static_cast<std::size_t>(got);
      }
    });
    RedisLocation location = server.location();
    location.tls = {.ca = certificates_.ca()};
    RedisLine line(location);
    Poller poller;
    line.open(5s, BootClock::now());
    const std::string value(1000, 'x');
    bool is_open = false;
    for (int turns_after_stop = 0; turns_after_stop < 20;) {
      while (const auto event = line.next()) {
        if (!std::holds_alternative<RedisLine::Connected>(*event)) break;
        is_open = true;
        for (std::size_t i = 0; i < kCommands; ++i) {
          ASSERT_TRUE(line.append(RedisLine::Purpose::kRequest, {"SET", "key", value}));
        }
      }
      line.watch(poller);
      line.advance(poller, poller.wait(std::min(line.wake_at(), BootClock::now() + 10ms)));
      turns_after_stop += has_stopped ? 1 : 0;
    }
    ASSERT_TRUE(is_open);
    std::size_t written = 0;
    const auto unanswered = line.close();
    for (const auto& command : unanswered) written += command.is_written ? 1 : 0;
    is_over = true;
    // Everything that arrives belongs to a command that counts as written.
    while (server.is_busy()) ::usleep(1000);
    std::size_t first_unwritten = SIZE_MAX;
    for (const auto& command : unanswered) {
      if (!command.is_written)
        first_unwritten = std::min<std::size_t>(first_unwritten, command.begin);
    }
    ASSERT_NE(first_unwritten, SIZE_MAX) << "the server has taken everything";
    EXPECT_LE(read, first_unwritten);
    EXPECT_GT(written, 0U);
  }
}

}  // namespace
}  // namespace cluster_leader
