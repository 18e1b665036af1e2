#include "process/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

#include "supervision.h"

namespace cluster_leader::test {
namespace {

/// Plays a service manager. The environment names it during its lifetime.
class Listener {
 public:
  /// A path, or an abstract name that begins with '@'.
  explicit Listener(const std::string& name)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path);
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Listener() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// The next message, or "(none)".
  std::string heard() {
    std::array<char, 512> buffer{};
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return got < 0 ? "(none)" : std::string(buffer.data(), static_cast<size_t>(got));
  }

 private:
  UniqueFd fd_;
};

std::string abstract_name() { return "@cluster-leader-test-" + std::to_string(::getpid()); }

TEST(ServiceManagerTest, IsToldOnceThatWeAreReady) {
  const Folder folder;
  for (const std::string& name : {folder.path.string() + "/notify", abstract_name()}) {
    Listener listener(name);
    ServiceManager manager;
    EXPECT_TRUE(manager.is_there());
    manager.ready();
    manager.ready();
    manager.stopping();
    EXPECT_EQ(listener.heard(), "READY=1");
    EXPECT_EQ(listener.heard(), "STOPPING=1");
    EXPECT_EQ(listener.heard(), "(none)");
  }
}

TEST(ServiceManagerTest, GetsEachStatusOnceAsOneLine) {
  Listener listener(abstract_name());
  ServiceManager manager;
  manager.status("leader of a");
  manager.status("leader of a");
  manager.status("follower\nREADY=1");
  manager.status("leader of a");
  EXPECT_EQ(listener.heard(), "STATUS=leader of a");
  EXPECT_EQ(listener.heard(), "STATUS=follower READY=1");
  EXPECT_EQ(listener.heard(), "STATUS=leader of a");
  EXPECT_EQ(listener.heard(), "(none)");
}

TEST(ServiceManagerTest, GetsTwoSignsOfLifeInTheWatchdogsTime) {
  Listener listener(abstract_name());
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  ServiceManager manager;
  const Time start = Time(1h);
  EXPECT_LE(manager.wake_at(), start);
  manager.beat(start);
  EXPECT_EQ(listener.heard(), "WATCHDOG=1");
  EXPECT_EQ(manager.wake_at(), start + 1500ms);
  manager.beat(start + 1499ms);
  EXPECT_EQ(listener.heard(), "(none)");
  manager.beat(start + 1600ms);
  EXPECT_EQ(listener.heard(), "WATCHDOG=1");
  EXPECT_EQ(manager.wake_at(), start + 3100ms);
}

TEST(ServiceManagerTest, WatchdogOfAnotherProcessOrWithoutATimeIsNotOurs) {
  Listener listener(abstract_name());
  const std::string us = std::to_string(::getpid());
  const std::string other = std::to_string(::getppid());
  const std::vector<std::pair<std::string, std::string>> settings = {
      {"3000000", other},          {"3000000", "x"}, {"", us}, {"0", us}, {"-5", us}, {"3s", us},
      {"99999999999999999999", us}};
  for (const auto& [time, pid] : settings) {
    ::setenv("WATCHDOG_USEC", time.c_str(), 1);
    ::setenv("WATCHDOG_PID", pid.c_str(), 1);
    ServiceManager manager;
    EXPECT_EQ(manager.wake_at(), kNever) << time << " " << pid;
    manager.beat(Time(1h));
    EXPECT_EQ(listener.heard(), "(none)");
  }
  ::setenv("WATCHDOG_USEC", "1000", 1);
  ::unsetenv("WATCHDOG_PID");
  EXPECT_NE(ServiceManager().wake_at(), kNever);
}

TEST(ServiceManagerTest, NeedsAUsableSocketName) {
  const std::vector<std::string> names = {
      "", "@", "/", "relative", "vsock:2:1234", "/" + std::string(107, 'x')};
  for (const std::string& name : names) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "1000", 1);
    ServiceManager manager;
    EXPECT_FALSE(manager.is_there()) << name;
    EXPECT_EQ(manager.wake_at(), kNever);
    manager.ready();
    manager.beat(Time(1h));
  }
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(ServiceManager().is_there());
  ::unsetenv("WATCHDOG_USEC");
}

TEST(ServiceManagerTest, ThatDoesNotListenDoesNotBlockUs) {
  ::setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
  ServiceManager deaf;
  EXPECT_TRUE(deaf.is_there());
  deaf.ready();
  Listener listener(abstract_name());
  ::setenv("WATCHDOG_USEC", "8000000", 1);
  ServiceManager full;
  // Until the socket is full, and the next beat is due earlier.
  Time now{1h};
  while (full.wake_at() != now + 500ms) {
    now = std::max(now, full.wake_at());
    full.beat(now);
    ASSERT_LT(now, Time(24h * 365)) << "the socket is never full";
  }
  full.ready();
  full.status("news");
  while (listener.heard() == "WATCHDOG=1") {
  }
  EXPECT_EQ(listener.heard(), "(none)");
  full.ready();
  full.status("news");
  EXPECT_EQ(listener.heard(), "READY=1");
  EXPECT_EQ(listener.heard(), "STATUS=news");
}

TEST(ServiceManagerTest, HasVariablesThatAreNotForOurChildren) {
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    EXPECT_TRUE(is_of_service_manager(name));
  }
  EXPECT_FALSE(is_of_service_manager("NOTIFY_SOCKET2"));
  EXPECT_FALSE(is_of_service_manager("PATH"));
}

}  // namespace
}  // namespace cluster_leader::test
