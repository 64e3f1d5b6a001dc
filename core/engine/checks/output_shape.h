// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_CHECKS_OUTPUT_SHAPE_H_
#define RNNSERVE_CORE_ENGINE_CHECKS_OUTPUT_SHAPE_H_

#include <cstdint>
#include <initializer_list>

#include "core/base/shape.h"
#include "core/model/model.h"

namespace rnnserve {

// Returns [leading..., shape...].
Shape Prepend(std::initializer_list<int64_t> leading, const Shape& shape);

// Returns the shape of one output of a session's step: [time, ...], or [...] without a time axis.
Shape StepOutputShape(const Model::Output& output, int64_t time);

// Returns the shape of one output of a batch: [batch, time, ...], or [batch, ...] without a time
// axis.
Shape InferOutputShape(const Model::Output& output, int64_t batch, int64_t time);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_CHECKS_OUTPUT_SHAPE_H_
