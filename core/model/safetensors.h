// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_SAFETENSORS_H_
#define RNNSERVE_CORE_MODEL_SAFETENSORS_H_

#include <cstdint>
#include <istream>
#include <ostream>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/weight_table.h"

namespace rnnserve {

// Reads a safetensors file of `size` bytes: the length of a JSON header, the header, the tensors.
// Strict: the tensors must cover everything behind the header, without overlap, gap or rest. Every
// length is checked against what is there before anything is allocated.
//
// Errors: INVALID_ARGUMENT, reason MODEL_WEIGHTS (a file that is cut off, damaged or no
// safetensors) or MODEL_TOO_LARGE (limits.h); UNIMPLEMENTED, reason DTYPE_UNSUPPORTED, for a tensor
// of another type than F32. The text names the tensor and the numbers.
absl::StatusOr<WeightTable> ReadSafetensors(std::istream& file, int64_t size);

// Writes the weights in the order of their names, the first at a multiple of 64 bytes. The same
// weights give the same bytes. Whether it succeeded is in the state of the stream.
void WriteSafetensors(const WeightTable& weights, std::ostream& file);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_SAFETENSORS_H_
