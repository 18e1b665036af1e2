#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "store/location.h"
#include "store/store_contract.h"
#include "support/grown_server.h"

namespace cluster_leader {

/// The tests of a suite share a server, and each has a key of its own.
class SharedServerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<GrownServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  /// The server for a new user, whose rights are words of ACL SETUSER.
  static RedisLocation as_user(const std::string& name, const std::vector<std::string>& rights) {
    std::vector<std::string> words = {"ACL", "SETUSER", name, "on", ">p"};
    words.insert(words.end(), rights.begin(), rights.end());
    EXPECT_EQ(server_->text(words), "OK");
    RedisLocation location = server_->tcp();
    location.credentials = {name, "p", ""};
    return location;
  }

  inline static std::unique_ptr<GrownServer> server_;
  const Key key_ = fresh_key();
};

}  // namespace cluster_leader
