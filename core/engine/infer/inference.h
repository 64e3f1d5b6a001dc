// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_INFER_INFERENCE_H_
#define RNNSERVE_CORE_ENGINE_INFER_INFERENCE_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/engine/call_gate.h"
#include "core/engine/calls.h"
#include "core/engine/engine_options.h"
#include "core/engine/hosting/hosted_model.h"

namespace rnnserve {

// Checks and starts one Infer. It is computed row by row if the model is streamable, all sequences
// have the same length and the call does not ask for training, otherwise as a whole. The callback runs exactly once, on this thread
// or a worker, with the errors of Engine::Infer; the pass is returned after it.
void StartInference(HostedModel& hosted, const EngineOptions& options, InferCall call,
                    absl::AnyInvocable<void(absl::StatusOr<InferResult>)> callback,
                    CallGate::Pass pass);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_INFER_INFERENCE_H_
