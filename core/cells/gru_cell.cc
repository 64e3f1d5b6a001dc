// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/gru_cell.h"

#include <algorithm>
#include <vector>

#include "core/base/status_macros.h"
#include "core/kernels/gates.h"
#include "core/kernels/gru_step.h"
#include "core/kernels/panel_range.h"
#include "core/kernels/product.h"

namespace rnnserve {
namespace {

// Returns gates [first, first + count) of a recurrent kernel [units, 3 * units] as a matrix of
// `count` blocks.
Matrix GatesOf(const KerasCellWeights& weights, int64_t units, int64_t first, int64_t count) {
  std::vector<float> gates(static_cast<size_t>(units * count * units));
  for (int64_t k = 0; k < units; ++k) {
    std::copy_n(weights.recurrent_kernel.data() + (k * gru_gate::kCount + first) * units,
                count * units, gates.data() + k * count * units);
  }
  return Matrix(gates, units, count, units, weights.matrix_type);
}

// Returns row `index` of a bias [2, 3 * units], or of a bias [3 * units], which has only row 0.
AlignedBuffer BiasRow(absl::Span<const float> bias, int64_t units, size_t index) {
  const size_t length = static_cast<size_t>(gru_gate::kCount * units);
  return PackBias(bias.empty() ? bias : bias.subspan(index * length, length), gru_gate::kCount,
                  units);
}

// Returns the bias that is added to the gate sums. With reset_after the bias has two rows, one for
// the input and one for the recurrent product: z and r get the sum of both, and h gets only the
// first.
AlignedBuffer FusedBias(absl::Span<const float> bias, int64_t units, bool reset_after) {
  AlignedBuffer sum = BiasRow(bias, units, 0);
  if (!reset_after) return sum;
  const AlignedBuffer recurrent = BiasRow(bias, units, 1);
  for (int64_t i = 0; i < gru_gate::kCandidate * PaddedRows(units); ++i) {
    sum.data()[i] += recurrent.data()[i];
  }
  return sum;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Cell>> GruCell::Create(const CellRegistry& /*registry*/,
                                                      const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto options,
                            KerasCellOptions::Read(config, input_shape, gru_gate::kCount));
  RNNSERVE_ASSIGN_OR_RETURN(const bool reset_after, config.Bool("reset_after", true));
  const int64_t columns = gru_gate::kCount * options.units;
  const Shape bias_shape = reset_after ? Shape({2, columns}) : Shape({columns});
  RNNSERVE_ASSIGN_OR_RETURN(const auto cell_weights,
                            KerasCellWeights::Read(options, bias_shape, weights));
  return std::unique_ptr<Cell>(new GruCell(options, reset_after, cell_weights));
}

GruCell::GruCell(const KerasCellOptions& options, bool reset_after, const KerasCellWeights& weights)
    : VectorCell(options, weights,
                 {.states = {{"h", {options.units}}},
                  .recurrent_kernel = GatesOf(weights, options.units, gru_gate::kUpdate,
                                              reset_after ? gru_gate::kCount : 2),
                  .bias = BiasRow(weights.bias, options.units, 0)}),
      reset_after_(reset_after),
      fused_bias_(FusedBias(weights.bias, options.units, reset_after)),
      recurrent_bias_(reset_after ? BiasRow(weights.bias, options.units, 1) : AlignedBuffer()),
      candidate_recurrent_kernel_(
          reset_after ? Matrix() : GatesOf(weights, options.units, gru_gate::kCandidate, 1)) {}

int64_t GruCell::parameter_bytes() const {
  return VectorCell::parameter_bytes() + candidate_recurrent_kernel_.bytes() +
         (recurrent_bias_.size() + fused_bias_.size()) * int64_t{sizeof(float)};
}

int64_t GruCell::shareable_bytes() const {
  // Without reset_after a step makes two passes. The size of each pass decides whether it is
  // shared.
  const int64_t second_pass =
      HasFusedStep() ? ShareableBytes(candidate_recurrent_kernel_.bytes()) : 0;
  return VectorCell::shareable_bytes() + second_pass;
}

int64_t GruCell::scratch_size(int64_t batch) const {
  const int64_t gates = ColumnsSize(kernel_.output_rows(), batch);
  return gates + (reset_after_ ? gates : ColumnsSize(kernel_.units(), batch)) +
         dropout_scratch_size(batch);
}

void GruCell::FusedStep(const CellStep& step) const {
  const int64_t units = kernel_.units();
  const int64_t batch = step.y.cols;
  const GruStepArguments arguments{.kernel = kernel_,
                                   .activation = activation_,
                                   .recurrent_activation = recurrent_activation_,
                                   .start = FusedStart(step),
                                   .x = FusedInput(step),
                                   .h = step.state[0],
                                   .next_h = step.next_state[0],
                                   .y = step.y,
                                   .team = step.team};
  if (reset_after_) {
    const float* candidate_bias = recurrent_bias_.data() + gru_gate::kCandidate * PaddedRows(units);
    return GruStepResetAfter(arguments, recurrent_kernel_, candidate_bias);
  }
  float* scratch = step.scratch;
  const GruScratch first_pass{.z = TakeColumns(scratch, units, batch),
                              .reset_h = TakeColumns(scratch, units, batch),
                              .candidate_of_x = TakeColumns(scratch, units, batch)};
  GruStepResetBefore(arguments, recurrent_kernel_, candidate_recurrent_kernel_, first_pass);
}

void GruCell::StepByGates(const CellStep& step) const {
  const ConstColumns h = step.state[0];
  const Columns next_h = step.next_state[0];

  float* scratch = step.scratch;
  const Columns gates = TakeColumns(scratch, kernel_.output_rows(), step.y.cols);
  StartGates(step, scratch, gates);
  if (reset_after_) {
    ResetAfter(step, gates, scratch);
  } else {
    ResetBefore(step, gates, scratch);
  }

  const Columns z = gates.Block(gru_gate::kUpdate, kernel_.units());
  const Columns hh = gates.Block(gru_gate::kCandidate, kernel_.units());
  for (int64_t b = 0; b < gates.cols; ++b) {
    next_h.padded(b) = z.padded(b) * h.padded(b) + (1.0f - z.padded(b)) * hh.padded(b);
  }
  Copy(next_h, step.y);
}

void GruCell::ResetAfter(const CellStep& step, Columns gates, float* scratch) const {
  const Columns recurrent = TakeColumns(scratch, gates.rows, gates.cols);
  dropouts_.state.Affine(recurrent_kernel_, recurrent_bias_, step.training, step.state[0], scratch,
                         recurrent);

  const int64_t units = kernel_.units();
  const Columns z = gates.Block(gru_gate::kUpdate, units);
  const Columns r = gates.Block(gru_gate::kReset, units);
  const Columns hh = gates.Block(gru_gate::kCandidate, units);
  const Columns recurrent_z = recurrent.Block(gru_gate::kUpdate, units);
  const Columns recurrent_r = recurrent.Block(gru_gate::kReset, units);
  const Columns recurrent_hh = recurrent.Block(gru_gate::kCandidate, units);
  for (int64_t b = 0; b < gates.cols; ++b) {
    z.padded(b) += recurrent_z.padded(b);
    r.padded(b) += recurrent_r.padded(b);
  }
  Activate(recurrent_activation_, z);
  Activate(recurrent_activation_, r);
  for (int64_t b = 0; b < gates.cols; ++b) hh.padded(b) += r.padded(b) * recurrent_hh.padded(b);
  Activate(activation_, hh);
}

void GruCell::ResetBefore(const CellStep& step, Columns gates, float* scratch) const {
  const ConstColumns h = step.state[0];
  const int64_t units = kernel_.units();
  const Columns z = gates.Block(gru_gate::kUpdate, units);
  const Columns r = gates.Block(gru_gate::kReset, units);
  const Columns hh = gates.Block(gru_gate::kCandidate, units);
  dropouts_.state.AddProduct(recurrent_kernel_, step.training, h, scratch,
                             gates.Rows(0, recurrent_kernel_.output_rows()));
  Activate(recurrent_activation_, z);
  Activate(recurrent_activation_, r);

  const Columns reset_h = TakeColumns(scratch, units, gates.cols);
  const bool drops = dropouts_.state.ActsIn(step.training);
  for (int64_t b = 0; b < gates.cols; ++b) {
    reset_h.padded(b) = h.padded(b);
    if (drops) {
      dropouts_.state.DropFor(gru_gate::kCandidate, *step.training, b, h, reset_h.column(b));
    }
    reset_h.padded(b) *= r.padded(b);
  }
  AddProduct(candidate_recurrent_kernel_, reset_h, hh);
  Activate(activation_, hh);
}

}  // namespace rnnserve
