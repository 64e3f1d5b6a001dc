// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests `rnnctl bench` against the fake server: the effect of its options, its errors and Ctrl-C.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/files/sequence_file.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_server.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::ChildProcess;
using ::rnnserve::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Outcome = rnnserve::testing::ProcessOutcome;

class BenchTest : public ::testing::Test {
 protected:
  // Starts `rnnctl --server ... ARGUMENTS`; blanks separate the arguments.
  std::unique_ptr<ChildProcess> Start(const std::string& arguments) {
    ChildProcess::Options options;
    options.program = RNNSERVE_BIN_DIR "/rnnctl";
    options.output_file = Path("out");
    options.error_file = Path("err");
    std::filesystem::remove(options.output_file);
    std::filesystem::remove(options.error_file);
    auto process = ChildProcess::Start(
        absl::StrSplit(absl::StrCat("rnnctl --server ", server_.address(), " ", arguments), ' '),
        options);
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }

  Outcome Await(ChildProcess& process) {
    const int exit_code = process.Wait(absl::InfiniteDuration()).value_or(-1);
    return {exit_code, ReadFile(Path("out")).value(), ReadFile(Path("err")).value()};
  }

  Outcome Run(const std::string& arguments) { return Await(*Start(arguments)); }

  std::string Path(const std::string& name) const { return folder_.path() / name; }

  const TemporaryFolder folder_;
  FakeServer server_;
};

TEST_F(BenchTest, AClosedLoopAnswersEveryStep) {
  const Outcome outcome = Run(
      "--json bench --model sums=2,total --steps 300 --warm-up-seconds 0 --sessions 6 --streams 2 "
      "--channels 2 --lengths uniform:1-9 --chunk 2 --seed 4");

  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["options"]["loop"], "closed");
  EXPECT_EQ(json["options"]["seed"], 4);
  EXPECT_EQ(json["options"]["models"][0]["sessions"], 4);
  ASSERT_EQ(json["loads"].size(), 1u);
  const auto& load = json["loads"][0];
  EXPECT_EQ(load["steps"], 300);
  EXPECT_EQ(load["answered_steps"], 300);
  EXPECT_EQ(load["failed_steps"], 0);
  EXPECT_EQ(load["messages"], 300);
  EXPECT_EQ(load["latencies"]["count"], 300);
  EXPECT_EQ(load["models"].size(), 2u);
  // A sequence takes 1 to 5 steps.
  EXPECT_GE(load["sequences"], 54);
  EXPECT_TRUE(server_.AwaitOpenSessions(0));
}

TEST_F(BenchTest, GroupsOfSessionsShareMessagesAndThink) {
  const auto json = nlohmann::json::parse(
      Run("--json bench --model total --steps 100 --warm-up-seconds 0 --sessions 20 --streams 2 "
          "--sessions-per-message 5 --think-ms 2")
          .out);

  EXPECT_EQ(json["loads"][0]["answered_steps"], 100);
  EXPECT_EQ(json["loads"][0]["messages"], 20);
  EXPECT_EQ(json["loads"][0]["mean_sessions_a_message"], 5);
  EXPECT_EQ(json["loads"][0]["send_delays"]["count"], 20);
}

TEST_F(BenchTest, SendsEachRecordedArrivalOnce) {
  std::ofstream(Path("times")) << "10\n10\n10.001\n10.03\n10.03\n10.04\n";

  const auto json = nlohmann::json::parse(
      Run(absl::StrCat("--json bench --model total --sessions 4 --warm-up-seconds 0.02 --arrivals ",
                       Path("times")))
          .out);

  EXPECT_EQ(json["options"]["loop"], "recorded");
  EXPECT_EQ(json["loads"][0]["steps"], 3);
  EXPECT_EQ(json["loads"][0]["answered_steps"], 3);
}

TEST_F(BenchTest, CtrlCEndsItAndReportsTheMeasurement) {
  const auto process = Start("bench --model total --sessions 5 --seconds 3600 --warm-up-seconds 0");
  const std::unique_ptr<Client> client = server_.Connect();
  bool has_begun = false;
  while (!has_begun) {
    const std::vector<v1::SessionSummary> sessions = client->ListSessions().value();
    for (const v1::SessionSummary& session : sessions) {
      has_begun = has_begun || session.version() > 0;
    }
  }

  process->Signal(SIGINT);
  const Outcome outcome = Await(*process);

  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("STEPS/S"), HasSubstr("INTERRUPTED after ")));
  EXPECT_TRUE(server_.AwaitOpenSessions(0));
}

TEST_F(BenchTest, WritesItsReportToAFile) {
  const Outcome outcome = Run(absl::StrCat(
      "bench --model total --steps 10 --warm-up-seconds 0 --sessions 4 -o ", Path("report")));

  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(ReadFile(Path("report")).value(), HasSubstr("STEPS/S"));
}

TEST_F(BenchTest, FailsWithTheServersErrorIfASessionCannotBeOpened) {
  const Outcome outcome = Run("bench --model total,nothing --steps 10");

  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("NOT_FOUND (MODEL_NOT_FOUND): no model 'nothing'"));
  EXPECT_EQ(outcome.out, "");
}

TEST_F(BenchTest, FailsAndReportsTheMeasurementIfTheServerDrains) {
  const auto process = Start("bench --model total --sessions 5 --seconds 3600 --warm-up-seconds 0");
  ASSERT_TRUE(server_.AwaitOpenSessions(5));
  const std::unique_ptr<Client> client = server_.Connect();
  while (client->ListSessions().value().front().version() == 0) {
  }
  server_.EndStreamsAtNextMessage();

  const Outcome outcome = Await(*process);

  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.out, HasSubstr("UNAVAILABLE"));
  EXPECT_THAT(outcome.err, HasSubstr("the server drains"));
}

TEST_F(BenchTest, StepsWithoutAnAnswerHaveFailedAfterTheTimeout) {
  const Outcome outcome = Run(
      "--json --timeout-ms 1500 bench --model silent --steps 4 --warm-up-seconds 0 --sessions 4");

  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("no answer within 1.5s after the load"));
  const auto load = nlohmann::json::parse(outcome.out)["loads"][0];
  EXPECT_EQ(load["steps"], 4);
  EXPECT_EQ(load["failed_steps"], 4);
  EXPECT_EQ(load["errors"][0]["code"], "DEADLINE_EXCEEDED");
  EXPECT_EQ(load["errors"][0]["reason"], "NOT_ANSWERED");
  EXPECT_EQ(load["errors"][0]["count"], 4);
  EXPECT_GE(load["latencies"]["min_us"], 1.5e6);
  EXPECT_TRUE(server_.AwaitOpenSessions(0));
}

struct WrongUse {
  const char* name;
  const char* arguments;
  const char* message;
};

class BenchWrongUseTest : public BenchTest, public ::testing::WithParamInterface<WrongUse> {};

TEST_P(BenchWrongUseTest, ExitsWithTwo) {
  const Outcome outcome = Run(absl::StrCat("bench ", GetParam().arguments));

  EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    , BenchWrongUseTest,
    ::testing::Values(
        WrongUse{"NoModel", "--rate 1", "--model is required"},
        WrongUse{"WrongWeight", "--model a=0", "NAME=WEIGHT"},
        WrongUse{"TwoLoops", "--model total --rate 1 --sweep 1,2", "excludes"},
        WrongUse{"ThinkingInAnOpenLoop", "--model total --rate 1 --think-ms 5", "excludes"},
        WrongUse{"PictureOfOneLoad", "--model total --rate 1 --picture a.svg", "--sweep"},
        WrongUse{"NoRate", "--model total --rate 0", "--rate"},
        WrongUse{"WrongRates", "--model total --sweep 1:2", "FROM:TO:COUNT"},
        WrongUse{"WrongLengths", "--model total --lengths long", "geometric:MEAN"},
        WrongUse{"TooLong", "--model total --seconds 3601", "--seconds"},
        WrongUse{"TooManySteps", "--model total --steps 10000001", "--steps"},
        WrongUse{"UnevenGroups", "--model total --sessions 10 --sessions-per-message 4",
                 "multiple of --sessions-per-message"},
        WrongUse{"StepSessionsOfTwoModels", "--model total,sums --step-sessions",
                 "--step-sessions: the sessions must be of one --model"},
        WrongUse{"StepSessionsOfUnevenLengths",
                 "--model total --step-sessions --lengths uniform:1-9", "--lengths fixed:N"},
        WrongUse{"StepSessionsOfUnevenSteps",
                 "--model total --step-sessions --lengths fixed:10 --chunk 4",
                 "N a multiple of --chunk"},
        WrongUse{"EmptyStreams", "--model total --sessions 3", "--streams"},
        WrongUse{"EmptyChannels", "--model total --channels 5", "--channels"},
        WrongUse{"FewerSessionsThanModels", "--model a,b --sessions 1 --streams 1", "--sessions"},
        WrongUse{"MissingArrivals", "--model total --arrivals /nonexistent", "--arrivals"},
        WrongUse{"UnwritableReport", "--model total -o /nonexistent/a", "--output"},
        WrongUse{"UnwritablePicture", "--model total --sweep 1,2 --picture /nonexistent/a",
                 "--picture"},
        WrongUse{"TooManyArrivals",
                 "--model total --rate 10000000 --steps 10000000 --warm-up-seconds 600",
                 "are too many"}),
    [](const auto& test) { return test.param.name; });

TEST_F(BenchTest, NamesTheLineOfWrongArrivals) {
  std::ofstream(Path("times")) << "1\n2\nx\n";

  const Outcome outcome = Run(absl::StrCat("bench --model total --arrivals ", Path("times")));

  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("times: line 3: 'x' is not a number"));
}

TEST_F(BenchTest, RefusesArrivalsThatEndInTheWarmUp) {
  std::ofstream(Path("times")) << "1\n2\n";

  const Outcome outcome = Run(absl::StrCat("bench --model total --arrivals ", Path("times")));

  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("times: ends within the warm-up, after 1s"));
}

TEST_F(BenchTest, HelpDefinesItsVerdicts) {
  const Outcome outcome = Run("bench --help");

  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("The generator is the bottleneck:"),
                    HasSubstr("--sessions-per-message"), HasSubstr("--step-sessions")));
}

}  // namespace
}  // namespace rnnserve::client
