// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Requests: the input is a StreamRequest, in protobuf's text form or in its binary form. Its actions
// are called one after another, from the decoding of tensors to the batch, in an engine with these
// models, each with a session of the same name: "doubling", "classifier", "token" and "pair" of
// test_models.h. What a step gives to a session is also given to Infer, with the id as the model.
// A step that fails must leave the state of its session as it was.

#include <google/protobuf/message.h>

#include <string>
#include <utility>

#include "core/engine/engine.h"
#include "rnnserve/v1/inference.pb.h"
#include "server/session_calls.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/message_mutator.h"
#include "tests/support/answer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/silent_observer.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using server::SessionCalls;

constexpr int kActionsMax = 64;

// An engine with its calls. It lives as long as the process.
class Host {
 public:
  Host() : engine_(clock_, observer_, Options()), calls_(clock_, engine_) {
    Require(engine_.AddModel("doubling", DoublingModel()).ok() &&
                engine_.AddModel("classifier", ClassifierModel()).ok() &&
                engine_.AddModel("token", TokenModel()).ok() &&
                engine_.AddModel("pair", PairModel()).ok(),
            "the models cannot be added");
  }

  void Run(const v1::StreamRequest& request) {
    for (const char* name : {"doubling", "classifier", "token", "pair"}) {
      v1::OpenSessionRequest open;
      open.set_model(name);
      open.set_session_id(name);
      open.set_detached(true);
      Require(Ask(&SessionCalls::Open, open).ok(), "a session cannot be opened");
    }
    for (int i = 0; i < request.actions_size() && i < kActionsMax; ++i) Act(request.actions(i));
    CloseAll();
  }

 private:
  static EngineOptions Options() {
    EngineOptions options;
    options.workers = 1;
    options.max_timesteps = 64;
    options.max_infer_bytes = int64_t{16} << 20;
    return options;
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(SessionCalls::Call<Request, Response> call, const Request& request) {
    Answer<Response> answer;
    (calls_.*call)(request, answer.callback());
    return Checked(answer.Wait());
  }
  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(SessionCalls::LimitedCall<Request, Response> call,
                               const Request& request) {
    Answer<Response> answer;
    (calls_.*call)(request, CallLimits(), answer.callback());
    return Checked(answer.Wait());
  }
  template <typename Response>
  static absl::StatusOr<Response> Checked(absl::StatusOr<Response> response) {
    RequireReason(response.status());
    return response;
  }

  void Act(const v1::StreamAction& action) {
    switch (action.kind_case()) {
      case v1::StreamAction::kOpen:
        return Ask(&SessionCalls::Open, action.open()).status().IgnoreError();
      case v1::StreamAction::kStep:
        Step(action.step());
        return Infer(action.step());
      case v1::StreamAction::kReset:
        return Ask(&SessionCalls::Reset, action.reset()).status().IgnoreError();
      case v1::StreamAction::kGetState:
        return Ask(&SessionCalls::GetState, action.get_state()).status().IgnoreError();
      case v1::StreamAction::kSetState:
        return Ask(&SessionCalls::SetState, action.set_state()).status().IgnoreError();
      case v1::StreamAction::kClose:
        return Ask(&SessionCalls::Close, action.close()).status().IgnoreError();
      case v1::StreamAction::kStepSessions:
        return Ask(&SessionCalls::StepSessions, action.step_sessions()).status().IgnoreError();
      case v1::StreamAction::kAttach:
        return Ask(&SessionCalls::Attach, action.attach()).status().IgnoreError();
      case v1::StreamAction::kFork:
        return Ask(&SessionCalls::Fork, action.fork()).status().IgnoreError();
      case v1::StreamAction::KIND_NOT_SET:
        return;
    }
  }

  std::string StateOf(const std::string& session_id) {
    v1::GetStateRequest request;
    request.set_session_id(session_id);
    const auto state = Ask(&SessionCalls::GetState, request);
    return state.ok() ? state->SerializeAsString() : "";
  }

  void Step(const v1::StepRequest& request) {
    const std::string before = StateOf(request.session_id());
    if (Ask(&SessionCalls::Step, request).ok()) return;
    Require(StateOf(request.session_id()) == before, "a step that failed has changed the state");
  }

  void Infer(const v1::StepRequest& step) {
    v1::InferRequest request;
    request.set_model(step.session_id());
    if (step.has_input()) *request.mutable_input() = step.input();
    if (step.has_mask()) *request.mutable_mask() = step.mask();
    *request.mutable_inputs() = step.inputs();
    *request.mutable_initial_state() = step.initial_state();
    request.set_return_state(step.return_state());
    request.set_training(step.training());
    Ask(&SessionCalls::Infer, request).status().IgnoreError();
  }

  void CloseAll() {
    const auto sessions = engine_.ListSessions({}, "", 10000);
    Require(sessions.ok(), "the sessions cannot be listed");
    for (const SessionSummary& session : *sessions) {
      v1::CloseSessionRequest close;
      close.set_session_id(session.id);
      Require(Ask(&SessionCalls::Close, close).ok(), "a session cannot be closed");
    }
  }

  FakeClock clock_;
  SilentObserver observer_;
  Engine engine_;
  SessionCalls calls_;
};

}  // namespace
}  // namespace rnnserve::testing

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  rnnserve::v1::StreamRequest request;
  return rnnserve::testing::MutateMessage(request, data, size, max_size, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rnnserve::testing;  // NOLINT(google-build-using-namespace)
  static Host& host = *new Host();
  rnnserve::v1::StreamRequest request;
  if (ReadMessage(TextOf(data, size), request) != MessageForm::kNone) host.Run(request);
  return 0;
}
