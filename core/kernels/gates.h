// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_GATES_H_
#define RNNSERVE_CORE_KERNELS_GATES_H_

namespace rnnserve {

// Where each gate stands in a fused kernel, in Keras' order, which is the order of every weight
// that rnnserve keeps. An importer of another framework's weights permutes the blocks; nothing else
// in rnnserve knows another order.
//
//            Keras              PyTorch            ONNX
//   kernel   [input, gates*U]   [gates*U, input]   [gates*U, input]     (so transposed)
//   LSTM     i f c o            i f g o            i o f c              (g is c)
//   GRU      z r h              r z n              z r h                (n is h)
//
// All three GRUs let z keep the old state: h' = z * h + (1 - z) * hh. Keras' reset_after is
// PyTorch's only form and ONNX' linear_before_reset.
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
