// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_WORKSPACE_H_
#define RNNSERVE_CORE_MODEL_WORKSPACE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/layers/sequence.h"

namespace rnnserve {

class Model;

// Scratch for running one model on up to `max_batch` rows of up to `max_time` timesteps: the input,
// its mask, the states and every intermediate value, allocated once.
//
// Columns beyond those in use keep whatever they held. Owns its memory. Used by one thread at a
// time: the worker that runs the model. The model must outlive it.
class Workspace {
 public:
  // REQUIRES: max_batch >= 1, max_time >= 1.
  Workspace(const Model& model, int64_t max_batch, int64_t max_time);
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  int64_t max_batch() const { return max_batch_; }
  int64_t max_time() const { return max_time_; }

  // The bytes that a workspace of this size takes; nothing if that overflows.
  static std::optional<int64_t> Bytes(const Model& model, int64_t max_batch, int64_t max_time);

  // To be filled before a run of `batch` rows of `time` timesteps, row-major in (batch, time).
  Sequence input(int64_t batch, int64_t time);
  // One byte a timestep, [batch, time]; all ones at first.
  uint8_t* mask() { return mask_.data(); }
  // The state block of each row: column b has StateLayout::size floats.
  Columns states(int64_t batch);

  // The output of layer `index` of a run of that size (time 1 behind a layer that drops the time).
  Sequence value(size_t layer_index, int64_t batch, int64_t time);
  uint8_t* mask_buffer(size_t layer_index) { return values_[layer_index].mask.data(); }
  float* scratch() { return scratch_.data(); }

 private:
  // What one layer leaves.
  struct Value {
    int64_t rows = 0;
    bool has_time = true;
    AlignedBuffer floats;
    std::vector<uint8_t> mask;
  };

  const int64_t max_batch_;
  const int64_t max_time_;
  const int64_t input_rows_;
  const int64_t state_size_;
  AlignedBuffer input_;
  AlignedBuffer states_;
  AlignedBuffer scratch_;
  std::vector<uint8_t> mask_;
  std::vector<Value> values_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_WORKSPACE_H_
