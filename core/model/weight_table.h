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

// A float32 tensor, row-major.
struct Weight {
  Shape shape;
  AlignedBuffer values;
};

// All weights of a model by name ("lstm/kernel"), sorted by name.
using WeightTable = std::map<std::string, Weight, std::less<>>;

// A source of weights that looks them up in a map and records which ones were requested.
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

  // Returns INVALID_ARGUMENT, reason MODEL_WEIGHTS, with the names of all weights that were not
  // requested; OK if there are none.
  absl::Status CheckAllUsed() const;

 private:
  const WeightTable& weights_;
  const WeightType matrix_type_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_WEIGHT_TABLE_H_
