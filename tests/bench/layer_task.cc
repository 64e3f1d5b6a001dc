// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/layer_task.h"

#include <cmath>
#include <random>

namespace rnnserve::testing {
namespace {

std::vector<float> Random(int64_t size, unsigned seed, float limit) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-limit, limit);
  std::vector<float> values(static_cast<size_t>(size));
  for (float& value : values) value = uniform(random);
  return values;
}

}  // namespace

const std::vector<LayerKind>& LayerKinds() {
  static const std::vector<LayerKind>& kinds = *new std::vector<LayerKind>{
      {"Dense", "Dense", 1, 0},
      {"SimpleRNN", "SimpleRNN", 1, 1},
      {"GRU", "GRU", 3, 1, PeerCell::kGruResetAfter},
      {"GRU-reset-before", "GRU", 3, 1, PeerCell::kGruResetBefore},
      {"LSTM", "LSTM", 4, 2, PeerCell::kLstm},
  };
  return kinds;
}

LayerTask::LayerTask(const LayerKind& kind, const LayerShape& shape)
    : kind_(kind),
      shape_(shape),
      x_(Random(shape.num_timesteps * shape.batch * shape.units, /*seed=*/1, 1.0f)),
      h_(Random(shape.batch * shape.units, /*seed=*/2, 0.5f)),
      c_(Random(shape.batch * shape.units, /*seed=*/3, 0.5f)) {
  // PyTorch's initial range, which keeps gate sums near 1 for any width.
  const float limit = 1.0f / std::sqrt(static_cast<float>(shape.units));
  const int64_t columns = kind.num_gates * shape.units;
  weights_.AddRandom("kernel", {shape.units, columns}, /*seed=*/4, limit);
  if (kind.is_recurrent()) {
    weights_.AddRandom("recurrent_kernel", {shape.units, columns}, /*seed=*/5, limit);
  }
  const bool has_two = kind.peer_cell == PeerCell::kGruResetAfter;
  weights_.AddRandom("bias", has_two ? Shape({2, columns}) : Shape({columns}), /*seed=*/6, limit);
}

PeerTask LayerTask::ForPeers() const {
  return {.cell = *kind_.peer_cell,
          .input_size = shape_.units,
          .units = shape_.units,
          .batch = shape_.batch,
          .num_timesteps = shape_.num_timesteps,
          .kernel = weights_.values("kernel"),
          .recurrent_kernel = weights_.values("recurrent_kernel"),
          .bias = weights_.values("bias"),
          .x = x_,
          .h = h_,
          .c = c_};
}

double LayerTask::num_operations() const {
  return 2.0 * static_cast<double>((input_weights() + recurrent_weights()) * shape_.batch *
                                   shape_.num_timesteps);
}

int64_t LayerTask::input_weights() const { return kind_.num_gates * shape_.units * shape_.units; }

int64_t LayerTask::recurrent_weights() const { return kind_.is_recurrent() ? input_weights() : 0; }

}  // namespace rnnserve::testing
