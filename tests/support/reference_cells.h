// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_REFERENCE_CELLS_H_
#define RNNSERVE_TESTS_SUPPORT_REFERENCE_CELLS_H_

#include <string>
#include <vector>

namespace rnnserve::testing {

// A second implementation of the recurrent cells, as in a textbook: one value at a time, in double
// precision, and without any of the code that it checks. The fast cells must agree with it.

using Vector = std::vector<double>;

// Returns activation(x) for an activation by its Keras name.
Vector ReferenceActivate(const std::string& activation, Vector x);

// The weights of a cell, row-major as Keras stores them, and its options.
struct ReferenceCell {
  std::string kind;  // SimpleRNNCell, LSTMCell, GRUCell or rnnserve>MinimalRNNCell
  size_t input_size = 0;
  size_t units = 0;
  std::string activation = "tanh";
  std::string recurrent_activation = "sigmoid";
  bool use_bias = true;
  bool reset_after = true;  // for a GRUCell
  std::vector<float> kernel;
  std::vector<float> recurrent_kernel;
  std::vector<float> bias;
};

// Computes one step of one batch row: replaces the states and returns the output. REQUIRES: the
// states are those of the cell's kind, each of `units` values.
Vector ReferenceStep(const ReferenceCell& cell, const Vector& x, std::vector<Vector>& states);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_REFERENCE_CELLS_H_
