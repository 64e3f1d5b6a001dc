// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/checks/output_shape.h"

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"

namespace rnnserve {

Shape Prepend(std::initializer_list<int64_t> leading, const Shape& shape) {
  absl::InlinedVector<int64_t, 4> extents(leading);
  extents.insert(extents.end(), shape.extents().begin(), shape.extents().end());
  return Shape(absl::MakeConstSpan(extents));
}

Shape StepOutputShape(const Model::Output& output, int64_t time) {
  return output.spec.has_time ? Prepend({time}, output.spec.shape) : output.spec.shape;
}

Shape InferOutputShape(const Model::Output& output, int64_t batch, int64_t time) {
  return output.spec.has_time ? Prepend({batch, time}, output.spec.shape)
                              : Prepend({batch}, output.spec.shape);
}

}  // namespace rnnserve
