// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/session.h"

#include <utility>

#include "client/cpp/action_channel.h"
#include "client/cpp/wire.h"

namespace rnnserve::client {
namespace {

// A close that nobody waits for must not delay a Client's destructor for long.
constexpr absl::Duration kCloseTimeout = absl::Seconds(5);

absl::Status ClosedError() {
  return absl::FailedPreconditionError("the session was closed or released by this client");
}

absl::StatusOr<StepResult> ToStepResult(const absl::StatusOr<v1::StreamResult>& result) {
  if (!result.ok()) return result.status();
  return FromMessage(result->step());
}

// `Inputs` is one of the two forms that Session::Step takes.
template <typename Inputs>
v1::StreamAction StepAction(const std::string& session_id, const Inputs& inputs,
                            const StepOptions& options) {
  v1::StreamAction action;
  ToMessage(session_id, inputs, options, action.mutable_step());
  return action;
}

absl::StatusOr<v1::StreamResult> Perform(ActionChannel* channel, v1::StreamAction action,
                                         const CallOptions& options) {
  if (channel == nullptr) return ClosedError();
  return SendAndWait(*channel, std::move(action), options.timeout);
}

}  // namespace

Session::Session(std::shared_ptr<ActionChannel> channel, std::string id, uint64_t epoch,
                 uint64_t first_index)
    : channel_(std::move(channel)), id_(std::move(id)), epoch_(epoch), first_index_(first_index) {}

Session::Session(Session&& other) noexcept = default;

Session& Session::operator=(Session&& other) noexcept {
  // `old` takes the session that this object has owned so far, and closes it.
  const Session old = std::move(*this);
  channel_ = std::move(other.channel_);
  id_ = std::move(other.id_);
  epoch_ = other.epoch_;
  first_index_ = other.first_index_;
  return *this;
}

Session::~Session() {
  if (channel_ == nullptr) return;
  v1::StreamAction action;
  action.mutable_close()->set_session_id(id_);
  channel_->Send(std::move(action), kCloseTimeout, [](const auto& /*result*/) {});
}

absl::StatusOr<StepResult> Session::Step(const Tensor& input, const StepOptions& options) {
  return ToStepResult(Perform(channel_.get(), StepAction(id_, input, options), options));
}

absl::StatusOr<StepResult> Session::Step(const std::vector<NamedTensor>& inputs,
                                         const StepOptions& options) {
  return ToStepResult(Perform(channel_.get(), StepAction(id_, inputs, options), options));
}

void Session::StepAsync(const Tensor& input, const StepOptions& options, StepCallback callback) {
  SendStep(input, options, std::move(callback));
}

void Session::StepAsync(const std::vector<NamedTensor>& inputs, const StepOptions& options,
                        StepCallback callback) {
  SendStep(inputs, options, std::move(callback));
}

template <typename Inputs>
void Session::SendStep(const Inputs& inputs, const StepOptions& options, StepCallback callback) {
  if (channel_ == nullptr) return callback(ClosedError());
  channel_->Send(
      StepAction(id_, inputs, options), options.timeout,
      [callback = std::move(callback)](const absl::StatusOr<v1::StreamResult>& result) mutable {
        callback(ToStepResult(result));
      });
}

absl::Status Session::ResetState(const std::vector<StateTensor>& state,
                                 const CallOptions& options) {
  v1::StreamAction action;
  action.mutable_reset()->add_session_ids(id_);
  ToMessage(state, action.mutable_reset()->mutable_state());
  return Perform(channel_.get(), std::move(action), options).status();
}

absl::StatusOr<std::vector<StateTensor>> Session::GetState(const CallOptions& options) {
  v1::StreamAction action;
  action.mutable_get_state()->set_session_id(id_);
  auto result = Perform(channel_.get(), std::move(action), options);
  if (!result.ok()) return result.status();
  return FromMessages(result->get_state().state());
}

absl::Status Session::SetState(const std::vector<StateTensor>& state, const CallOptions& options) {
  v1::StreamAction action;
  action.mutable_set_state()->set_session_id(id_);
  ToMessage(state, action.mutable_set_state()->mutable_state());
  return Perform(channel_.get(), std::move(action), options).status();
}

absl::StatusOr<std::vector<Session>> Session::Fork(int num_forks, const CallOptions& options) {
  v1::StreamAction action;
  action.mutable_fork()->set_session_id(id_);
  action.mutable_fork()->set_num_forks(num_forks);
  const auto result = Perform(channel_.get(), std::move(action), options);
  if (!result.ok()) return result.status();
  std::vector<Session> forks;
  for (const std::string& id : result->fork().session_ids()) {
    forks.push_back(Session(channel_, id, /*epoch=*/1));
  }
  return forks;
}

absl::Status Session::Close(const CallOptions& options) {
  v1::StreamAction action;
  action.mutable_close()->set_session_id(id_);
  absl::Status status = Perform(channel_.get(), std::move(action), options).status();
  if (status.ok()) channel_.reset();
  return status;
}

std::string Session::Release() {
  channel_.reset();
  return id_;
}

}  // namespace rnnserve::client
