// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CHECKS_INPUT_ARRANGEMENT_H_
#define RNNSERVE_CORE_ENGINE_CHECKS_INPUT_ARRANGEMENT_H_

#include <vector>

#include "absl/status/status.h"
#include "core/engine/calls.h"
#include "core/model/model.h"

namespace rnnserve {

// Puts the inputs of a call, which are found by name, into the order of the model's inputs. If the
// model has only one input, the name may be empty. Errors, after which `inputs` may have been moved
// from: INVALID_ARGUMENT, reason INPUT_MISSING, INPUT_UNKNOWN or INPUT_TWICE.
absl::Status ArrangeInputs(const Model& model, NamedInputs& inputs);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CHECKS_INPUT_ARRANGEMENT_H_
