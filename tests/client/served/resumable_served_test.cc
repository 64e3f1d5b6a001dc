// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests a resumable session over gRPC with real servers that are killed. Other tests check the
// reaction to each fault without a server; here the statuses come from a real one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "client/cpp/resumable_session.h"
#include "tests/support/redis_process.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::RedisProcess;
using ::rnnserve::testing::ServerProcess;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::TemporaryFolder;
using ::testing::SizeIs;

Tensor Value(int i) { return Tensor({1, 1}, std::vector<float>{std::sin(static_cast<float>(i))}); }

class ResumableServedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (auto& server : servers_) {
      auto started =
          ServerProcess::Start({"--model", absl::StrCat("sunspots=", RNNSERVE_SOURCE_DIR,
                                                        "/client/demo/models/sunspots.keras")});
      ASSERT_THAT(started, IsOk());
      server = *std::move(started);
    }
  }

  std::unique_ptr<ResumableSession> Open() {
    ResumableSession::Options options;
    options.attempt_timeout = absl::Seconds(5);  // Other tests may keep the machine busy.
    options.retry_time = absl::Seconds(30);
    options.observer = [this](const Resumption& resumption) { told_.push_back(resumption); };
    return ResumableSession::Open({servers_[0]->grpc_address(), servers_[1]->grpc_address()},
                                  "sunspots", std::move(options))
        .value();
  }

  // Returns the outputs of an undisturbed session for Value(0), Value(1), ...
  std::vector<Tensor> Chain(int num_steps) {
    auto client = Client::Connect(servers_[1]->grpc_address()).value();
    Session session = client->OpenSession("sunspots").value();
    std::vector<Tensor> outputs;
    for (int i = 0; i < num_steps; ++i) outputs.push_back(session.Step(Value(i))->output);
    return outputs;
  }

  std::unique_ptr<ServerProcess> servers_[2];
  std::vector<Resumption> told_;
};

TEST_F(ResumableServedTest, ContinuesOnAnotherServerWhenItsOwnIsKilled) {
  const std::vector<Tensor> expected = Chain(10);
  auto session = Open();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(session->Step(Value(i))->output, expected[i]);

  kill(servers_[0]->pid(), SIGKILL);
  ASSERT_TRUE(servers_[0]->Wait(absl::Seconds(10)).has_value());

  for (int i = 5; i < 10; ++i) {
    const auto result = session->Step(Value(i));
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->output, expected[i]);
  }
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_TRUE(told_[0].is_reopened);
  EXPECT_EQ(told_[0].num_replayed, 5u);
  EXPECT_THAT(session->Close(), IsOk());
}

TEST_F(ResumableServedTest, StopsWhenAnotherWriterAttaches) {
  auto session = Open();
  ASSERT_THAT(session->Step(Value(0)), IsOk());

  auto client = Client::Connect(servers_[0]->grpc_address()).value();
  auto other = client->AttachSession(session->id());
  ASSERT_THAT(other, IsOk());

  const auto result = session->Step(Value(1));
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(ErrorReason(result.status()), "STEP_FENCED");
}

TEST_F(ResumableServedTest, BeginsAnewAfterAReset) {
  const std::vector<Tensor> expected = Chain(2);
  auto session = Open();
  ASSERT_THAT(session->Step(Value(7)), IsOk());

  ASSERT_THAT(session->ResetState(), IsOk());

  EXPECT_EQ(session->Step(Value(0))->output, expected[0]);
  EXPECT_EQ(session->Step(Value(1))->output, expected[1]);
}

// Two replicas with a snapshot store between them, and models with several inputs and outputs:
// "decoder" takes frames [time, 5] and a state [4] and gives a sequence and a state; "two" takes
// frames [time, 5] and token ids [time] and carries states of its own.
class ResumableByNameTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto redis = RedisProcess::Start();
    ASSERT_THAT(redis, IsOk());
    redis_ = *std::move(redis);
    const std::string key_file = folder_.path() / "snapshot.key";
    std::ofstream(key_file) << std::string(64, 'a') << "\n";
    const std::string models = absl::StrCat(RNNSERVE_SOURCE_DIR, "/tests/golden/conformance/");
    for (auto& server : servers_) {
      auto started = ServerProcess::Start(
          {"--model", absl::StrCat("decoder=", models, "states_as_inputs_1/model.keras"), "--model",
           absl::StrCat("two=", models, "multi_input_1/model.keras"), "--model",
           absl::StrCat("heads=", models, "multi_output_0/model.keras"), "--store", redis_->url(),
           "--snapshot-key-file", key_file});
      ASSERT_THAT(started, IsOk());
      server = *std::move(started);
    }
  }

  std::unique_ptr<ResumableSession> Open(const std::string& model, Durability durability) {
    ResumableSession::Options options;
    options.session.durability = durability;
    options.attempt_timeout = absl::Seconds(5);  // Other tests may keep the machine busy.
    options.retry_time = absl::Seconds(30);
    options.observer = [this](const Resumption& resumption) { told_.push_back(resumption); };
    return ResumableSession::Open({servers_[0]->grpc_address(), servers_[1]->grpc_address()}, model,
                                  std::move(options))
        .value();
  }
  // Opens a session on the server that is not killed, which nothing disturbs.
  Session OpenUndisturbed(const std::string& model) {
    if (client_ == nullptr) client_ = Client::Connect(servers_[1]->grpc_address()).value();
    return client_->OpenSession(model).value();
  }
  void KillFirstServer() {
    kill(servers_[0]->pid(), SIGKILL);
    ASSERT_TRUE(servers_[0]->Wait(absl::Seconds(10)).has_value());
  }

  // Returns the inputs of step i: two timesteps.
  static std::vector<NamedTensor> DecoderInputs(int i) {
    return {{"frames", Floats({2, 5}, i)}, {"state_0", Floats({4}, i + 100)}};
  }
  // One timestep of the frames of odd steps is masked.
  static std::vector<NamedTensor> TwoInputs(int i) {
    std::vector<NamedTensor> inputs = {
        {"words", Tensor({2}, std::vector<int32_t>{i % 3, (i + 1) % 3})},
        {"frames", Floats({2, 5}, i)}};
    if (i % 2 == 1) inputs[1].mask = Tensor({2}, std::vector<bool>{i % 4 == 1, i % 4 == 3});
    return inputs;
  }
  static std::vector<NamedTensor> HeadsInputs(int i) {
    return {{"input_layer", Floats({2, 3}, i)}};
  }
  static void ExpectSame(const StepResult& result, const StepResult& expected) {
    EXPECT_EQ(result.output, expected.output);
    ASSERT_THAT(result.outputs, SizeIs(expected.outputs.size()));
    for (size_t i = 0; i < expected.outputs.size(); ++i) {
      EXPECT_EQ(result.outputs[i].name, expected.outputs[i].name);
      EXPECT_EQ(result.outputs[i].value, expected.outputs[i].value);
    }
  }
  // Makes ten steps of a resumable session, whose server is killed in the middle, and expects the
  // results of a session that nothing disturbs.
  void ExpectContinues(const std::string& model, Durability durability,
                       std::vector<NamedTensor> (*inputs_of)(int)) {
    Session undisturbed = OpenUndisturbed(model);
    auto session = Open(model, durability);
    for (int i = 0; i < 10; ++i) {
      if (i == 5) KillFirstServer();
      const auto expected = undisturbed.Step(inputs_of(i));
      ASSERT_THAT(expected, IsOk());
      const auto result = session->Step(inputs_of(i));
      ASSERT_THAT(result, IsOk()) << "step " << i;
      ExpectSame(*result, *expected);
    }
    ASSERT_THAT(told_, SizeIs(1));
    EXPECT_FALSE(told_[0].has_different_outputs);
    EXPECT_THAT(session->Close(), IsOk());
  }

  TemporaryFolder folder_;
  std::unique_ptr<RedisProcess> redis_;
  std::unique_ptr<ServerProcess> servers_[2];
  std::unique_ptr<Client> client_;
  std::vector<Resumption> told_;

 private:
  static Tensor Floats(std::vector<int64_t> shape, int seed) {
    size_t count = 1;
    for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
    std::vector<float> values;
    for (size_t k = 0; k < count; ++k) {
      values.push_back(std::sin(static_cast<float>(7 * seed) + static_cast<float>(k)));
    }
    return Tensor(std::move(shape), std::move(values));
  }
};

TEST_F(ResumableByNameTest, AStoredDecoderContinuesOnTheOtherServer) {
  ExpectContinues("decoder", Durability::kSync, DecoderInputs);
  EXPECT_EQ(told_[0].version_found, 5u);
}

TEST_F(ResumableByNameTest, StoredMasksAndTokensContinueOnTheOtherServer) {
  ExpectContinues("two", Durability::kSync, TwoInputs);
  EXPECT_EQ(told_[0].version_found, 5u);
}

TEST_F(ResumableByNameTest, StoredHeadsContinueOnTheOtherServer) {
  ExpectContinues("heads", Durability::kSync, HeadsInputs);
  EXPECT_EQ(told_[0].version_found, 5u);
}

TEST_F(ResumableByNameTest, StepsThatWereNotStoredAreReplayedWithTheirMasks) {
  ExpectContinues("two", Durability::kAsync, TwoInputs);
}

TEST_F(ResumableByNameTest, ALostSessionIsOpenedAgainAndReplayed) {
  ExpectContinues("two", Durability::kNone, TwoInputs);
  EXPECT_TRUE(told_[0].is_reopened);
  EXPECT_EQ(told_[0].num_replayed, 5u);
}

TEST_F(ResumableByNameTest, AResetAndAnInitialStateTravelWithTheirStep) {
  Session undisturbed = OpenUndisturbed("two");
  const auto beginning = undisturbed.Step(TwoInputs(0));
  ASSERT_THAT(beginning, IsOk());
  StepOptions with_state;
  with_state.return_state = true;
  const auto middle = undisturbed.Step(TwoInputs(1), with_state);
  ASSERT_THAT(middle, IsOk());
  const auto end = undisturbed.Step(TwoInputs(2));
  ASSERT_THAT(end, IsOk());
  auto session = Open("two", Durability::kSync);
  ASSERT_THAT(session->Step(TwoInputs(9)), IsOk());

  ASSERT_THAT(session->ResetState(), IsOk());
  ExpectSame(*session->Step(TwoInputs(0)), *beginning);
  StepOptions from_middle;
  from_middle.initial_state = middle->state;
  KillFirstServer();
  const auto result = session->Step(TwoInputs(2), from_middle);

  ASSERT_THAT(result, IsOk());
  ExpectSame(*result, *end);
}

TEST_F(ResumableByNameTest, AStepThatDoesNotFitTheModelIsRefusedAndNotPerformed) {
  auto session = Open("two", Durability::kSync);
  std::vector<NamedTensor> inputs = TwoInputs(0);
  inputs.pop_back();

  const auto refused = session->Step(inputs);

  EXPECT_EQ(ErrorReason(refused.status()), "INPUT_MISSING");
  EXPECT_FALSE(session->has_unfinished_step());
  EXPECT_EQ(session->Step(TwoInputs(0))->version, 1u);
}

}  // namespace
}  // namespace rnnserve::client
