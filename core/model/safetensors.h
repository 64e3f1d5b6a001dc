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
// The tensors must cover everything after the header, without overlaps, gaps or leftover bytes.
// Every length is checked against `size` before anything is allocated.
//
// Errors: INVALID_ARGUMENT, reason MODEL_WEIGHTS, for a file that is truncated, damaged or not
// safetensors, or MODEL_TOO_LARGE (limits.h); UNIMPLEMENTED, reason DTYPE_UNSUPPORTED, for a tensor
// that is not F32. The text names the tensor and the numbers.
absl::StatusOr<WeightTable> ReadSafetensors(std::istream& file, int64_t size);

// Writes the weights in the order of their names, the first at a multiple of 64 bytes. Equal
// weights give equal bytes. The state of the stream says whether writing succeeded.
void WriteSafetensors(const WeightTable& weights, std::ostream& file);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_SAFETENSORS_H_
