// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERAS_WEIGHT_SOURCE_H_
#define RNNSERVE_CORE_KERAS_WEIGHT_SOURCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/kernels/weight_type.h"

namespace rnnserve {

// The interface from which a cell or layer reads its weights while it is built: float32 tensors by
// name, in Keras' layout. Names are paths: "lstm/kernel", "stack/cells/0/bias",
// "bidirectional/forward/kernel".
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // Returns the weight of that name, row-major. It stays valid as long as the source exists.
  // Errors: INVALID_ARGUMENT, reason MODEL_WEIGHTS, if it is missing, has another shape or holds a
  // value that is not finite; the text names the weight and both shapes.
  virtual absl::StatusOr<absl::Span<const float>> Weight(absl::string_view name,
                                                         const Shape& shape) = 0;

  // Returns the type in which matrices built from the weights are stored.
  virtual WeightType matrix_type() const { return WeightType::kFloat32; }
};

// The weights below one path of another source: ScopedWeights(source, "lstm") finds "kernel" under
// "lstm/kernel". A view: the other source must outlive it. Used by one thread at a time: the one
// that builds the model.
class ScopedWeights final : public WeightSource {
 public:
  ScopedWeights(WeightSource& source, absl::string_view scope);
  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view name,
                                                 const Shape& shape) override;
  WeightType matrix_type() const override { return source_.matrix_type(); }

 private:
  WeightSource& source_;
  std::string prefix_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERAS_WEIGHT_SOURCE_H_
