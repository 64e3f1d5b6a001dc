// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PEERS_ONNX_MODEL_H_
#define RNNSERVE_TESTS_BENCH_PEERS_ONNX_MODEL_H_

#include <string>

#include "tests/bench/peers/peer.h"

namespace rnnserve::testing {

// The bytes of an ONNX model of one LSTM or GRU node with the task's weights. Its inputs are X,
// [num_timesteps, batch, input_size], H and (of an LSTM) C, [1, batch, units]; its outputs Y,
// [num_timesteps, 1, batch, units], Y_h and Y_c, [1, batch, units].
std::string OnnxModel(const PeerTask& task);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_ONNX_MODEL_H_
