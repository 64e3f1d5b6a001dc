// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CONV_LSTM_CELL_H_
#define RNNSERVE_CORE_CELLS_CONV_LSTM_CELL_H_

#include <array>
#include <memory>

#include "core/base/aligned_buffer.h"
#include "core/cells/cell_dropout.h"
#include "core/cells/cell_registry.h"
#include "core/cells/conv_lstm_options.h"
#include "core/cells/convolution.h"
#include "core/kernels/gates.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// The cell of keras.layers.ConvLSTM1D, 2D and 3D: an LSTM whose products are convolutions (Shi et
// al., 2015), over images of n spatial axes. With C channels, F filters and * for a convolution,
//
//   i  = rec(K_i * x + R_i * h + b_i)      x [in_1, .., in_n, C]      h, c [out_1, .., out_n, F]
//   f  = rec(K_f * x + R_f * h + b_f)      K = [K_i K_f K_c K_o]   [k_1, .., k_n, C, 4F]
//   g  = act(K_c * x + R_c * h + b_c)      R = [R_i R_f R_c R_o]   [k_1, .., k_n, F, 4F]
//   o  = rec(K_o * x + R_o * h + b_o)      b = [b_i b_f b_c b_o]   [4F]
//   c' = f c + i g
//   h' = o act(c')
//   y  = h'
//
// K * x takes strides, padding and dilation_rate from the configuration. R * h keeps the size: no
// stride, padding "same", no dilation. With channels_first the channels of x, h and c come before
// the spatial axes; the kernels are the same.
//
// A step computes kPositionsAtOnce output positions of a batch row at a time. Their patches are the
// columns of a matrix product (see Convolution) that gives all four gates, stacked as in LstmCell.
//
// In training each gate sees x and h after dropout (CellDropout).
//
// Two states, "h" then "c". Owns its weights. Immutable; safe to share.
class ConvLstmCell final : public Cell {
 public:
  // Returns the factory for cells with `num_axes` spatial axes. REQUIRES: num_axes is in
  // [1, Convolution::kAxesMax].
  static CellRegistry::Factory FactoryFor(int num_axes);

  int64_t num_parameters() const override { return num_parameters_; }
  int64_t scratch_size(int64_t batch) const override;
  void Step(const CellStep& step) const override;

 private:
  // This is large enough, because a product does not get faster beyond about 16 columns. It is
  // small enough, because the scratch of 64 positions of a 3 x 3 kernel over 64 channels is 160 KiB
  // and stays in the cache of a core.
  static constexpr int64_t kPositionsAtOnce = 64;

  struct Weights {
    absl::Span<const float> kernel;
    absl::Span<const float> recurrent_kernel;
    absl::Span<const float> bias;  // empty without use_bias
  };

  static absl::StatusOr<std::unique_ptr<Cell>> Create(int num_axes, const KerasConfig& config,
                                                      const Shape& input_shape,
                                                      WeightSource& weights);

  // The images that the gates see as x or as h of one batch row: the same image four times or, with
  // dropout, one image for each gate.
  using Images = std::array<const float*, lstm_gate::kCount>;

  ConvLstmCell(const ConvLstmOptions& options, const CellDropouts& dropouts,
               const Weights& weights);

  // Computes the activated gates of the positions [first, first + gates.cols).
  void Gates(const Images& x, const Images& h, int64_t first, Columns gates, float* scratch) const;
  // Computes the states and the output of the same positions from their gates.
  void Update(const CellStep& step, int64_t b, int64_t first, Columns gates) const;

  const CellDropouts dropouts_;
  const Convolution input_convolution_;
  const Convolution recurrent_convolution_;
  const Activation activation_;
  const Activation recurrent_activation_;
  const int64_t num_parameters_;
  const Matrix kernel_;
  const Matrix recurrent_kernel_;
  const AlignedBuffer bias_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CONV_LSTM_CELL_H_
