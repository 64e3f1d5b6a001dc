// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_WEIGHT_TABLE_H_
#define RNNSERVE_CORE_MODEL_WEIGHT_TABLE_H_

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/base/shape.h"
#include "core/keras/weight_source.h"

namespace rnnserve {

// One float32 tensor, row-major.
struct Weight {
  Shape shape;
  AlignedBuffer values;
};

// All weights of a model by name ("lstm/kernel"), in the order of their names.
using WeightTable = std::map<std::string, Weight, std::less<>>;

// Finds weights in a map and remembers which were asked for.
//
// A view: the map must outlive it. Used by one thread at a time: the one that builds the model.
class WeightTableSource final : public WeightSource {
 public:
  explicit WeightTableSource(const WeightTable& weights,
                             WeightType matrix_type = WeightType::kFloat32)
      : weights_(weights), matrix_type_(matrix_type) {}

  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view name,
                                                 const Shape& shape) override;
  WeightType matrix_type() const override { return matrix_type_; }

  // INVALID_ARGUMENT, reason MODEL_WEIGHTS, naming every weight that nobody asked for.
  absl::Status CheckAllUsed() const;

 private:
  const WeightTable& weights_;
  const WeightType matrix_type_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_WEIGHT_TABLE_H_
