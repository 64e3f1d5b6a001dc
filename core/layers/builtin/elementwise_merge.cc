// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/broadcast.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/extremes.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.Add, Subtract, Multiply, Average, Maximum and Minimum, and the operation LogicalOr:
// combine any number of inputs (Subtract and LogicalOr: two) element by element, in the order of
// the inputs. Broadcast joins their shapes.
//
// If every input has a mask, an output timestep counts if it counts in any of the inputs; otherwise
// every timestep counts. Masked timesteps are treated as in Keras: Maximum and Minimum skip them,
// and give the value of the first input if the timestep counts in no input; Multiply takes them as
// 1, and gives 0 if the timestep counts in no input; the others use their values. LogicalOr reads
// and gives 0 and 1 and makes no mask.
//
// The layer can stream unless an input has a single timestep that is repeated. Immutable; safe to
// share.
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

  // Assign sets column b of `y` to the column of input k; Combine combines the two.
  void Assign(size_t k, const float* x, Columns y, int64_t b) const;
  void Combine(size_t k, const float* x, Columns y, int64_t b) const;
  // Combine all inputs for timestep t of row b, taking their masks into account.
  void ExtremeOf(const LayerRun& run, int64_t t, int64_t b) const;
  void ProductOf(const LayerRun& run, int64_t t, int64_t b) const;

  const Operation operation_;
  const Broadcast broadcast_;
};

// Sets y[i] to operation(y[i], x[source[i]]). An empty source stands for source[i] = i.
template <typename Operation>
void Apply(const float* x, absl::Span<const int32_t> source, float* y, int64_t rows,
           Operation operation) {
  if (source.empty()) {
    for (int64_t i = 0; i < rows; ++i) y[i] = operation(y[i], x[i]);
    return;
  }
  for (size_t i = 0; i < source.size(); ++i) y[i] = operation(y[i], x[source[i]]);
}

size_t NumInputs(const LayerRun& run) { return 1 + run.more_x.size(); }

// Returns whether timestep t of row b of input k counts.
bool Counts(const LayerRun& run, size_t k, int64_t t, int64_t b) {
  return MaskOf(run, k)(b, InputOf(run, k).time == 1 ? 0 : t);
}

ElementwiseMerge::Operation ElementwiseMerge::ParseOperation(const KerasConfig& config) {
  const std::string name = config.class_name();
  if (name == "Add") return Operation::kAdd;
  if (name == "Subtract") return Operation::kSubtract;
  if (name == "Multiply") return Operation::kMultiply;
  if (name == "Average") return Operation::kAverage;
  if (name == "Maximum") return Operation::kMaximum;
  if (name == "Minimum") return Operation::kMinimum;
  return Operation::kOr;
}

absl::StatusOr<std::unique_ptr<Layer>> ElementwiseMerge::Create(const LayerRegistry& /*registry*/,
                                                                const KerasConfig& config,
                                                                absl::Span<const ValueSpec> inputs,
                                                                WeightSource& /*weights*/) {
  const Operation operation = ParseOperation(config);
  const bool reads_two = operation == Operation::kSubtract || operation == Operation::kOr;
  if (reads_two && inputs.size() != 2) {
    return config.Error(absl::StrCat("the layer reads two inputs, found ", inputs.size()));
  }
  RNNSERVE_ASSIGN_OR_RETURN(Broadcast broadcast, Broadcast::Create(config, inputs));
  return absl::WrapUnique(new ElementwiseMerge(config, operation, std::move(broadcast)));
}

ElementwiseMerge::ElementwiseMerge(const KerasConfig& config, Operation operation,
                                   Broadcast broadcast)
    : Layer(config, broadcast.output()), operation_(operation), broadcast_(std::move(broadcast)) {}

void ElementwiseMerge::Run(const LayerRun& run) const {
  const size_t num_inputs = NumInputs(run);
  for (int64_t t = 0; t < run.y.time; ++t) {
    const Columns y = run.y.At(t);
    for (int64_t b = 0; b < y.cols; ++b) {
      if (operation_ == Operation::kMultiply) {
        ProductOf(run, t, b);
        continue;
      }
      Assign(0, TimestepOf(run.x, t).column(b), y, b);
      if (operation_ == Operation::kMaximum || operation_ == Operation::kMinimum) {
        ExtremeOf(run, t, b);
        continue;
      }
      for (size_t k = 1; k < num_inputs; ++k) {
        Combine(k, TimestepOf(InputOf(run, k), t).column(b), y, b);
      }
      if (operation_ == Operation::kAverage) y.vector(b) /= static_cast<float>(num_inputs);
    }
  }
}

void ElementwiseMerge::ProductOf(const LayerRun& run, int64_t t, int64_t b) const {
  const Columns y = run.y.At(t);
  bool all_have_masks = true;
  bool any_counts = false;
  y.vector(b).setOnes();
  for (size_t k = 0; k < NumInputs(run); ++k) {
    all_have_masks = all_have_masks && MaskOf(run, k).data != nullptr;
    if (!Counts(run, k, t, b)) continue;
    any_counts = true;
    Combine(k, TimestepOf(InputOf(run, k), t).column(b), y, b);
  }
  if (all_have_masks && !any_counts) y.vector(b).setZero();
}

void ElementwiseMerge::ExtremeOf(const LayerRun& run, int64_t t, int64_t b) const {
  // Whether the value in `y` so far counts, and whether all inputs so far have a mask.
  bool counts = Counts(run, 0, t, b);
  bool has_mask = run.mask.data != nullptr;
  for (size_t k = 1; k < NumInputs(run); ++k) {
    const bool x_counts = Counts(run, k, t, b);
    const float* x = TimestepOf(InputOf(run, k), t).column(b);
    const Columns y = run.y.At(t);
    if (x_counts && counts) {
      Combine(k, x, y, b);
    } else if (x_counts) {
      Assign(k, x, y, b);
    }
    has_mask = has_mask && MaskOf(run, k).data != nullptr;
    counts = !has_mask || counts || x_counts;
  }
}

void ElementwiseMerge::Assign(size_t k, const float* x, Columns y, int64_t b) const {
  Apply(x, broadcast_.source(k), y.column(b), y.rows, [](float, float value) { return value; });
}

void ElementwiseMerge::Combine(size_t k, const float* x, Columns y, int64_t b) const {
  const absl::Span<const int32_t> source = broadcast_.source(k);
  const auto apply = [&](auto operation) { Apply(x, source, y.column(b), y.rows, operation); };
  switch (operation_) {
    case Operation::kAdd:
    case Operation::kAverage:
      return apply([](float a, float c) { return a + c; });
    case Operation::kSubtract:
      return apply([](float a, float c) { return a - c; });
    case Operation::kMultiply:
      return apply([](float a, float c) { return a * c; });
    case Operation::kMaximum:
      return apply(Larger());
    case Operation::kMinimum:
      return apply(Smaller());
    case Operation::kOr:
      return apply([](float a, float c) { return a != 0.0f || c != 0.0f ? 1.0f : 0.0f; });
  }
}

Mask ElementwiseMerge::OutputMask(const LayerRun& run, uint8_t* buffer) const {
  if (!output().has_time || operation_ == Operation::kOr) return Mask{};
  int64_t time = 1;
  for (size_t k = 0; k < NumInputs(run); ++k) {
    if (MaskOf(run, k).data == nullptr) return Mask{};
    time = std::max(time, InputOf(run, k).time);
  }
  for (int64_t b = 0; b < run.x.batch; ++b) {
    for (int64_t t = 0; t < time; ++t) {
      uint8_t& counts = buffer[b * time + t];
      counts = 0;
      for (size_t k = 0; k < NumInputs(run); ++k) {
        if (Counts(run, k, t, b)) counts = 1;
      }
    }
  }
  return {buffer, time, 1};
}

}  // namespace

void RegisterElementwiseMerge(LayerRegistry& registry) {
  for (const char* name : {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}) {
    registry.RegisterMerge(name, ElementwiseMerge::Create, {.variables = LayerVariables::None()});
  }
  registry.RegisterMerge("LogicalOr", ElementwiseMerge::Create,
                         {.variables = LayerVariables::None(), .is_mask_operation = true});
}

}  // namespace rnnserve
