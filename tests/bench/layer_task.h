// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_LAYER_TASK_H_
#define RNNSERVE_TESTS_BENCH_LAYER_TASK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/peers/peer.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {

// A kind of layer that the benchmark has rows for.
struct LayerKind {
  std::string name;  // in the table
  std::string class_name;
  int64_t num_gates = 1;
  int64_t num_states = 1;
  std::optional<PeerCell> peer_cell = std::nullopt;  // the peers' name for it, if they have it

  bool is_recurrent() const { return num_states > 0; }
};

// Returns Dense, SimpleRNN, GRU, GRU without reset_after and LSTM.
const std::vector<LayerKind>& LayerKinds();

// The sizes of one call. The inputs are as wide as the layer.
struct LayerShape {
  int64_t units = 0;
  int64_t batch = 0;
  int64_t num_timesteps = 1;
};

// A layer with random weights, inputs and states, small enough that no gate saturates. Owns them.
// Immutable; safe to share.
class LayerTask {
 public:
  LayerTask(const LayerKind& kind, const LayerShape& shape);

  const LayerKind& kind() const { return kind_; }
  const LayerShape& shape() const { return shape_; }
  const WeightMap& weights() const { return weights_; }  // by Keras' names
  const std::vector<float>& x() const { return x_; }     // [num_timesteps, batch, units]
  const std::vector<float>& h() const { return h_; }     // [batch, units]
  const std::vector<float>& c() const { return c_; }     // [batch, units]

  // Returns the same task for a peer. The result borrows from this object. REQUIRES:
  // kind().peer_cell.
  PeerTask ForPeers() const;

  // Returns the operations of the products of one call: a multiplication and an addition for each
  // weight, row and timestep.
  double num_operations() const;
  // Return the number of weights of the inputs and of the states, without biases.
  int64_t input_weights() const;
  int64_t recurrent_weights() const;

 private:
  const LayerKind kind_;
  const LayerShape shape_;
  WeightMap weights_;
  std::vector<float> x_, h_, c_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_LAYER_TASK_H_
