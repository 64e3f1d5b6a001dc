// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_INTEGRATION_SHARED_REDIS_H_
#define RNNSERVE_TESTS_INTEGRATION_SHARED_REDIS_H_

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/served_models.h"
#include "tests/support/redis_process.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {

// A real Redis, and servers of one small model that share it as their snapshot store with one key.
class SharedRedisTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto redis = RedisProcess::Start();
    ASSERT_THAT(redis, IsOk());
    redis_ = *std::move(redis);
    std::ofstream(key_file()) << std::string(64, 'a') << "\n";
  }

  std::string key_file() const { return (folder_.path() / "snapshot.key").string(); }
  // Starts a server with these additional arguments.
  std::unique_ptr<ServerProcess> StartServer(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {
        "--model",
        absl::StrCat(kSunspots, "=", RNNSERVE_SOURCE_DIR, "/client/demo/models/sunspots.keras"),
        "--store",
        redis_->url(),
        "--snapshot-key-file",
        key_file()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto server = ServerProcess::Start(arguments);
    EXPECT_THAT(server, IsOk());
    return *std::move(server);
  }

  TemporaryFolder folder_;
  std::unique_ptr<RedisProcess> redis_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_INTEGRATION_SHARED_REDIS_H_
