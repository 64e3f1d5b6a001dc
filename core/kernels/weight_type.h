// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_WEIGHT_TYPE_H_
#define RNNSERVE_CORE_KERNELS_WEIGHT_TYPE_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace rnnserve {

// The storage type of the weights of matrices. States, biases, sums and activations are always
// float32. A product with few rows takes as long as reading its weights does, so narrower weights
// make it faster.
enum class WeightType {
  kFloat32,
  kBfloat16,  // 8 bits of mantissa
  kInt8,      // integers from -127 to 127, with a float32 scale for each unit of each gate
};

// Returns how many weights a 32-bit word holds: 1, 2 or 4.
constexpr int WeightsPerWord(WeightType type) {
  return type == WeightType::kFloat32 ? 1 : type == WeightType::kBfloat16 ? 2 : 4;
}

// Returns "float32", "bfloat16" or "int8".
absl::string_view WeightTypeName(WeightType type);
// Returns the type of that name, or nullopt if there is none.
std::optional<WeightType> WeightTypeFromName(absl::string_view name);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_WEIGHT_TYPE_H_
