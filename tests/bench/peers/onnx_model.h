// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PEERS_ONNX_MODEL_H_
#define RNNSERVE_TESTS_BENCH_PEERS_ONNX_MODEL_H_

#include <string>

#include "tests/bench/peers/peer.h"

namespace rnnserve::testing {

// Returns the bytes of an ONNX model of one LSTM or GRU node with the task's weights. Its inputs
// are X, [num_timesteps, batch, input_size], H and, for an LSTM, C, [1, batch, units]. Its outputs
// are Y, [num_timesteps, 1, batch, units], and Y_h and Y_c, [1, batch, units].
std::string OnnxModel(const PeerTask& task);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_ONNX_MODEL_H_
