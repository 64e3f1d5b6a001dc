// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CHECKS_INPUT_VALIDATION_H_
#define RNNSERVE_CORE_ENGINE_CHECKS_INPUT_VALIDATION_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/engine/calls.h"
#include "core/engine/engine_options.h"
#include "core/model/model.h"

namespace rnnserve {

// What clients send, checked before anything is computed or changed. Every error is
// INVALID_ARGUMENT with one of the reasons that Engine lists; its text names the field and both
// numbers.

// 1 to 128 of [A-Za-z0-9._-].
absl::Status ValidateModelName(absl::string_view name);

// 1 to 128 of [A-Za-z0-9._:-].
absl::Status ValidateSessionId(absl::string_view id);

// The idle timeout that a session gets that asks for `requested`.
absl::StatusOr<absl::Duration> ValidateIdleTimeout(absl::Duration requested,
                                                   const EngineOptions& options);

// The replies that a session keeps that asks for `requested`; 0 asks for the default.
absl::StatusOr<int> ValidateReplyWindow(int requested);

// Input and mask of a step of this model.
absl::Status ValidateStep(const StepCall& call, const Model& model, const EngineOptions& options);

// The ids, each once, and input and mask of a step of many sessions of this model, and the memory
// that its outputs need.
absl::Status ValidateStepSessions(const StepSessionsCall& call, const Model& model,
                                  const EngineOptions& options);

// Input and mask of a batch, and the memory that it needs.
absl::Status ValidateInfer(const InferCall& call, const Model& model, const EngineOptions& options);

// Either ids, each once and valid, or a number of forks, at most ForkSessionCall::kMaxForks.
absl::Status ValidateForkTarget(const ForkSessionCall& call);

// Either ids, each once and at most 1024, or a model.
absl::Status ValidateResetTarget(const ResetStateCall& call);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CHECKS_INPUT_VALIDATION_H_
