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

// The memory for runs of one model up to some number of rows and timesteps, allocated once: the
// inputs, their masks, the states and every intermediate value.
//
// Columns that are not in use keep their old values. Owns its memory. Used by one thread at a time:
// the worker that runs the model. The model must outlive it.
class Workspace {
 public:
  // The size of a run: its rows, and the timesteps of each input.
  struct Extent {
    int64_t batch = 1;
    std::vector<int64_t> times;
  };

  // Creates a workspace for runs of at most this size, and sets this size. REQUIRES: max_batch >= 1
  // and Model::ValueTimes is OK.
  Workspace(const Model& model, int64_t max_batch, absl::Span<const int64_t> max_times);
  // Creates a workspace for runs of any of these sizes or smaller, and sets the first size.
  // REQUIRES: as above, for each size.
  Workspace(const Model& model, absl::Span<const Extent> extents);
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // Returns the number of bytes that a workspace of this size takes, or nullopt if it overflows.
  static std::optional<int64_t> Bytes(const Model& model, int64_t max_batch,
                                      absl::Span<const int64_t> max_times);

  int64_t batch() const { return batch_; }

  // Set the number of rows and of timesteps of the next run. All views returned below have this
  // size. REQUIRES: the workspace was created for runs of at least this size.
  void SetBatch(int64_t batch) { batch_ = batch; }
  void SetTimes(absl::Span<const int64_t> times);

  // Input i, which must be filled before a run; row-major in (batch, time). An input without a time
  // axis has one timestep.
  Sequence input(size_t i = 0) { return value(i); }
  // The mask of input i, [batch, time], one byte per timestep; all ones at first. It is used only
  // if `uses_mask` is set.
  uint8_t* mask(size_t i = 0) { return values_[i].mask_bytes.data(); }
  void UseMask(size_t i, bool uses_mask);
  // Makes later runs behave like Keras with training=True, with random numbers from one seed for
  // each row. An empty list, the initial setting, makes them runs with training=False. REQUIRES:
  // there are batch() seeds or none, and the model has no no_training_reason().
  void SetTraining(absl::Span<const uint64_t> row_seeds) {
    row_seeds_.assign(row_seeds.begin(), row_seeds.end());
  }
  // Makes later runs share large steps with a team. Only the thread that runs the model calls the
  // team. Null, the initial setting, ends the sharing.
  void set_team(Team* team) { team_ = team; }
  // Whether a row of the next runs begins at the states that the model computes for its layers
  // (Plan::Node::initial_state). All rows do at first. A row that does not continues at its state,
  // as it does in layers for which the model computes none.
  void BeginAtComputedStates(int64_t row, bool begins) {
    begins_[static_cast<size_t>(row)] = begins ? 1 : 0;
  }
  // The state block of each row: column b has StateLayout::size floats.
  Columns states() { return {states_.data(), state_size_, batch_, state_size_}; }

  // Returns a value of the plan after the last run.
  Sequence value(size_t i) {
    return DenseSequence(values_[i].floats.data(), values_[i].rows, batch_, times_[i]);
  }

  // Runs one node of the plan on the values of the nodes before it.
  void RunNode(const Plan::Node& node);

 private:
  // A value of the plan in this run.
  struct Value {
    int64_t rows = 0;
    AlignedBuffer floats;
    std::vector<uint8_t> mask_bytes;  // the buffer for OutputMask
    Mask mask;                        // of this run
  };

  void BeginAtComputedStates(const Plan::Node& node, Columns state);
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
  // The further inputs of the node that runs, their masks, its further outputs, and a mask that was
  // passed to it.
  std::vector<ConstSequence> more_x_;
  std::vector<Mask> more_masks_;
  std::vector<Sequence> more_y_;
  std::vector<uint8_t> passed_mask_;
  std::vector<uint8_t> begins_;      // of each row
  std::vector<uint64_t> row_seeds_;  // empty without training
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_WORKSPACE_H_
