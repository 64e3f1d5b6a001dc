// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the program rnnctl against the fake server: its output, its files and its exit codes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "client/files/npy.h"
#include "client/files/sequence_file.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_server.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Outcome = rnnserve::testing::ProcessOutcome;

class RnnctlTest : public ::testing::Test {
 protected:
  // Runs `rnnctl ARGUMENTS` against the fake server. The arguments are words of a shell command.
  Outcome Run(const std::string& arguments) { return RunAgainst(server_.address(), arguments); }

  Outcome RunAgainst(const std::string& server, const std::string& arguments) {
    return rnnserve::testing::RunShell(
        absl::StrCat("RNNSERVE_SERVER=", server, " ", RNNSERVE_BIN_DIR, "/rnnctl ", arguments));
  }

  std::string Path(const std::string& name) const { return folder_.path() / name; }

  std::string Write(const std::string& name, const std::string& contents) {
    EXPECT_TRUE(WriteFile(Path(name), contents).ok());
    return Path(name);
  }

  const rnnserve::testing::TemporaryFolder folder_;
  FakeServer server_;
};

TEST_F(RnnctlTest, ListsModels) {
  const Outcome outcome = Run("models");

  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out,
            "MODEL   SESSIONS  PARAMETERS  STATE BYTES  DIGEST\n"
            "silent  yes            1 234            8  0123456789ab\n"
            "sums    yes            1 234            8  0123456789ab\n"
            "total   yes            1 234            8  0123456789ab\n");
}

TEST_F(RnnctlTest, ListsModelsAsJson) {
  const Outcome outcome = Run("models --json");

  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["models"][1]["name"], "sums");
  EXPECT_EQ(json["models"][1]["streamable"], true);
}

TEST_F(RnnctlTest, DescribesAModel) {
  const Outcome outcome = Run("describe total");

  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out,
            "Model       total\n"
            "digest      0123456789abcdef0123\n"
            "parameters  1 234, matrices in int8, 5 678 bytes\n"
            "input       float32 [time, 2]\n"
            "output      float32 [2] after the last timestep\n"
            "sessions    yes, 8 bytes of state each\n"
            "\n"
            "LAYER  CLASS  OUTPUT  PARAMETERS\n"
            "adder  RNN    [2]          1 234\n"
            "\n"
            "STATE OF  NAME  SHAPE\n"
            "adder     sum   [2]\n");
}

TEST_F(RnnctlTest, ReloadsAModelAndReportsTheResult) {
  EXPECT_EQ(
      Run("reload sums").out,
      "sums: 0123456789ab -> fedcba987654; 1 200 open sessions stay on the previous version\n");
  EXPECT_EQ(Run("reload total").out, "total is unchanged: 0123456789ab\n");
  const auto json = nlohmann::json::parse(Run("reload sums --json").out);
  EXPECT_EQ(json["changed"], true);
}

TEST_F(RnnctlTest, InfersSequencesOfDifferentLengthsInTheirOrder) {
  const std::string input = Write("in.jsonl", "[[1,2],[3,4]]\n[[5,6]]\n[[7,8],[9,10]]\n");

  const Outcome outcome = Run(absl::StrCat("infer total ", input, " -o ", Path("out.csv")));

  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(ReadFile(Path("out.csv")).value(), "sequence,y0,y1\n0,4,6\n1,5,6\n2,16,18\n");
}

TEST_F(RnnctlTest, PrintsATableOrJsonToStandardOutput) {
  const std::string input = Write("in.csv", "1,2\n3,4\n");

  EXPECT_EQ(Run("infer sums " + input).out,
            "SEQUENCE  TIME  Y0  Y1\n"
            "       0     0   1   2\n"
            "       0     1   4   6\n");
  EXPECT_EQ(Run("--json infer sums " + input).out, "{\"sequence\":0,\"output\":[[1,2],[4,6]]}\n");
}

// The fake server adds the seed to the outputs.
TEST_F(RnnctlTest, GivesEveryCallOfATrainingRunItsOwnSeed) {
  const std::string input = Write("in.jsonl", "[[1,0]]\n[[2,0]]\n[[3,0]]\n");

  const Outcome seeded = Run("--json infer total " + input + " --training --seed 40 --batch 2");
  const Outcome unseeded = Run("--json infer total " + input + " --training --batch 2");

  EXPECT_EQ(seeded.out,
            "{\"sequence\":0,\"output\":[41,40]}\n"
            "{\"sequence\":1,\"output\":[42,40]}\n"
            "{\"sequence\":2,\"output\":[44,41]}\n");
  EXPECT_THAT(unseeded.out, HasSubstr("[1003,1000]"));
}

TEST_F(RnnctlTest, StreamsEverySequenceThroughItsOwnSession) {
  std::string lines;
  for (int i = 0; i < 30; ++i) absl::StrAppend(&lines, "[[", 100 + i, ",0],[1,0],[1,0]]\n");
  const std::string input = Write("in.jsonl", lines);

  const Outcome outcome =
      Run(absl::StrCat("stream total ", input, " --sessions 7 -o ", Path("out.npy")));

  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, StartsWith("30 sequences, 90 timesteps in "));
  const Tensor outputs = ParseNpy(ReadFile(Path("out.npy")).value()).value();
  ASSERT_EQ(outputs.shape(), (std::vector<int64_t>{30, 3, 2}));
  EXPECT_EQ(outputs.floats()[0], 100);
  EXPECT_EQ(outputs.floats()[2], 101);
  EXPECT_EQ(outputs.floats()[29 * 6 + 4], 131);
  EXPECT_TRUE(server_.AwaitOpenSessions(0));
}

TEST_F(RnnctlTest, PrintsTheNoticesOfAStream) {
  const std::string input = Write("in.jsonl", "[[1,0],[1,0]]\n");
  v1::StreamNotice notice;
  notice.set_session_id("s");
  notice.mutable_ended()->set_reason("SESSION_EVICTED");
  server_.SendNoticesAtNextMessage({notice});

  const Outcome outcome = Run(absl::StrCat("stream total ", input, " -o ", Path("out.npy")));

  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("session s: has ended: SESSION_EVICTED\n1 sequences"));
}

TEST_F(RnnctlTest, StreamsInChunksAndKeepsTheLastOutput) {
  const std::string input = Write("in.jsonl", "[[1,0],[1,0],[1,0],[1,0],[1,0]]\n");
  const std::string stream = absl::StrCat("--json stream total ", input, " --chunk 2");

  EXPECT_EQ(Run(stream).out, "{\"sequence\":0,\"output\":[[2,0],[4,0],[5,0]]}\n");
  EXPECT_EQ(Run(stream + " --last").out, "{\"sequence\":0,\"output\":[5,0]}\n");
}

TEST_F(RnnctlTest, ListsAndResetsSessions) {
  const std::unique_ptr<Client> client = server_.Connect();
  SessionOptions options;
  options.session_id = "mine";
  Session session = client->OpenSession("total", options).value();
  ASSERT_TRUE(session.Step(Tensor({1, 2}, std::vector<float>{1, 2})).ok());

  options.session_id = FakeServer::kSpilledId;
  Session away = client->OpenSession("total", options).value();

  EXPECT_EQ(Run("sessions").out,
            "SESSION  MODEL  DIGEST        STEPS    IDLE  STATE BYTES  LIFETIME  KEPT IN\n"
            "away     total  0123456789ab      0  1.50 s            8  detached  store\n"
            "mine     total  0123456789ab      1  1.50 s            8  detached  memory\n");
  const nlohmann::json listed = nlohmann::json::parse(Run("sessions --json").out)["sessions"];
  EXPECT_EQ(listed.at(0)["spilled"], true);
  EXPECT_EQ(listed.at(1)["spilled"], false);
  EXPECT_EQ(listed.at(1)["model_digest"], "0123456789abcdef0123");
  away.Close().IgnoreError();
  EXPECT_EQ(Run("reset mine").out, "1 session reset\n");
  EXPECT_EQ(session.GetState()->at(0).value, Tensor({2}, std::vector<float>{0, 0}));
  EXPECT_EQ(nlohmann::json::parse(Run("reset --model total --json").out)["num_sessions"], "1");
}

TEST_F(RnnctlTest, ExitsWithOneIfTheServerRefuses) {
  const Outcome outcome = Run("describe nothing");

  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.err, "rnnctl: NOT_FOUND (MODEL_NOT_FOUND): no model 'nothing'\n");
  EXPECT_EQ(outcome.out, "");
}

TEST_F(RnnctlTest, PrintsAnErrorAsJson) {
  const auto json = nlohmann::json::parse(Run("--json reset gone").err);

  EXPECT_EQ(json["code"], "NOT_FOUND");
  EXPECT_EQ(json["reason"], "SESSION_NOT_FOUND");
}

TEST_F(RnnctlTest, ExitsWithOneIfAStepIsRefusedAndNamesItsPlace) {
  const std::string input = Write("in.jsonl", "[[1,2]]\n[[1,2],[13,2]]\n");

  const Outcome outcome = Run("stream sums " + input);

  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("FAILED_PRECONDITION (STATE_NONFINITE)"),
                                 HasSubstr("sequence 1, timestep 1: 13 is bad")));
}

TEST_F(RnnctlTest, ExitsWithThreeIfNobodyAnswers) {
  const std::string address = FakeServer().address();

  const Outcome outcome = RunAgainst(address, "models");

  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr(address));
}

struct WrongUse {
  const char* name;
  const char* arguments;
  const char* message;
};

class RnnctlWrongUseTest : public RnnctlTest, public ::testing::WithParamInterface<WrongUse> {};

TEST_P(RnnctlWrongUseTest, ExitsWithTwo) {
  const Outcome outcome = Run(GetParam().arguments);

  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    , RnnctlWrongUseTest,
    ::testing::Values(
        WrongUse{"NoCommand", "", "A command is required"},
        WrongUse{"UnknownCommand", "fly", "not expected: fly"},
        WrongUse{"MissingModel", "describe", "model is required"},
        WrongUse{"NothingToReload", "reload", "model is required"},
        WrongUse{"MissingFile", "infer sums /nonexistent.csv", "input: /nonexistent.csv"},
        WrongUse{"UnknownExtension", "infer sums /nonexistent.xml", "--format"},
        WrongUse{"UnknownFormat", "infer sums - --format xml", "xml"},
        WrongUse{"EmptyInput", "infer sums", "standard input: the file contains no sequence"},
        WrongUse{"UnknownOutput", "infer sums -o /nonexistent/a.xml", "--format"},
        WrongUse{"NoSessions", "stream sums - --sessions 0", "--sessions"},
        WrongUse{"SeedWithoutTraining", "infer sums - --seed 1", "--training"},
        WrongUse{"NothingToReset", "reset", "--model"},
        WrongUse{"ResetOfBoth", "reset a --model sums", "excludes"}),
    [](const auto& test) { return test.param.name; });

TEST_F(RnnctlTest, NamesTheLineOfAWrongFile) {
  const Outcome outcome = Run("infer sums " + Write("wrong.csv", "1,2\n1,2,3\n"));

  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("wrong.csv: line 2: has 3 fields"));
}

TEST_F(RnnctlTest, DoesNotWriteOutputsOfDifferentLengthsAsNpy) {
  const std::string input = Write("in.jsonl", "[[1,2]]\n[[1,2],[3,4]]\n");

  const Outcome outcome = Run(absl::StrCat("infer sums ", input, " -o ", Path("out.npy")));

  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("write .csv or .jsonl"));
  EXPECT_FALSE(std::filesystem::exists(Path("out.npy")));
}

TEST_F(RnnctlTest, HelpNamesTheExitCodes) {
  const Outcome outcome = Run("--help");

  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("Exit codes"), HasSubstr("stream")));
}

}  // namespace
}  // namespace rnnserve::client
