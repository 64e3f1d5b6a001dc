// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_ELEMENTWISE_MERGE_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_ELEMENTWISE_MERGE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/broadcast.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Add, Subtract, Multiply, Average, Maximum and Minimum, and the operation LogicalOr:
// any number of inputs (Subtract and LogicalOr: two) of shapes that Broadcast joins, element by
// element, in the order of the inputs.
//
// If every input has a mask, a timestep of output counts if it does in any of them; else all count.
// As in Keras, Maximum and Minimum leave a masked timestep out in favour of the other inputs (up to
// the first input without a mask), Multiply takes it as 1, and as 0 where no input counts, and the
// others read what it holds. LogicalOr reads and gives 0 and 1, and no mask.
//
// It can stream unless one timestep of an input stands for all. Immutable; safe to share.
class ElementwiseMerge final : public Layer {
 public:
  // Errors: see LayerRegistry::MergeFactory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       absl::Span<const ValueSpec> inputs,
                                                       WeightSource& weights);

  int64_t output_time(absl::Span<const int64_t> input_times) const override {
    return output().has_time ? broadcast_.OutputTime(input_times) : 1;
  }
  bool can_stream() const override { return !broadcast_.repeats_timestep(); }
  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  enum class Operation { kAdd, kSubtract, kMultiply, kAverage, kMaximum, kMinimum, kOr };

  static Operation ParseOperation(const KerasConfig& config);

  ElementwiseMerge(const KerasConfig& config, Operation operation, Broadcast broadcast);

  // y := the column of input k, or y combined with it.
  void Assign(size_t k, const float* x, Columns y, int64_t b) const;
  void Combine(size_t k, const float* x, Columns y, int64_t b) const;
  // y := all inputs in turn, of which the masks leave some out.
  void ExtremeOf(const LayerRun& run, int64_t t, int64_t b) const;
  void ProductOf(const LayerRun& run, int64_t t, int64_t b) const;

  const Operation operation_;
  const Broadcast broadcast_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_ELEMENTWISE_MERGE_H_
