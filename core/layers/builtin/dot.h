// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_DOT_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_DOT_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Dot: the products of the vectors along one axis of x with those along one of y. The
// other axes of x, then those of y, are the axes of the output; two vectors give [1].
//
//   axes      one axis for both, or one each; counted with the batch, or from the end
//   normalize scales the vectors to length 1 first (a vector of zeros stays one)
//
// The mask ends here. It can stream only if there is no time axis. Only an axis that becomes the
// first of the output, or the one that is summed over, may be of a length that the model does not
// fix. Immutable; safe to share.
class Dot final : public Layer {
 public:
  // Errors: see LayerRegistry::MergeFactory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       absl::Span<const ValueSpec> inputs,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override;
  bool can_stream() const override { return !sides_[0].has_time && !sides_[1].has_time; }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  // One of the two inputs: a row is [outer, length, inner], of which `length` is summed over.
  struct Side {
    bool has_time = false;
    bool sums_time = false;
    int64_t inner = 1;           // the product of the extents behind the axis
    int64_t extent = 1;          // the length, if it is not time
    int64_t timestep_outer = 1;  // the product of the extents between time and the axis
  };
  struct Vector;

  static Side SideOf(const ValueSpec& input, int axis);

  Dot(const KerasConfig& config, ValueSpec output, const Side& x, const Side& y, bool normalize);

  const Side sides_[2];
  const bool normalize_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_DOT_H_
