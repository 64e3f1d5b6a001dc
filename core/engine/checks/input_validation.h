// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CHECKS_INPUT_VALIDATION_H_
#define RNNSERVE_CORE_ENGINE_CHECKS_INPUT_VALIDATION_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/batching/step_input.h"
#include "core/engine/calls.h"
#include "core/engine/engine_options.h"
#include "core/model/model.h"

namespace rnnserve {

// Checks of what clients send, made before anything is computed or changed. Every error is
// INVALID_ARGUMENT with one of the reasons that Engine lists; its text names the field, the value
// found and the value allowed.

// Checks that the name is 1 to 128 characters of [A-Za-z0-9._-].
absl::Status ValidateModelName(absl::string_view name);

// Checks that the id is 1 to 128 characters of [A-Za-z0-9._:-].
absl::Status ValidateSessionId(absl::string_view id);

// Returns the idle timeout of a session that asks for `requested`; zero asks for the maximum.
absl::StatusOr<absl::Duration> ValidateIdleTimeout(absl::Duration requested,
                                                   const EngineOptions& options);

// Returns the number of replies that a session keeps if it asks for `requested`; 0 asks for the
// default, 1.
absl::StatusOr<int> ValidateReplyWindow(int requested);

// Checks the inputs and the masks of a step of this model. REQUIRES: there is one for each input of
// the model, in its order (ArrangeInputs); the model is streamable.
absl::Status ValidateStep(absl::Span<const StepInput> inputs, const Model& model,
                          const EngineOptions& options);

// Checks a step of many sessions of this model: the inputs, the masks, the numbers of indices and
// epochs, and the memory that the states and outputs need. The ids must all be different. Does not
// check the characters of the ids, because a malformed id names no session. REQUIRES: as
// ValidateStep.
absl::Status ValidateStepSessions(const StepSessionsCall& call, const Model& model,
                                  const EngineOptions& options);

// Checks the inputs and masks of a batch, and the memory that it needs. REQUIRES: the inputs are in
// the order of the model's inputs (ArrangeInputs).
absl::Status ValidateInfer(const InferCall& call, const Model& model, const EngineOptions& options);

// Checks that there are either ids, all valid and different, or a number of forks, and at most
// ForkSessionCall::kMaxForks of either.
absl::Status ValidateForkTarget(const ForkSessionCall& call);

// Checks that there are either ids, all different and at most 1024, or a model.
absl::Status ValidateResetTarget(const ResetStateCall& call);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CHECKS_INPUT_VALIDATION_H_
