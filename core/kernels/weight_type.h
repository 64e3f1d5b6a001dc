// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_WEIGHT_TYPE_H_
#define RNNSERVE_CORE_KERNELS_WEIGHT_TYPE_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace rnnserve {

// How the weights of matrices are kept. States, biases, sums and activations are float32 whatever
// the type; a product with few rows takes as long as its weights take to be read, so that narrower
// ones are faster.
enum class WeightType {
  kFloat32,
  kBfloat16,  // 8 bits of mantissa
  kInt8,      // whole numbers from -127 to 127, with a float32 scale for each unit of each gate
};

// How many weights a word of 32 bits holds: 1, 2 or 4.
constexpr int WeightsPerWord(WeightType type) {
  return type == WeightType::kFloat32 ? 1 : type == WeightType::kBfloat16 ? 2 : 4;
}

// "float32", "bfloat16", "int8".
absl::string_view WeightTypeName(WeightType type);
// The one of that name; nothing if there is none.
std::optional<WeightType> WeightTypeFromName(absl::string_view name);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_WEIGHT_TYPE_H_
