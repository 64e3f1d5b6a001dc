// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_FOLD_H_
#define RNNSERVE_CORE_IMPORT_ONNX_FOLD_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/import/onnx/onnx_tensor.h"
#include "core/program/operation.h"

namespace rnnserve {

// Computes an operation of a program on known tensors: floats in float32, as a step would compute
// them, and integers in 64 bits. Sorting, searching and sums along an axis of integers work in 32
// bits, so the elements must fit into them.
//
// Errors: those of InferResults; INVALID_ARGUMENT, reason MODEL_CONFIG, if an integer overflows, is
// divided by zero or does not fit.
absl::StatusOr<std::vector<OnnxTensor>> Fold(OpCode code,
                                             absl::Span<const OnnxTensor* const> operands,
                                             const Attributes& attributes);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_FOLD_H_
