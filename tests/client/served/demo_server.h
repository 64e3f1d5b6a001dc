// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CLIENT_SERVED_DEMO_SERVER_H_
#define RNNSERVE_TESTS_CLIENT_SERVED_DEMO_SERVER_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/server_process.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::client {

// Base class of tests that use a real server with the demo models. Each suite starts one server for
// all its tests and checks that it stops cleanly.
class DemoServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto server = rnnserve::testing::ServerProcess::Start(
        {"--model-dir", RNNSERVE_SOURCE_DIR "/client/demo/models"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  static void TearDownTestSuite() {
    if (server_ != nullptr) {
      EXPECT_EQ(server_->Stop(), 0) << server_->Log();
    }
    server_.reset();
  }

  std::string Path(const std::string& name) const { return folder_.path() / name; }

  inline static std::unique_ptr<rnnserve::testing::ServerProcess> server_;
  const rnnserve::testing::TemporaryFolder folder_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_TESTS_CLIENT_SERVED_DEMO_SERVER_H_
