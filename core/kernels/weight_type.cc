// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/kernels/weight_type.h"

#include <utility>

namespace rnnserve {
namespace {

constexpr std::pair<WeightType, absl::string_view> kNames[] = {
    {WeightType::kFloat32, "float32"},
    {WeightType::kBfloat16, "bfloat16"},
    {WeightType::kInt8, "int8"},
};

}  // namespace

absl::string_view WeightTypeName(WeightType type) {
  for (const auto& [known, name] : kNames) {
    if (known == type) return name;
  }
  return "";
}

std::optional<WeightType> WeightTypeFromName(absl::string_view name) {
  for (const auto& [type, known] : kNames) {
    if (known == name) return type;
  }
  return std::nullopt;
}

}  // namespace rnnserve
