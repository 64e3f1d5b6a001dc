// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests rnnctl, rnnserve-demo and the library against a real server with the demo models.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "client/files/npy.h"
#include "client/files/sequence_file.h"
#include "tests/client/served/demo_server.h"
#include "tests/support/child_process.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kDemo[] = RNNSERVE_SOURCE_DIR "/client/demo";

using Outcome = rnnserve::testing::ProcessOutcome;

class ClientServedTest : public DemoServerTest {
 protected:
  // Runs a program of this build with a shell command line.
  Outcome Run(const std::string& command_line) {
    return rnnserve::testing::RunShell(absl::StrCat(RNNSERVE_BIN_DIR, "/", command_line));
  }

  Outcome Rnnctl(const std::string& arguments) {
    return Run(absl::StrCat("rnnctl --server ", server_->grpc_address(), " ", arguments));
  }

  Outcome Demo(const std::string& data) {
    return Run(absl::StrCat("rnnserve-demo --grpc ", server_->grpc_address(), " --metrics ",
                            server_->metrics_address(), " --data ", data, " --picture ",
                            Path("speech.svg")));
  }
};

TEST_F(ClientServedTest, DemoAgreesWithKerasAndOnnxRuntime) {
  const Outcome outcome = Demo(absl::StrCat(kDemo, "/data"));

  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("-- ResetState --"), HasSubstr("13 of 13 comparisons agree"),
                    Not(HasSubstr("FAILED"))));
  EXPECT_THAT(ReadFile(Path("speech.svg")).value(), HasSubstr("</svg>"));
}

TEST_F(ClientServedTest, DemoFailsIfOneNumberDisagrees) {
  const std::string data = Path("data");
  std::filesystem::copy(absl::StrCat(kDemo, "/data"), data);
  const std::string file = data + "/sunspots_keras.jsonl";
  const std::string lines = ReadFile(file).value();
  const std::string changed = absl::StrReplaceAll(
      lines, {{"{\"month\":\"1749-02\",\"forecast\":5", "{\"month\":\"1749-02\",\"forecast\":6"}});
  ASSERT_NE(changed, lines);
  ASSERT_THAT(WriteFile(file, changed), IsOk());

  const Outcome outcome = Demo(data);

  EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("[FAILED] forecasts before the reset")) << outcome.err;
}

TEST_F(ClientServedTest, DemoFailsIfOnePredictionDisagrees) {
  const std::string data = Path("data");
  std::filesystem::copy(absl::StrCat(kDemo, "/data"), data);
  const std::string file = data + "/japanese_vowels_keras.jsonl";
  const std::string lines = ReadFile(file).value();
  ASSERT_EQ(lines.substr(0, 10), "{\"label\":0");
  ASSERT_THAT(WriteFile(file, "{\"label\":1" + lines.substr(10)), IsOk());

  const Outcome outcome = Demo(data);

  EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("[FAILED] streamed: 369 of 370 predictions")) << outcome.err;
}

TEST_F(ClientServedTest, DemoFailsIfOneProbabilityOfSpeechDisagrees) {
  const std::string data = Path("data");
  std::filesystem::copy(absl::StrCat(kDemo, "/data"), data);
  const std::string file = data + "/speech_onnxruntime.json";
  const std::string results = ReadFile(file).value();
  const std::string changed =
      absl::StrReplaceAll(results, {{"\"skipped_samples\":32,\"probabilities\":[0.",
                                     "\"skipped_samples\":32,\"probabilities\":[0.9"}});
  ASSERT_NE(changed, results);
  ASSERT_THAT(WriteFile(file, changed), IsOk());

  const Outcome outcome = Demo(data);

  EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("[FAILED] a frame a step")) << outcome.err;
}

TEST_F(ClientServedTest, RnnctlShowsTheModels) {
  EXPECT_THAT(Rnnctl("models").out, AllOf(HasSubstr("japanese_vowels"), HasSubstr("sunspots")));
  EXPECT_THAT(Rnnctl("describe sunspots").out,
              AllOf(HasSubstr("float32 [time, 1]"), HasSubstr("gru_2")));
}

TEST_F(ClientServedTest, RnnctlStreamAndInferAgree) {
  const std::string input = absl::StrCat(kDemo, "/data/japanese_vowels_test.jsonl");

  const Outcome infer =
      Rnnctl(absl::StrCat("infer japanese_vowels ", input, " -o ", Path("infer.npy")));
  const Outcome stream =
      Rnnctl(absl::StrCat("stream japanese_vowels ", input, " --last -o ", Path("stream.npy")));
  const Outcome chunks = Rnnctl(
      absl::StrCat("stream japanese_vowels ", input, " --last --chunk 7 -o ", Path("chunks.npy")));

  ASSERT_EQ(infer.exit_code, 0) << infer.err;
  ASSERT_EQ(stream.exit_code, 0) << stream.err;
  ASSERT_EQ(chunks.exit_code, 0) << chunks.err;
  const Tensor inferred = ParseNpy(ReadFile(Path("infer.npy")).value()).value();
  EXPECT_EQ(inferred.shape(), (std::vector<int64_t>{370, 9}));
  EXPECT_EQ(ParseNpy(ReadFile(Path("stream.npy")).value()).value(), inferred);
  EXPECT_EQ(ParseNpy(ReadFile(Path("chunks.npy")).value()).value(), inferred);
}

TEST_F(ClientServedTest, RnnctlPrintsTheServersReason) {
  ASSERT_THAT(WriteFile(Path("in.jsonl"), "[1e39, 2]\n"), IsOk());

  const Outcome infinite = Rnnctl("infer sunspots " + Path("in.jsonl"));
  const Outcome unknown = Rnnctl("reset never-opened");

  EXPECT_EQ(infinite.exit_code, 1);
  EXPECT_THAT(infinite.err, HasSubstr("INVALID_ARGUMENT (NOT_FINITE)"));
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("NOT_FOUND (SESSION_UNKNOWN)"));
}

TEST_F(ClientServedTest, ADetachedSessionIsListedResetAndClosed) {
  const auto client = Client::Connect(server_->grpc_address());
  ASSERT_THAT(client, IsOk());
  SessionOptions options;
  options.session_id = "detached-one";
  absl::StatusOr<Session> session = (*client)->OpenSession("sunspots", options);
  ASSERT_THAT(session, IsOk());
  const Tensor value({1, 1}, std::vector<float>{50});
  const auto first = session->Step(value);
  ASSERT_THAT(first, IsOk());

  EXPECT_THAT(Rnnctl("sessions --model sunspots").out, HasSubstr("detached-one"));
  EXPECT_EQ(Rnnctl("reset detached-one").out, "1 session reset\n");
  const auto again = session->Step(value);

  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->output, first->output);
  EXPECT_EQ(again->version, 2u);
  EXPECT_THAT(session->Close(), IsOk());
  EXPECT_THAT(Rnnctl("sessions").out, Not(HasSubstr("detached-one")));
}

TEST_F(ClientServedTest, StatesAreCopiedFromOneSessionToAnother) {
  const auto client = Client::Connect(server_->grpc_address());
  ASSERT_THAT(client, IsOk());
  const auto stream = (*client)->OpenStream();
  absl::StatusOr<Session> a = stream->OpenSession("sunspots");
  absl::StatusOr<Session> b = (*client)->OpenSession("sunspots");
  ASSERT_THAT(a, IsOk());
  ASSERT_THAT(b, IsOk());
  const Tensor value({1, 1}, std::vector<float>{50});
  ASSERT_THAT(a->Step(value), IsOk());

  const auto state = a->GetState();
  ASSERT_THAT(state, IsOk());
  ASSERT_THAT(b->SetState(*state), IsOk());

  EXPECT_EQ(a->Step(value)->output, b->Step(value)->output);
}

TEST_F(ClientServedTest, AStepIsPerformedOnceHoweverOftenItIsSent) {
  const auto client = Client::Connect(server_->grpc_address());
  const auto other = Client::Connect(server_->grpc_address(), {.has_own_connection = true});
  ASSERT_THAT(client, IsOk());
  ASSERT_THAT(other, IsOk());
  absl::StatusOr<Session> session = (*client)->OpenSession("sunspots");
  ASSERT_THAT(session, IsOk());
  const Tensor value({1, 1}, std::vector<float>{50});
  StepOptions options;
  options.step_index = session->first_index();
  options.epoch = session->epoch();

  const auto first = session->Step(value, options);
  Session same = (*other)->AdoptSession(session->id());
  const auto again = same.Step(value, options);
  same.Release();

  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(first->is_replayed);
  EXPECT_TRUE(again->is_replayed);
  EXPECT_EQ(again->output, first->output);
  EXPECT_EQ(again->version, 1u);
}

TEST_F(ClientServedTest, AnAttachedWriterContinuesAndThePreviousOneIsFenced) {
  const auto client = Client::Connect(server_->grpc_address());
  ASSERT_THAT(client, IsOk());
  absl::StatusOr<Session> before = (*client)->OpenSession("sunspots");
  ASSERT_THAT(before, IsOk());
  const Tensor value({1, 1}, std::vector<float>{50});
  ASSERT_THAT(before->Step(value), IsOk());

  absl::StatusOr<Session> after = (*client)->AttachSession(before->id());
  ASSERT_THAT(after, IsOk());
  StepOptions options;
  options.step_index = after->first_index();
  options.epoch = before->epoch();
  const absl::Status fenced = before->Step(value, options).status();
  options.epoch = after->epoch();

  EXPECT_EQ(after->first_index(), 1u);
  EXPECT_EQ(after->epoch(), 2u);
  EXPECT_THAT(fenced, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(ErrorReason(fenced), "STEP_FENCED");
  EXPECT_EQ(ErrorNumber(fenced, "epoch"), 2u);
  EXPECT_THAT(after->Step(value, options), IsOk());
  before->Release();
}

TEST_F(ClientServedTest, ForksAreMadeAndEvicted) {
  const auto client = Client::Connect(server_->grpc_address());
  ASSERT_THAT(client, IsOk());
  SessionOptions options;
  options.session_id = "forked-one";
  absl::StatusOr<Session> session = (*client)->OpenSession("sunspots", options);
  ASSERT_THAT(session, IsOk());
  const Tensor value({1, 1}, std::vector<float>{50});
  ASSERT_THAT(session->Step(value), IsOk());

  auto forks = session->Fork(3);
  ASSERT_THAT(forks, IsOk());
  ASSERT_EQ(forks->size(), 3u);
  EXPECT_EQ((*forks)[0].Step(value)->output, session->Step(value)->output);
  const std::string printed = Rnnctl("fork forked-one -n 2").out;
  EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 2);
  EXPECT_THAT(Rnnctl("evict " + absl::StrReplaceAll(printed, {{"\n", " "}})).out,
              HasSubstr("evicted after 0 steps"));
  EXPECT_THAT(Rnnctl("evict " + (*forks)[2].id()).out, HasSubstr("evicted after 0 steps"));
  const absl::Status evicted = (*forks)[2].Step(value).status();

  EXPECT_EQ(ErrorReason(evicted), "SESSION_EVICTED");
  EXPECT_THAT(Rnnctl("sessions --prefix forked-").out, HasSubstr("forked-one"));
  EXPECT_THAT(Rnnctl("sessions --prefix forked- --min-idle-ms 60000").out,
              Not(HasSubstr("forked-one")));
}

TEST_F(ClientServedTest, ASessionIsExportedToAFileAndImported) {
  const std::string key = Path("key");
  const std::string file = Path("session");
  std::ofstream(key) << std::string(64, 'b');
  const auto with_key = rnnserve::testing::ServerProcess::Start(
      {"--model",
       absl::StrCat("sunspots=", RNNSERVE_SOURCE_DIR, "/client/demo/models/sunspots.keras"),
       "--snapshot-key-file", key});
  ASSERT_THAT(with_key, IsOk());
  const auto client = Client::Connect((*with_key)->grpc_address());
  ASSERT_THAT(client, IsOk());
  SessionOptions options;
  options.session_id = "kept";
  absl::StatusOr<Session> session = (*client)->OpenSession("sunspots", options);
  ASSERT_THAT(session, IsOk());
  const Tensor value({1, 1}, std::vector<float>{50});
  ASSERT_THAT(session->Step(value), IsOk());
  const std::string rnnctl = absl::StrCat("rnnctl --server ", (*with_key)->grpc_address(), " ");

  EXPECT_EQ(Run(absl::StrCat(rnnctl, "export kept -o ", file)).exit_code, 0);
  EXPECT_EQ(Run(absl::StrCat(rnnctl, "import ", file, " --as again")).out, "again\n");

  Session again = (*client)->AdoptSession("again");
  const auto result = again.Step(value);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->version, 2u);
  EXPECT_EQ(result->output, session->Step(value)->output);
  EXPECT_THAT(Rnnctl("export kept").err, HasSubstr("NOT_FOUND (SESSION_UNKNOWN)"));
  EXPECT_EQ(Run(absl::StrCat(rnnctl, "import ", key)).exit_code, 1);
}

TEST_F(ClientServedTest, AnExpiredDeadlineIsReportedAsSuch) {
  const auto client = Client::Connect(server_->grpc_address());
  ASSERT_THAT(client, IsOk());

  // A paused server cannot answer in time, however fast the machine is.
  ASSERT_TRUE(server_->Pause());
  const auto models = (*client)->ListModels(CallOptions{absl::Milliseconds(50)});
  server_->Resume();

  EXPECT_THAT(models, StatusIs(absl::StatusCode::kDeadlineExceeded));
}

}  // namespace
}  // namespace rnnserve::client
