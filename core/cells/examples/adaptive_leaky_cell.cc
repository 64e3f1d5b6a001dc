// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// An example of a custom cell in one file, built as a plug-in. CUSTOM_CELLS.md walks through it. It
// has features that Keras' own cells do not have: two states, neither of which is the output, a
// state that does not start at zero, and a constant.

#include <algorithm>
#include <memory>
#include <string>

#include "core/base/aligned_buffer.h"
#include "core/base/status_macros.h"
#include "core/cells/cell_plugin.h"
#include "core/cells/cell_registry.h"
#include "core/cells/keras_cell_options.h"
#include "core/kernels/matrix.h"
#include "core/kernels/product.h"

namespace rnnserve {
namespace {

// Leaky integrators with an adaptive threshold: the neurons of Bellec et al. (2018, "Long
// short-term memory and learning-to-learn in networks of spiking neurons") with a smooth rate in
// place of spikes. A constant scales the input by a gain for each unit. With F features and U
// units,
//
//   r  = sigmoid(v - a)                                                 x [F]   v, a, gain [U]
//   v' = leak v + (1 - leak) (gain (x K) + r R + b)                     K [F, U]   R [U, U]   b [U]
//   a' = threshold + decay (a - threshold) + (1 - decay) strength r
//   y  = sigmoid(v' - a')
//
// Two states: "v", the potential, which starts at 0, and "a", the adapted threshold, which starts
// at `threshold`. One constant: gain. Owns its weights. Immutable; safe to share.
class AdaptiveLeakyCell final : public Cell {
 public:
  // A CellRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Cell>> Create(const CellRegistry& registry,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights);

  int64_t num_parameters() const override {
    return (input_size() + output_size() + 1) * output_size();
  }
  int64_t scratch_size(int64_t batch) const override {
    return 2 * ColumnsSize(output_size(), batch);
  }
  void InitialState(int state_index, absl::Span<float> value) const override;
  void Step(const CellStep& step) const override;

 private:
  enum State { kPotential, kThreshold };

  struct Options {
    double leak = 0.0;
    double decay = 0.0;
    double strength = 0.0;
    double threshold = 0.0;
  };

  AdaptiveLeakyCell(const Options& options, int64_t input_size, int64_t units,
                    absl::Span<const float> kernel, absl::Span<const float> recurrent_kernel,
                    absl::Span<const float> bias);

  const float leak_;
  const float input_share_;  // 1 - leak
  const float decay_;
  const float rate_share_;  // (1 - decay) strength
  const float threshold_;
  const Matrix kernel_;
  const Matrix recurrent_kernel_;
  const AlignedBuffer no_bias_;  // [U], zeros
  const AlignedBuffer bias_;
};

absl::StatusOr<double> Fraction(const KerasConfig& config, absl::string_view key, double fallback) {
  RNNSERVE_ASSIGN_OR_RETURN(const double value, config.Number(key, fallback));
  if (value >= 0.0 && value <= 1.0) return value;
  return config.Error(std::string(key) + " must be from 0 to 1, found " + std::to_string(value));
}

absl::StatusOr<std::unique_ptr<Cell>> AdaptiveLeakyCell::Create(const CellRegistry& /*registry*/,
                                                                const KerasConfig& config,
                                                                const Shape& input_shape,
                                                                WeightSource& weights) {
  RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t input_size, VectorInputSize(config, input_shape));
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t units, config.PositiveInt("units"));
  Options options;
  RNNSERVE_ASSIGN_OR_RETURN(options.leak, Fraction(config, "leak", 0.9));
  RNNSERVE_ASSIGN_OR_RETURN(options.decay, Fraction(config, "decay", 0.97));
  RNNSERVE_ASSIGN_OR_RETURN(options.strength, config.Number("strength", 1.8));
  RNNSERVE_ASSIGN_OR_RETURN(options.threshold, config.Number("threshold", 0.5));
  RNNSERVE_ASSIGN_OR_RETURN(const auto kernel, weights.Weight("kernel", {input_size, units}));
  RNNSERVE_ASSIGN_OR_RETURN(const auto recurrent_kernel,
                            weights.Weight("recurrent_kernel", {units, units}));
  RNNSERVE_ASSIGN_OR_RETURN(const auto bias, weights.Weight("bias", {units}));
  return std::unique_ptr<Cell>(
      new AdaptiveLeakyCell(options, input_size, units, kernel, recurrent_kernel, bias));
}

AdaptiveLeakyCell::AdaptiveLeakyCell(const Options& options, int64_t input_size, int64_t units,
                                     absl::Span<const float> kernel,
                                     absl::Span<const float> recurrent_kernel,
                                     absl::Span<const float> bias)
    : Cell({.input = {input_size},
            .output = {units},
            .states = {{"v", {units}}, {"a", {units}}},
            .constants = {{units}}}),
      leak_(static_cast<float>(options.leak)),
      input_share_(static_cast<float>(1.0 - options.leak)),
      decay_(static_cast<float>(options.decay)),
      rate_share_(static_cast<float>((1.0 - options.decay) * options.strength)),
      threshold_(static_cast<float>(options.threshold)),
      kernel_(kernel, input_size, 1, units),
      recurrent_kernel_(recurrent_kernel, units, 1, units),
      no_bias_(PackBias({}, 1, units)),
      bias_(PackBias(bias, 1, units)) {}

void AdaptiveLeakyCell::InitialState(int state_index, absl::Span<float> value) const {
  std::fill(value.begin(), value.end(), state_index == kThreshold ? threshold_ : 0.0f);
}

void AdaptiveLeakyCell::Step(const CellStep& step) const {
  const ConstColumns v = step.state[kPotential];
  const ConstColumns a = step.state[kThreshold];
  const ConstColumns gain = step.constants[0];
  const Columns next_v = step.next_state[kPotential];
  const Columns next_a = step.next_state[kThreshold];

  float* scratch = step.scratch;
  const Columns rate = TakeColumns(scratch, output_size(), step.x.cols);
  for (int64_t b = 0; b < rate.cols; ++b) rate.padded(b) = v.padded(b) - a.padded(b);
  Activate(Activation::kSigmoid, rate);

  const Columns input = TakeColumns(scratch, output_size(), step.x.cols);
  Affine(kernel_, no_bias_, step.x, input);
  Affine(recurrent_kernel_, bias_, rate, next_v);
  for (int64_t b = 0; b < rate.cols; ++b) {
    next_v.padded(b) += gain.padded(b) * input.padded(b);
    next_v.padded(b) = leak_ * v.padded(b) + input_share_ * next_v.padded(b);
    next_a.padded(b) =
        threshold_ + decay_ * (a.padded(b) - threshold_) + rate_share_ * rate.padded(b);
    step.y.padded(b) = next_v.padded(b) - next_a.padded(b);
  }
  Activate(Activation::kSigmoid, step.y);
}

void RegisterCells(CellRegistry& registry) {
  registry.Register("rnnserve>AdaptiveLeakyCell", AdaptiveLeakyCell::Create,
                    {{"kernel", ""}, {"recurrent_kernel", ""}, {"bias", ""}});
}

}  // namespace
}  // namespace rnnserve

RNNSERVE_CELL_PLUGIN(rnnserve::RegisterCells);
