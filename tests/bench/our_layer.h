// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_OUR_LAYER_H_
#define RNNSERVE_TESTS_BENCH_OUR_LAYER_H_

#include <memory>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/base/team.h"
#include "core/kernels/weight_type.h"
#include "core/layers/layer.h"
#include "tests/bench/layer_task.h"
#include "tests/bench/peers/peer.h"

namespace rnnserve::testing {

// One of our layers, run the way a model's workspace runs it: built by the registry, on sequences
// and states in columns, with return_sequences. Unlike with the other peers, each call continues
// from the states of the previous one, because writing them back is part of our work. Owns all it
// needs; the task may be destroyed.
class OurLayer final : public Peer {
 public:
  // `weights` is the storage type of the layer's matrices. The layer shares its steps with the
  // team, if there is one.
  OurLayer(const LayerTask& task, WeightType weights, Team* team);

  // Returns whether a step is large enough to be shared with a team.
  bool is_shareable() const { return layer_->shareable_bytes() > 0; }

  void Step() override { layer_->Run(run_); }
  std::vector<float> Output() const override;

 private:
  const std::unique_ptr<Layer> layer_;
  AlignedBuffer x_, states_, y_, scratch_;
  LayerRun run_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_OUR_LAYER_H_
