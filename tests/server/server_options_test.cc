// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the command line and the configuration file: the options that they set, and the errors.

#include "server/server_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <initializer_list>

#include "tests/support/temporary_folder.h"

namespace rnnserve::server {
namespace {

using ::testing::ElementsAre;

class ServerOptionsTest : public ::testing::Test {
 protected:
  std::variant<ServerOptions, int> Parse(std::initializer_list<const char*> arguments) {
    std::vector<const char*> argv = {"rnnserve"};
    argv.insert(argv.end(), arguments);
    return ParseCommandLine(static_cast<int>(argv.size()), argv.data());
  }

  // Returns the exit code if the command line is refused, and -1 if it is accepted.
  int ExitCode(std::initializer_list<const char*> arguments) {
    ::testing::internal::CaptureStderr();
    const auto parsed = Parse(arguments);
    error_output_ = ::testing::internal::GetCapturedStderr();
    return std::holds_alternative<int>(parsed) ? std::get<int>(parsed) : -1;
  }

  std::string WriteConfig(const std::string& text) {
    const std::string path = folder_.path() / "server_options_test.toml";
    std::ofstream(path) << text;
    return path;
  }

  const rnnserve::testing::TemporaryFolder folder_;
  std::string error_output_;
};

TEST_F(ServerOptionsTest, DefaultsAreThoseOfTheEngine) {
  const auto parsed = Parse({});

  const ServerOptions& options = std::get<ServerOptions>(parsed);
  EXPECT_EQ(options.grpc_address, "0.0.0.0:50051");
  EXPECT_EQ(options.metrics_address, "0.0.0.0:9464");
  EXPECT_EQ(options.engine.batching.max_batch_rows, EngineOptions().batching.max_batch_rows);
  EXPECT_EQ(options.engine.max_idle_timeout, absl::Minutes(5));
}

TEST_F(ServerOptionsTest, ModelsMayBeRepeated) {
  const auto parsed = Parse({"--model", "a=one", "--model", "b=two"});

  EXPECT_THAT(std::get<ServerOptions>(parsed).models, ElementsAre("a=one", "b=two"));
}

TEST_F(ServerOptionsTest, TheInstructionSetIsOneOfThisProcessor) {
  EXPECT_EQ(std::get<ServerOptions>(Parse({})).isa, "");
  EXPECT_EQ(std::get<ServerOptions>(Parse({"--isa", "portable"})).isa, "portable");
  EXPECT_GT(ExitCode({"--isa", "mmx"}), 0);
  EXPECT_THAT(error_output_, ::testing::HasSubstr("portable"));
}

TEST_F(ServerOptionsTest, TheConfigurationFileHasTheNamesOfTheFlags) {
  const std::string path = WriteConfig(
      "model = [\"a=one\", \"b=two\"]\nmax-sessions = 7\nsession-idle-timeout-ms = 1500\n"
      "grpc-address = \"127.0.0.1:0\"\nlog-format = \"text\"\n");

  const auto parsed = Parse({"--config", path.c_str()});

  const ServerOptions& options = std::get<ServerOptions>(parsed);
  EXPECT_THAT(options.models, ElementsAre("a=one", "b=two"));
  EXPECT_EQ(options.engine.sessions.max_sessions, 7);
  EXPECT_EQ(options.engine.max_idle_timeout, absl::Milliseconds(1500));
  EXPECT_EQ(options.grpc_address, "127.0.0.1:0");
  EXPECT_EQ(options.log.format, "text");
}

TEST_F(ServerOptionsTest, AFlagOverridesTheFile) {
  const std::string path = WriteConfig("max-sessions = 7\n");

  const auto parsed = Parse({"--config", path.c_str(), "--max-sessions", "8"});

  EXPECT_EQ(std::get<ServerOptions>(parsed).engine.sessions.max_sessions, 8);
}

TEST_F(ServerOptionsTest, AnUnknownKeyInTheFileIsAnErrorThatNamesIt) {
  const std::string path = WriteConfig("max-session = 7\n");

  EXPECT_GT(ExitCode({"--config", path.c_str()}), 0);
  EXPECT_THAT(error_output_, ::testing::HasSubstr("max-session"));
}

TEST_F(ServerOptionsTest, AFileThatCannotBeReadIsAnErrorThatNamesIt) {
  EXPECT_GT(ExitCode({"--config", "/nonexistent/rnnserve.toml"}), 0);
  EXPECT_THAT(error_output_, ::testing::HasSubstr("/nonexistent/rnnserve.toml"));
}

TEST_F(ServerOptionsTest, ValuesOutOfRangeAreErrors) {
  EXPECT_GT(ExitCode({"--max-sessions", "0"}), 0);
  EXPECT_THAT(error_output_, ::testing::HasSubstr("--max-sessions"));
  EXPECT_GT(ExitCode({"--max-batch-rows", "many"}), 0);
  EXPECT_GT(ExitCode({"--log-level", "loud"}), 0);
  EXPECT_GT(ExitCode({"--session-idle-timeout-ms", "-1"}), 0);
}

TEST_F(ServerOptionsTest, AnUnknownFlagIsAnError) { EXPECT_GT(ExitCode({"--frobnicate"}), 0); }

}  // namespace
}  // namespace rnnserve::server
