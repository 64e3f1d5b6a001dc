// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/step_sessions.h"

#include "client/cpp/action_channel.h"
#include "client/cpp/status_conversion.h"
#include "client/cpp/wire.h"

namespace rnnserve::client {
namespace {

v1::StreamAction ToAction(const StepSessionsRequest& request, const CallOptions& options) {
  v1::StreamAction action;
  v1::StepSessionsRequest& message = *action.mutable_step_sessions();
  message.set_model(request.model);
  message.mutable_session_ids()->Add(request.session_ids.begin(), request.session_ids.end());
  ToMessage(request.inputs, message.mutable_inputs());
  if (request.inputs.empty()) ToMessage(request.input, message.mutable_input());
  if (request.mask.has_value()) ToMessage(*request.mask, message.mutable_mask());
  message.set_priority(ToMessage(request.priority));
  message.set_timeout_ms(TimeoutMs(options));
  return action;
}

absl::StatusOr<StepSessionsResult> ToResult(const absl::StatusOr<v1::StreamResult>& result) {
  if (!result.ok()) return result.status();
  const v1::StepSessionsResponse& response = result->step_sessions();
  StepSessionsResult steps;
  if (response.has_output()) {
    absl::StatusOr<Tensor> output = FromMessage(response.output());
    if (!output.ok()) return output.status();
    steps.output = *std::move(output);
  }
  absl::StatusOr<std::vector<NamedTensor>> outputs = FromMessages(response.outputs());
  if (!outputs.ok()) return outputs.status();
  steps.outputs = *std::move(outputs);
  steps.versions.assign(response.versions().begin(), response.versions().end());
  for (const v1::StepSessionsError& error : response.errors()) {
    steps.errors.emplace_back(static_cast<size_t>(error.row()), FromMessage(error.error()));
  }
  return steps;
}

}  // namespace

void SendStepSessions(ActionChannel& channel, const StepSessionsRequest& request,
                      const CallOptions& options, StepSessionsCallback callback) {
  channel.Send(
      ToAction(request, options), options.timeout,
      [callback = std::move(callback)](const absl::StatusOr<v1::StreamResult>& result) mutable {
        callback(ToResult(result));
      });
}

absl::StatusOr<StepSessionsResult> StepSessionsOn(ActionChannel& channel,
                                                  const StepSessionsRequest& request,
                                                  const CallOptions& options) {
  return ToResult(SendAndWait(channel, ToAction(request, options), options.timeout));
}

}  // namespace rnnserve::client
