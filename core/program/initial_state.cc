// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/initial_state.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

// Floats hold all whole numbers up to here.
constexpr float kWholeFloatMax = 16777216.0f;

bool IsOfType(float value, ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return true;
    case ElementType::kInt32:
      return std::trunc(value) == value && std::abs(value) <= kWholeFloatMax;
    case ElementType::kBool:
      return value == 0.0f || value == 1.0f;
  }
  return false;
}

}  // namespace

absl::Status CheckInitialState(const Program& program, const Program::State& state,
                               absl::Span<const float> weight) {
  const Program::Value& value = program.values[state.value];
  for (const float element : weight) {
    if (IsOfType(element, value.type)) continue;
    return InvalidArgument(
        "MODEL_WEIGHTS",
        absl::StrCat("the state '", value.name, "' is ", ElementTypeName(value.type),
                     ", but the weight '", state.initial, "' that it begins with holds ", element));
  }
  return absl::OkStatus();
}

}  // namespace rnnserve
