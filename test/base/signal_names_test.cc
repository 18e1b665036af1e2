#include "base/signal_names.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>

namespace cluster_leader {
namespace {

TEST(SignalNamesTest, EverySignalHasItsName) {
  EXPECT_EQ(signal_name(SIGTERM), "TERM");
  EXPECT_EQ(signal_name(SIGRTMIN + 1), "RTMIN+1");
  EXPECT_EQ(signal_name(1000), "1000");
  for (int signo = 1; signo <= SIGRTMAX; ++signo) {
    EXPECT_EQ(signal_number(signal_name(signo)), signo);
#ifdef __GLIBC__
    const char* const name = ::sigabbrev_np(signo);
    if (name != nullptr) {
      EXPECT_EQ(signal_name(signo), name);
    }
#endif
  }
}

TEST(SignalNamesTest, NamesAreReadInAnyForm) {
  for (const char* name : {"term", "TERM", "SIGTERM", "sigterm", "15"}) {
    EXPECT_EQ(signal_number(name), SIGTERM) << name;
  }
  EXPECT_EQ(signal_number("rtmax-1"), SIGRTMAX - 1);
  EXPECT_EQ(signal_number("RTMIN+2"), SIGRTMIN + 2);
  for (const char* name :
       {"", "SIG", "NOTHING", "0", "-1", "65", "15x", "RTMIN+99", "RTMAX-", "RTMIN-1"}) {
    EXPECT_EQ(signal_number(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace cluster_leader
