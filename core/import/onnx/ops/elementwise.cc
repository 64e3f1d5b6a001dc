// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"
#include "core/import/onnx/ops/converter_lists.h"

namespace rnnserve {
namespace {

// Operators that are one operation of a program: of one operand or two, which broadcast alike.
template <OpCode kCode>
absl::StatusOr<std::vector<BuiltValue>> Unary(NodeConversion& node) {
  return OneResult(node.builder().Add(kCode, {node.operand(0)}));
}

template <OpCode kCode>
absl::StatusOr<std::vector<BuiltValue>> Binary(NodeConversion& node) {
  return OneResult(node.builder().Add(kCode, {node.operand(0), node.operand(1)}));
}

}  // namespace

absl::Span<const NamedConverter> ElementwiseConverters() {
  static constexpr NamedConverter kConverters[] = {
      {"Add", Binary<OpCode::kAdd>},
      {"Relu", Unary<OpCode::kRelu>},
  };
  return kConverters;
}

}  // namespace rnnserve
