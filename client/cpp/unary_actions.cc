// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/unary_actions.h"

#include <utility>

#include "absl/status/status.h"
#include "client/cpp/deadline.h"
#include "client/cpp/status_conversion.h"

namespace rnnserve::client {

using Calls = v1::InferenceService::StubInterface::async_interface;

// Everything that must live as long as the call.
struct UnaryActions::Call {
  grpc::ClientContext context;
  v1::StreamAction action;
  v1::StreamResult result;
  ActionCallback callback;
};

UnaryActions::UnaryActions(std::shared_ptr<v1::InferenceService::StubInterface> stub)
    : stub_(std::move(stub)) {}

void UnaryActions::Send(v1::StreamAction action, absl::Duration timeout, ActionCallback callback) {
  auto call = std::make_unique<Call>();
  call->context.set_deadline(DeadlineAfter(timeout));
  call->action = std::move(action);
  call->callback = std::move(callback);
  const v1::StreamAction& a = call->action;
  v1::StreamResult& r = call->result;
  switch (a.kind_case()) {
    case v1::StreamAction::kOpen:
      return Start(std::move(call), &Calls::OpenSession, a.open(), r.mutable_open());
    case v1::StreamAction::kStep:
      return Start(std::move(call), &Calls::Step, a.step(), r.mutable_step());
    case v1::StreamAction::kStepSessions:
      return Start(std::move(call), &Calls::StepSessions, a.step_sessions(),
                   r.mutable_step_sessions());
    case v1::StreamAction::kReset:
      return Start(std::move(call), &Calls::ResetState, a.reset(), r.mutable_reset());
    case v1::StreamAction::kGetState:
      return Start(std::move(call), &Calls::GetState, a.get_state(), r.mutable_get_state());
    case v1::StreamAction::kSetState:
      return Start(std::move(call), &Calls::SetState, a.set_state(), r.mutable_set_state());
    case v1::StreamAction::kClose:
      return Start(std::move(call), &Calls::CloseSession, a.close(), r.mutable_close());
    case v1::StreamAction::kAttach:
      return Start(std::move(call), &Calls::AttachSession, a.attach(), r.mutable_attach());
    case v1::StreamAction::kFork:
      return Start(std::move(call), &Calls::ForkSession, a.fork(), r.mutable_fork());
    case v1::StreamAction::KIND_NOT_SET:
      return call->callback(absl::InvalidArgumentError("the action has no kind"));
  }
}

template <typename Request, typename Response>
void UnaryActions::Start(std::unique_ptr<Call> call, Method<Request, Response> method,
                         const Request& request, Response* response) {
  v1::InferenceService::StubInterface* stub = nullptr;
  {
    absl::MutexLock lock(&mu_);
    if (!is_shut_down_) {
      ++num_calls_;  // Keeps stub_ from being released.
      stub = stub_.get();
    }
  }
  if (stub == nullptr) return call->callback(absl::UnavailableError("the client has gone"));
  Call* started = call.release();  // Finish deletes it.
  (stub->async()->*method)(&started->context, &request, response,
                           [self = shared_from_this(), started](const grpc::Status& status) {
                             self->Finish(started, status);
                           });
}

void UnaryActions::Finish(Call* finished, const grpc::Status& status) {
  {
    const std::unique_ptr<Call> call(finished);
    if (status.ok()) {
      call->callback(std::move(call->result));
    } else {
      call->callback(FromGrpc(status));
    }
  }
  absl::MutexLock lock(&mu_);
  --num_calls_;
}

void UnaryActions::Shutdown() {
  std::shared_ptr<v1::InferenceService::StubInterface> stub;
  absl::MutexLock lock(&mu_);
  is_shut_down_ = true;
  const auto is_idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return num_calls_ == 0; };
  mu_.Await(absl::Condition(&is_idle));
  stub.swap(stub_);
}

}  // namespace rnnserve::client
