// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the engine under stress: many threads make random calls on many sessions of three models at
// once. A team computes one of the models. The test also makes the calls of each session in order
// on its model alone, one row at a time; every answer must equal that run bit for bit. Runs under
// ThreadSanitizer too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "core/model/workspace.h"
#include "tests/support/answer.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/recording_observer.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

constexpr int kThreads = 4;
constexpr int kSessionsPerThread = 16;
constexpr int kCallsPerThread = 400;
constexpr size_t kFeatures = 2;

// Computes what a session must return, timestep by timestep in a workspace of one row.
class Oracle {
 public:
  explicit Oracle(ModelPtr model)
      : model_(std::move(model)), workspace_(*model_, 1, {1}), state_(*model_) {}

  std::vector<float> Step(const std::vector<float>& values) {
    std::vector<float> outputs;
    std::copy_n(state_.block().data(), state_.block().size(), workspace_.states().column(0));
    for (size_t t = 0; t < values.size(); t += kFeatures) {
      std::copy_n(&values[t], kFeatures, workspace_.input().At(0).column(0));
      model_->RunSequencePart(workspace_);
      model_->RunTail(workspace_);
      const float* y = model_->output(workspace_).At(0).column(0);
      if (!model_->outputs().front().spec.has_time) outputs.clear();
      outputs.insert(outputs.end(), y, y + model_->outputs().front().size);
    }
    std::copy_n(workspace_.states().column(0), state_.block().size(), state_.block().data());
    ++version_;
    return outputs;
  }
  void Reset() { state_ = SessionState(*model_); }
  uint64_t version() const { return version_; }
  std::vector<StateValue> state() const { return state_.Tensors(*model_); }

 private:
  const ModelPtr model_;
  Workspace workspace_;
  SessionState state_;
  uint64_t version_ = 0;
};

class EngineStressTest : public ::testing::Test {
 protected:
  // A client with its own sessions and several calls in flight on each.
  class Client {
   public:
    Client(EngineStressTest& test, int number)
        : engine_(*test.engine_),
          models_(test.models_),
          number_(number),
          random_(static_cast<unsigned>(number)) {}

    void Run() {
      for (int i = 0; i < kCallsPerThread; ++i) CallSomething();
      for (auto& check : checks_) check();
    }

   private:
    struct Session {
      std::string id;
      std::unique_ptr<Oracle> oracle;
    };

    void CallSomething() {
      Session& session = sessions_[random_() % kSessionsPerThread];
      const unsigned dice = random_() % 20;
      if (session.oracle == nullptr) {
        Open(session);
      } else if (dice == 0) {
        Close(session);
      } else if (dice == 1) {
        Reset(session);
      } else if (dice < 4) {
        GetState(session);
      } else if (dice == 4) {
        Infer();
      } else {
        Step(session);
      }
    }

    void Open(Session& session) {
      const auto& [name, model] = models_[random_() % models_.size()];
      OpenSessionCall call;
      call.model = name;
      call.session_id = std::to_string(number_) + "-" + std::to_string(num_opened_++);
      Answer<OpenedSession> opened;
      engine_.OpenSession(call, opened.callback());
      ASSERT_TRUE(opened.Wait().ok());
      session = {call.session_id, std::make_unique<Oracle>(model)};
    }

    void Close(Session& session) {
      const Answer<uint64_t> answer;
      engine_.CloseSession({session.id, EndReason::kClosed, {}}, answer.callback());
      Check(answer, session.oracle->version());
      session.oracle.reset();
    }

    void Reset(Session& session) {
      const Answer<int64_t> answer;
      ResetStateCall call;
      call.session_ids = {session.id};
      engine_.ResetState(call, answer.callback());
      session.oracle->Reset();
      Check(answer, int64_t{1});
    }

    void GetState(Session& session) {
      const Answer<SessionStateResult> answer;
      engine_.GetState(session.id, answer.callback());
      checks_.push_back(
          [answer, expected = session.oracle->state(), version = session.oracle->version()] {
            const auto result = answer.Wait();
            ASSERT_TRUE(result.ok()) << result.status();
            EXPECT_EQ(result->version, version);
            for (size_t i = 0; i < expected.size(); ++i) {
              EXPECT_EQ(result->state[i].values, expected[i].values);
            }
          });
    }

    void Step(Session& session) {
      const std::vector<float> values = RandomValues(1 + random_() % 4);
      const auto input = std::make_shared<OwnedTensor>(Timesteps(values));
      const Answer<StepResult> answer;
      StepCall call;
      call.session_id = session.id;
      call.inputs = {{"", *input, std::nullopt}};
      engine_.Step(call, answer.callback());
      checks_.push_back([answer, input, expected = session.oracle->Step(values)] {
        const auto result = answer.Wait();
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_THAT(result->outputs[0].values, ::testing::ElementsAreArray(expected));
      });
    }

    void Infer() {
      const auto& [name, model] = models_[random_() % models_.size()];
      const std::vector<float> values = RandomValues(3);
      const auto input =
          std::make_shared<OwnedTensor>(OwnedTensor::Floats({1, 3, kFeatures}, values));
      const Answer<InferResult> answer;
      InferCall call;
      call.model = name;
      call.inputs = {{"", *input, std::nullopt}};
      engine_.Infer(call, answer.callback());
      checks_.push_back([answer, input, expected = Oracle(model).Step(values)] {
        const auto result = answer.Wait();
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_EQ(result->outputs[0].values, expected);
      });
    }

    template <typename T>
    void Check(const Answer<T>& answer, T expected) {
      checks_.push_back([answer, expected] {
        const auto result = answer.Wait();
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_EQ(*result, expected);
      });
    }

    std::vector<float> RandomValues(size_t timesteps) {
      std::uniform_real_distribution<float> uniform(-1, 1);
      std::vector<float> values(timesteps * kFeatures);
      for (float& value : values) value = uniform(random_);
      return values;
    }
    static OwnedTensor Timesteps(const std::vector<float>& values) {
      return OwnedTensor::Floats({static_cast<int64_t>(values.size() / kFeatures), kFeatures},
                                 values);
    }

    Engine& engine_;
    const std::vector<std::pair<std::string, ModelPtr>>& models_;
    const int number_;
    std::mt19937 random_;
    int num_opened_ = 0;
    std::vector<Session> sessions_{kSessionsPerThread};
    std::vector<std::function<void()>> checks_;  // of the answers, run after all calls were made
  };

  EngineStressTest() {
    EngineOptions options;
    options.workers = 2;
    options.batching.max_batch_rows = 8;
    engine_ = std::make_unique<Engine>(clock_, observer_, options);
    for (const auto& [name, model] : models_) engine_->AddModel(name, model).IgnoreError();
  }

  const MonotonicClock clock_;
  RecordingEngineObserver observer_;
  const std::vector<std::pair<std::string, ModelPtr>> models_ = {{"classifier", ClassifierModel()},
                                                                 {"forecaster", ForecasterModel()},
                                                                 {"large", LargeModel()}};
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineStressTest, EveryAnswerEqualsThatOfTheSessionAlone) {
  std::vector<std::thread> threads;
  for (int number = 0; number < kThreads; ++number) {
    threads.emplace_back([this, number] { Client(*this, number).Run(); });
  }
  std::thread housekeeper([this] {
    for (int i = 0; i < 100; ++i) {
      engine_->ExpireIdleSessions();
      EXPECT_TRUE(engine_->ListSessions({}, "", 10).ok());
      engine_->load("classifier");
    }
  });
  for (std::thread& thread : threads) thread.join();
  housekeeper.join();

  EXPECT_TRUE(engine_->WaitUntilIdle(absl::InfiniteDuration()));
}

}  // namespace
}  // namespace rnnserve::testing
