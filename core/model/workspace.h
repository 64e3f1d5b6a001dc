// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_WORKSPACE_H_
#define RNNSERVE_CORE_MODEL_WORKSPACE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/base/team.h"
#include "core/layers/sequence.h"
#include "core/model/plan.h"

namespace rnnserve {

class Model;

// Scratch for running one model: the inputs, their masks, the states and every intermediate value
// of up to so many rows of up to so many timesteps, allocated once.
//
// Columns beyond those in use keep whatever they held. Owns its memory. Used by one thread at a
// time: the worker that runs the model. The model must outlive it.
class Workspace {
 public:
  // The size of a run: its rows, and the timesteps of each input.
  struct Extent {
    int64_t batch = 1;
    std::vector<int64_t> times;
  };

  // Made for, and at first of, this size. REQUIRES: max_batch >= 1 and Model::ValueTimes is OK.
  Workspace(const Model& model, int64_t max_batch, absl::Span<const int64_t> max_times);
  // Made for each of these sizes and all that are within one, at first of the first. REQUIRES: the
  // same of each.
  Workspace(const Model& model, absl::Span<const Extent> extents);
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // The bytes that a workspace of this size takes; nothing if that overflows.
  static std::optional<int64_t> Bytes(const Model& model, int64_t max_batch,
                                      absl::Span<const int64_t> max_times);

  int64_t batch() const { return batch_; }

  // What the next run is of. Everything below is of that size. REQUIRES: it was made for it.
  void SetBatch(int64_t batch) { batch_ = batch; }
  void SetTimes(absl::Span<const int64_t> times);

  // To be filled before a run, row-major in (batch, time). An input without a time axis has one
  // timestep.
  Sequence input(size_t i = 0) { return value(i); }
  // One byte a timestep of input i, [batch, time]; all ones at first. Read if `uses_mask` was set.
  uint8_t* mask(size_t i = 0) { return values_[i].mask_bytes.data(); }
  void UseMask(size_t i, bool uses_mask);
  // From now on runs are those of Keras' training=True, with the random numbers of one seed for
  // each row; without seeds, as at first, those of training=False. REQUIRES: there are batch() of
  // them, or none, and the model has no no_training_reason().
  void SetTraining(absl::Span<const uint64_t> row_seeds) {
    row_seeds_.assign(row_seeds.begin(), row_seeds.end());
  }
  // From now on large steps are shared with a team, whose caller is the thread that runs the model;
  // null, as at first: with nobody.
  void set_team(Team* team) { team_ = team; }
  // The state block of each row: column b has StateLayout::size floats.
  Columns states() { return {states_.data(), state_size_, batch_, state_size_}; }

  // A value of the plan, as the last run left it.
  Sequence value(size_t i) {
    return DenseSequence(values_[i].floats.data(), values_[i].rows, batch_, times_[i]);
  }

  // Runs one node of the plan on what the nodes before it left.
  void RunNode(const Plan::Node& node);

 private:
  // A value of the plan in this run.
  struct Value {
    int64_t rows = 0;
    AlignedBuffer floats;
    std::vector<uint8_t> mask_bytes;  // what OutputMask may write
    Mask mask;                        // of this run
  };

  void BeginAtGivenStates(const Plan::Node& node, Columns state);
  void ReturnStates(const Plan::Node& node, ConstColumns state);
  Mask PassedMask(size_t mask_value);

  const Model& model_;
  const int64_t state_size_;
  int64_t batch_;
  Team* team_ = nullptr;
  AlignedBuffer states_;
  AlignedBuffer scratch_;
  std::vector<Value> values_;
  std::vector<int64_t> times_;  // of each value
  // What a node reads besides its first input, and a mask that was passed to it.
  std::vector<ConstSequence> more_x_;
  std::vector<Mask> more_masks_;
  std::vector<uint8_t> passed_mask_;
  std::vector<uint64_t> row_seeds_;  // empty without training
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_WORKSPACE_H_
