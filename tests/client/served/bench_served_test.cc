// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests `rnnctl bench` against a real server with the demo models: the counts of short loads must
// add up. Their speed is not tested.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/files/sequence_file.h"
#include "nlohmann/json.hpp"
#include "tests/client/served/demo_server.h"
#include "tests/support/child_process.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::RunShell;
using ::testing::HasSubstr;

using Json = nlohmann::json;

class BenchServedTest : public DemoServerTest {
 protected:
  // Runs `rnnctl --json bench ARGUMENTS` and returns the report.
  Json Bench(const std::string& arguments) {
    const auto outcome =
        RunShell(absl::StrCat(RNNSERVE_BIN_DIR, "/rnnctl --json --server ", server_->grpc_address(),
                              " bench ", arguments, " --warm-up-seconds 0"));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return Json::parse(outcome.out);
  }

  static void ExpectAllAnswered(const Json& load, int num_steps) {
    EXPECT_EQ(load["steps"], num_steps) << load;
    EXPECT_EQ(load["answered_steps"], num_steps);
    EXPECT_EQ(load["failed_steps"], 0);
    EXPECT_TRUE(load["errors"].empty());
    EXPECT_EQ(load["latencies"]["count"], num_steps);
    int num_in_buckets = 0;
    for (const Json& bucket : load["latencies"]["buckets"]) num_in_buckets += bucket[1].get<int>();
    EXPECT_EQ(num_in_buckets, num_steps);
    int num_of_models = 0;
    for (const Json& model : load["models"])
      num_of_models += model["latencies"]["count"].get<int>();
    EXPECT_EQ(num_of_models, num_steps);
  }

  static void ExpectNoSessions() {
    const auto client = Client::Connect(server_->grpc_address());
    ASSERT_TRUE(client.ok()) << client.status();
    EXPECT_TRUE((*client)->ListSessions().value().empty());
  }
};

TEST_F(BenchServedTest, AClosedLoopIsAnsweredAndItsSessionsEnd) {
  const Json json =
      Bench("--model sunspots=3,japanese_vowels=1 --steps 2000 --lengths geometric:9");

  const Json& load = json["loads"][0];
  ExpectAllAnswered(load, 2000);
  EXPECT_EQ(load["messages"], 2000);
  EXPECT_GT(load["sequences"], 100);
  EXPECT_EQ(json["options"]["models"][0]["sessions"], 48);
  ExpectNoSessions();
}

TEST_F(BenchServedTest, AnOpenLoopIsAnsweredAndItsSessionsEnd) {
  const Json json = Bench(
      "--model japanese_vowels --rate 4000 --steps 2000 --sessions-per-message 4 --chunk 3 "
      "--lengths uniform:1-30 --channels 2 --seed 3");

  const Json& load = json["loads"][0];
  ExpectAllAnswered(load, 2000);
  EXPECT_EQ(load["messages"], 500);
  EXPECT_EQ(load["mean_sessions_a_message"], 4);
  EXPECT_EQ(load["send_delays"]["count"], 500);
  EXPECT_EQ(load["offered_steps_per_second"], 4000);
  EXPECT_GE(load["latencies"]["max_us"], load["latencies"]["p99_us"]);
  EXPECT_GE(load["latencies"]["p99_us"], load["latencies"]["p50_us"]);
  ExpectNoSessions();
}

TEST_F(BenchServedTest, OneActionStepsAllSessionsOfAMessage) {
  const Json json = Bench(
      "--model japanese_vowels --steps 2048 --sessions 64 --sessions-per-message 16 "
      "--step-sessions --chunk 3 --lengths fixed:12");

  EXPECT_EQ(json["options"]["step_sessions"], true);
  const Json& load = json["loads"][0];
  ExpectAllAnswered(load, 2048);
  EXPECT_EQ(load["messages"], 128);
  EXPECT_EQ(load["mean_sessions_a_message"], 16);
  // A sequence has four steps, so sessions are closed and opened between their StepSessions.
  EXPECT_GT(load["sequences"], 400);
  ExpectNoSessions();
}

TEST_F(BenchServedTest, ASweepDrawsAPicture) {
  const Json json = Bench(absl::StrCat(
      "--model sunspots --sweep 1000:3000:3 --steps 300 --picture ", Path("picture.svg")));

  ASSERT_EQ(json["loads"].size(), 3u);
  for (const Json& load : json["loads"]) ExpectAllAnswered(load, 300);
  EXPECT_EQ(json["loads"][1]["offered_steps_per_second"], 2000);
  const std::string svg = ReadFile(Path("picture.svg")).value();
  EXPECT_THAT(svg, HasSubstr("Latency against load: sunspots"));
  EXPECT_EQ(RunShell(absl::StrCat("python3 -c 'import sys, xml.dom.minidom as dom; "
                                  "dom.parse(sys.argv[1])' ",
                                  Path("picture.svg")))
                .exit_code,
            0);
}

}  // namespace
}  // namespace rnnserve::client
