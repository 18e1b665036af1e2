// What happens to a connection if memory is refused. One allocation is refused, by its number,
// whether it is of C++, hiredis or c-ares.
#include <ares.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hiredis/alloc.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "store/net/resolver.h"
#include "store/redis/caller.h"
#include "store/redis/connection.h"
#include "store/redis/store.h"
#include "store/store_contract.h"
#include "support/fake_server.h"

namespace {

/// Counts down to the allocation of this thread that is refused; below zero: none is.
thread_local int until_refusal = -1;
/// Whose allocations count.
enum class Whose { kAny, kCpp, kLibrary };
thread_local Whose counts = Whose::kAny;

bool is_refused(Whose whose) {
  if (counts != Whose::kAny && counts != whose) return false;
  return until_refusal >= 0 && until_refusal-- == 0;
}
bool is_refused_to_library() { return is_refused(Whose::kLibrary); }

void* c_malloc(std::size_t size) { return is_refused_to_library() ? nullptr : std::malloc(size); }
void* c_calloc(std::size_t count, std::size_t size) {
  return is_refused_to_library() ? nullptr : std::calloc(count, size);
}
void* c_realloc(void* memory, std::size_t size) {
  return is_refused_to_library() ? nullptr : std::realloc(memory, size);
}
char* c_strdup(const char* text) { return is_refused_to_library() ? nullptr : ::strdup(text); }

}  // namespace

// Not inline: the compiler would take one of them for a mistake about the other.
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* memory = is_refused(Whose::kCpp) ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
// Otherwise that of a sanitizer would be used, which has a memory of its own.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return is_refused(Whose::kCpp) ? nullptr : std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace cluster_leader {
namespace {

using testing::HasSubstr;
using Fault = RedisConnection::Fault;
using Purpose = RedisConnection::Purpose;

const auto kIgnoreSigpipe = std::signal(SIGPIPE, SIG_IGN);

/// Calls `act`, in which the allocation of that number is refused. False if there are not so many.
template <typename Act>
bool refused_in(int number, Act&& act) {
  until_refusal = number;
  std::forward<Act>(act)();
  const bool was_refused = until_refusal < 0;
  until_refusal = -1;
  return was_refused;
}

class MemoryTest : public testing::Test {
 protected:
  MemoryTest() {
    hiredisAllocFuncs funcs{c_malloc, c_calloc, c_realloc, c_strdup, std::free};
    hiredisSetAllocators(&funcs);
    ares_library_init_mem(ARES_LIB_INIT_ALL, c_malloc, std::free, c_realloc);
  }
  ~MemoryTest() override {
    until_refusal = -1;
    counts = Whose::kAny;
    hiredisResetAllocators();
    ares_library_init_mem(ARES_LIB_INIT_ALL, std::malloc, std::free, std::realloc);
    ares_library_cleanup();
    ares_library_cleanup();
  }

  MemoryTest(const MemoryTest&) = delete;
  MemoryTest& operator=(const MemoryTest&) = delete;

  /// A connection to `server_`.
  std::unique_ptr<RedisConnection> connect() {
    int ends[2] = {};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    server_.reset(ends[0]);
    return RedisConnection::open(PlainStream::open(UniqueFd(ends[1])));
  }
  void answer(const std::string& bytes) const {
    EXPECT_EQ(::send(server_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string asked() const {
    std::string text(65536, '\0');
    const ssize_t got = ::recv(server_.get(), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
  }

  UniqueFd server_;
};

TEST_F(MemoryTest, WithoutMemoryThereIsNoConnection) {
  int refusals = 0;
  for (;; ++refusals) {
    int ends[2] = {};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    UniqueFd server(ends[0]);
    std::unique_ptr<RedisConnection> connection;
    const bool was_refused = refused_in(refusals, [&] {
      connection = RedisConnection::open(PlainStream::open(UniqueFd(ends[1])));
    });
    ASSERT_NE(connection == nullptr, !was_refused) << refusals;
    // The socket is closed in any case.
    connection.reset();
    char byte = 0;
    EXPECT_EQ(::recv(server.get(), &byte, 1, 0), 0);
    if (!was_refused) break;
  }
  EXPECT_GT(refusals, 3);
}

TEST_F(MemoryTest, ACommandWithoutMemoryIsNotQueuedAndTheNextOneIs) {
  const std::string key(2000, 'k');
  int refusals = 0;
  for (;; ++refusals) {
    const auto connection = connect();
    ASSERT_TRUE(connection->append(Purpose::kSelect, {"SELECT", "1"}));
    const std::uint64_t before = connection->queued();
    bool queued = false;
    const bool was_refused = refused_in(refusals, [&] {
      queued = connection->append(Purpose::kRequest, {"GET", key});
    });
    ASSERT_EQ(queued, !was_refused) << refusals;
    if (!was_refused) break;
    EXPECT_EQ(connection->queued(), before);
    EXPECT_EQ(connection->expected().size(), 1U);
    ASSERT_TRUE(connection->append(Purpose::kUndo, {"DEL", "a"}));
    connection->flush();
    EXPECT_EQ(asked(), "*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n");
    answer("+OK\r\n:1\r\n");
    connection->read();
    EXPECT_EQ(connection->receive()->purpose, Purpose::kSelect);
    EXPECT_EQ(connection->receive()->purpose, Purpose::kUndo);
    EXPECT_EQ(connection->fault(), Fault::kNone);
  }
  EXPECT_GT(refusals, 1);
}

TEST_F(MemoryTest, AReplyWithoutMemoryEndsTheConnection) {
  const std::string reply = "*3\r\n$7\r\ngranted\r\n$1\r\n5\r\n%1\r\n+a\r\n,1.5\r\n";
  int refusals = 0;
  for (;; ++refusals) {
    const auto connection = connect();
    ASSERT_TRUE(connection->append(Purpose::kRequest, {"GET", "a"}));
    answer(reply);
    bool received = false;
    const bool was_refused = refused_in(refusals, [&] {
      connection->read();
      received = connection->receive().has_value();
    });
    ASSERT_EQ(received, !was_refused) << refusals;
    if (!was_refused) break;
    EXPECT_EQ(connection->fault(), Fault::kExhausted);
    EXPECT_EQ(failure_of_fault(*connection).trouble, Trouble::kExhausted);
    EXPECT_FALSE(connection->receive());
    EXPECT_EQ(connection->expected().size(), 1U);
  }
  EXPECT_GT(refusals, 3);
}

TEST_F(MemoryTest, AStoreAnswersThatMemoryWasRefused) {
  FakeServer server([](int fd) {
    char buffer[65536];
    for (const std::string bytes :
         {"%0\r\n*2\r\n$7\r\ngranted\r\n$1\r\n5\r\n", "*1\r\n$7\r\nrenewed\r\n"}) {
      if (::recv(fd, buffer, sizeof buffer, 0) <= 0) return;
      ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
  });
  // The store itself may throw.
  counts = Whose::kLibrary;
  int refusals = 0;
  for (;; ++refusals) {
    LoopedStore store(std::make_unique<RedisStore>(server.location(), make_candidate("a")));
    store.add(make_contender({"job-a"}, "a").candidacy);
    expect_granted(store);
    std::optional<Answer> answer;
    const bool was_refused =
        refused_in(refusals, [&] { answer = store.ask(RequestKind::kRenew, Token{5}); });
    if (!was_refused) {
      expect<Renewed>(answer);
      break;
    }
    const Failed failed = expect<Failed>(answer);
    EXPECT_EQ(failed.trouble, Trouble::kExhausted) << refusals << ": " << failed.text;
    EXPECT_THAT(failed.text, HasSubstr("memory"));
  }
  EXPECT_GT(refusals, 3);
}

TEST_F(MemoryTest, AddressesWithoutMemoryAreAFailure) {
  counts = Whose::kCpp;
  int refusals = 0;
  for (;; ++refusals) {
    std::unique_ptr<Resolver> resolver;
    // The first is the resolver itself.
    const bool was_refused = refused_in(refusals + 1, [&] {
      resolver = std::make_unique<Resolver>("localhost", 6379, BootClock::now());
    });
    ASSERT_TRUE(resolver->result()) << refusals;
    const auto* failed = std::get_if<Failed>(&*resolver->result());
    ASSERT_EQ(failed != nullptr, was_refused);
    if (!was_refused) break;
    EXPECT_EQ(failed->trouble, Trouble::kExhausted) << refusals << ": " << failed->text;
    EXPECT_THAT(failed->text, HasSubstr("memory"));
  }
  EXPECT_GT(refusals, 0);
}

TEST_F(MemoryTest, ALookupWithoutMemoryEnds) {
  counts = Whose::kLibrary;
  bool was_exhausted = false;
  for (int refusals = 0;; ++refusals) {
    std::unique_ptr<Resolver> resolver;
    const bool was_refused = refused_in(refusals, [&] {
      resolver = std::make_unique<Resolver>("localhost", 6379, BootClock::now());
    });
    if (!was_refused) break;
    // c-ares does not always say that memory was refused; it may find another way, or none, or ask
    // a name server.
    if (!resolver->result()) continue;
    const auto* failed = std::get_if<Failed>(&*resolver->result());
    was_exhausted |= failed != nullptr && failed->trouble == Trouble::kExhausted;
  }
  EXPECT_TRUE(was_exhausted);
}

}  // namespace
}  // namespace cluster_leader
