// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/operation.h"

#include "core/program/operation_traits.h"

namespace rnnserve {
namespace {

struct NamedType {
  ElementType type;
  absl::string_view name;
};

constexpr NamedType kNamedTypes[] = {
    {ElementType::kFloat32, "float32"},
    {ElementType::kInt32, "int32"},
    {ElementType::kBool, "bool"},
};

}  // namespace

absl::string_view ElementTypeName(ElementType type) {
  return kNamedTypes[static_cast<int>(type)].name;
}

std::optional<ElementType> ElementTypeFromName(absl::string_view name) {
  for (const NamedType& named : kNamedTypes) {
    if (named.name == name) return named.type;
  }
  return std::nullopt;
}

absl::string_view OpCodeName(OpCode code) { return TraitsOf(code).name; }

std::optional<OpCode> OpCodeFromName(absl::string_view name) {
  for (int i = 0; i < kNumOpCodes; ++i) {
    const OpCode code = static_cast<OpCode>(i);
    if (OpCodeName(code) == name) return code;
  }
  return std::nullopt;
}

}  // namespace rnnserve
