// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BATCH_WORKSPACE_H_
#define RNNSERVE_CORE_BATCHING_BATCH_WORKSPACE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/base/team.h"
#include "core/batching/step_input.h"
#include "core/layers/recurrent_layer.h"
#include "core/model/model.h"
#include "core/model/workspace.h"

namespace rnnserve {

// Holds the rows of a batch, each in one column of a model's workspace, and advances all of them
// together. A Step computes one cell step or, while there are few rows, several; layers then read
// the weights that act on their inputs once for all those cell steps.
//
//   Join(a) Join(b) Join(c)      a  b  c
//   Leave(0)                     c  b        the last row moves into the gap
//
// A row's state lives here from Join to Leave. CopyState reads it back, bit for bit as Join or the
// last Step left it. Owns the workspace. Used by one thread at a time: the worker. Allocates
// nothing after construction. Model and team must outlive it.
class BatchWorkspace {
 public:
  // The most rows for which a Step computes several timesteps, and the most timesteps that it
  // computes. More of either is no faster.
  static constexpr int64_t kFewRows = RecurrentLayer::kMaxProjectedBatch;
  static constexpr int64_t kTimestepsAtOnce = RecurrentLayer::kMaxProjectedTime;

  // A Step may compute up to `most_timesteps` while there are few rows. The team, if not null,
  // shares the work of each Step. REQUIRES: max_rows >= 1, most_timesteps is in
  // [1, kTimestepsAtOnce], the model is streamable.
  BatchWorkspace(const Model& model, int64_t max_rows, int64_t most_timesteps,
                 Team* team = nullptr);
  BatchWorkspace(const BatchWorkspace&) = delete;
  BatchWorkspace& operator=(const BatchWorkspace&) = delete;

  int64_t max_rows() const { return max_rows_; }
  int64_t rows() const { return rows_; }
  // Returns the most timesteps that a Step may compute with the current number of rows.
  int64_t max_timesteps() const { return MaxTimesteps(rows_); }

  // Adds a row that begins at `state`, a state block, as row rows() - 1. REQUIRES: rows() <
  // max_rows().
  void Join(absl::Span<const float> state);
  // Copies the state block of a row to `state`.
  void CopyState(int64_t row, absl::Span<float> state);
  // Removes a row. The last row takes its index.
  void Leave(int64_t row);

  // Sets how many timesteps of every row the next Step computes. Call it after all rows have
  // joined. REQUIRES: `count` is in [1, max_timesteps()].
  void SetTimesteps(int64_t count);
  // Sets what a row reads in the next Step: the timesteps from `t` on of inputs that are valid for
  // the model, one for each of the model's, and of their masks. An input without a time axis is
  // read as a whole. If `t` is 0, layers begin at the states that the model computes from the
  // inputs, if it computes any. Call it for every row before each Step, after SetTimesteps.
  void SetInputs(int64_t row, absl::Span<const StepInput> inputs, int64_t t);

  // Computes the cell steps of every row. Unless `with_output`, skips the outputs that only a
  // finished row needs: those without a time axis.
  void Step(bool with_output);

  // Returns output `k` of the model for a row at timestep i of the last Step, outputs()[k].size
  // floats. An output without a time axis is the one after the last timestep: then i is 0.
  absl::Span<const float> output(int64_t row, size_t k, int64_t i);
  // Returns whether every state of a row is finite.
  bool has_finite_state(int64_t row);

 private:
  // Limits rows * timesteps, so that the workspace needs no more memory than for one timestep of a
  // full batch or for `most_timesteps_` of a single row, whichever is more.
  int64_t MaxTimesteps(int64_t rows) const {
    const int64_t room = std::max(max_rows_, most_timesteps_) / std::max(rows, int64_t{1});
    return rows > kFewRows ? 1 : std::clamp(room, int64_t{1}, most_timesteps_);
  }
  // Returns the timesteps of each input of the model in a Step of `count` timesteps.
  std::vector<int64_t> InputTimes(int64_t count) const;
  // Returns the sizes that the workspace is allocated for.
  std::vector<Workspace::Extent> Extents() const;

  const Model& model_;
  const int64_t max_rows_;
  const int64_t most_timesteps_;
  Workspace workspace_;
  int64_t rows_ = 0;
  int64_t timesteps_ = 1;             // of the next Step
  std::vector<int64_t> input_times_;  // the same for each input; 1 without a time axis
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BATCH_WORKSPACE_H_
