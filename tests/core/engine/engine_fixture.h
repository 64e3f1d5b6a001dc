// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_ENGINE_ENGINE_FIXTURE_H_
#define RNNSERVE_TESTS_CORE_ENGINE_ENGINE_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "tests/support/answer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/recording_observer.h"
#include "tests/support/test_models.h"

// The fixture of the engine tests: an engine, calls that wait for their answer, and the models
// "doubling", "classifier", "forecaster", "token", "bidirectional", "dropout" and "normalized" of
// test_models.h.
namespace rnnserve::testing {

class EngineFixture : public ::testing::Test {
 protected:
  EngineFixture() { Restart({}); }

  // Makes a new engine, by default with one worker for each model.
  void Restart(EngineOptions options) {
    engine_.reset();
    if (options.workers == 0) options.workers = 1;
    engine_ = std::make_unique<Engine>(clock_, observer_, options);
    engine_->AddModel("doubling", DoublingModel()).IgnoreError();
    engine_->AddModel("classifier", ClassifierModel()).IgnoreError();
    engine_->AddModel("forecaster", ForecasterModel()).IgnoreError();
    engine_->AddModel("token", TokenModel()).IgnoreError();
    engine_->AddModel("bidirectional", BidirectionalModel()).IgnoreError();
    engine_->AddModel("dropout", DropoutModel()).IgnoreError();
    engine_->AddModel("normalized", NormalizedModel()).IgnoreError();
  }

  absl::StatusOr<OpenedSession> Open(const OpenSessionCall& call) {
    Answer<OpenedSession> answer;
    engine_->OpenSession(call, answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<OpenedSession> Open(const std::string& model, const std::string& id) {
    OpenSessionCall call;
    call.model = model;
    call.session_id = id;
    return Open(call);
  }

  // The input must outlive the call.
  static StepCall StepOf(const std::string& id, const OwnedTensor& input) {
    StepCall call;
    call.session_id = id;
    call.inputs = {{"", input, std::nullopt}};
    return call;
  }
  Answer<StepResult> StartStep(StepCall call) {
    Answer<StepResult> answer;
    engine_->Step(std::move(call), answer.callback());
    return answer;
  }
  absl::StatusOr<StepResult> Step(StepCall call) { return StartStep(std::move(call)).Wait(); }
  // Steps a session of the doubling model by these timesteps.
  absl::StatusOr<StepResult> Step(const std::string& id, const std::vector<float>& values) {
    const OwnedTensor input = OwnedTensor::Floats({static_cast<int64_t>(values.size()), 1}, values);
    return Step(StepOf(id, input));
  }

  absl::StatusOr<InferResult> Infer(InferCall call) {
    Answer<InferResult> answer;
    engine_->Infer(std::move(call), answer.callback());
    return answer.Wait();
  }
  static InferCall InferOf(const std::string& model, const OwnedTensor& input) {
    InferCall call;
    call.model = model;
    call.inputs = {{"", input, std::nullopt}};
    return call;
  }

  absl::StatusOr<SessionStateResult> GetState(const std::string& id) {
    Answer<SessionStateResult> answer;
    engine_->GetState(id, answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<uint64_t> SetState(const std::string& id, std::vector<NamedState> state) {
    Answer<uint64_t> answer;
    engine_->SetState({id, std::move(state), {}}, answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<int64_t> Reset(ResetStateCall call) {
    Answer<int64_t> answer;
    engine_->ResetState(std::move(call), answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<uint64_t> Close(const std::string& id) {
    Answer<uint64_t> answer;
    engine_->CloseSession({id, EndReason::kClosed, {}}, answer.callback());
    return answer.Wait();
  }
  // Returns the state 'h' of a session of the doubling model.
  float Sum(const std::string& id) { return GetState(id)->state.at(0).values.at(0); }

  // The data that a failed call must leave unchanged.
  struct Snapshot {
    std::vector<float> values;
    uint64_t version = 0;

    bool operator==(const Snapshot& other) const = default;
  };
  Snapshot Snap(const std::string& id) {
    const auto state = GetState(id);
    Snapshot snapshot{{}, state->version};
    for (const StateValue& value : state->state) {
      snapshot.values.insert(snapshot.values.end(), value.values.begin(), value.values.end());
    }
    return snapshot;
  }
  // Opens a session and steps it once, so that its state is not the initial one.
  void OpenAndStep(const std::string& model, const std::string& id, const OwnedTensor& input) {
    ASSERT_TRUE(Open(model, id).ok());
    ASSERT_TRUE(Step(StepOf(id, input)).ok());
  }

  FakeClock clock_;
  RecordingEngineObserver observer_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_ENGINE_ENGINE_FIXTURE_H_
