// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_GATES_H_
#define RNNSERVE_CORE_KERNELS_GATES_H_

namespace rnnserve {

// The position of each gate in a kernel with all gates side by side. All weights in rnnserve are in
// Keras' order. An importer of another framework's weights permutes the blocks; nothing else in
// rnnserve knows another order.
//
//            Keras              PyTorch            ONNX
//   kernel   [input, gates*U]   [gates*U, input]   [gates*U, input]     (transposed)
//   LSTM     i f c o            i f g o            i o f c              (g is c)
//   GRU      z r h              r z n              z r h                (n is h)
//
// In all three GRUs z keeps the old state: h' = z * h + (1 - z) * hh. Keras' reset_after is the
// only form that PyTorch has; ONNX calls it linear_before_reset.
namespace lstm_gate {
constexpr int kInput = 0;      // i
constexpr int kForget = 1;     // f
constexpr int kCandidate = 2;  // c
constexpr int kOutput = 3;     // o
constexpr int kCount = 4;
}  // namespace lstm_gate

namespace gru_gate {
constexpr int kUpdate = 0;     // z
constexpr int kReset = 1;      // r
constexpr int kCandidate = 2;  // h
constexpr int kCount = 3;
}  // namespace gru_gate

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_GATES_H_
