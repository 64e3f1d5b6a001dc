// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_STEP_SESSIONS_H_
#define RNNSERVE_CLIENT_CPP_STEP_SESSIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/call_options.h"
#include "client/cpp/session.h"
#include "client/cpp/tensor.h"

namespace rnnserve::client {

class ActionChannel;

// One step of many sessions of the same model in one message, for example from a gateway with a
// thousand sessions. Row i of the tensors belongs to session i.
struct StepSessionsRequest {
  std::string model;
  // 1 to 4096 ids, each at most once.
  std::vector<std::string> session_ids;
  // Float [sessions, time, features], or token ids [sessions, time].
  Tensor input;
  // Bool [sessions, time]; a session's state does not change at a timestep that is false. Default:
  // all true.
  std::optional<Tensor> mask;
  // For a model with several inputs: all of them, instead of `input` and `mask`, each with the axis
  // `sessions` in front.
  std::vector<NamedTensor> inputs;
  Priority priority = Priority::kNormal;
};

struct StepSessionsResult {
  // Float; [sessions, time, outputs] if the model returns sequences, else [sessions, outputs]. The
  // rows of sessions that failed are zero. Empty, of shape [0], if all failed or the model has
  // several outputs.
  Tensor output;
  // For each session, the number of steps committed so far; 0 where the step failed.
  std::vector<uint64_t> versions;
  // The sessions that were not advanced, by row in ascending order, each with the status that
  // Session::Step would return.
  std::vector<std::pair<size_t, absl::Status>> errors;
  // If the model has several outputs: all of them, in the order of DescribeModel, each with the
  // axis `sessions` in front. None if all sessions failed.
  std::vector<NamedTensor> outputs;
};

using StepSessionsCallback = absl::AnyInvocable<void(absl::StatusOr<StepSessionsResult>)>;

// Sends the request; `callback` is called once, as in Session::StepAsync. Only Client and Stream
// call this.
void SendStepSessions(ActionChannel& channel, const StepSessionsRequest& request,
                      const CallOptions& options, StepSessionsCallback callback);
// Sends the request and waits for the result.
absl::StatusOr<StepSessionsResult> StepSessionsOn(ActionChannel& channel,
                                                  const StepSessionsRequest& request,
                                                  const CallOptions& options);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_STEP_SESSIONS_H_
