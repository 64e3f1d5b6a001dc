// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BATCH_WORKSPACE_H_
#define RNNSERVE_CORE_BATCHING_BATCH_WORKSPACE_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/base/team.h"
#include "core/base/tensor_view.h"
#include "core/layers/recurrent_layer.h"
#include "core/model/model.h"
#include "core/model/workspace.h"

namespace rnnserve {

// The rows that are in the batch now, each in one column of a model's workspace, and the cell steps
// of all of them: one at a time, or several while there are few rows, so that layers read the
// weights that act on their inputs once for all of these.
//
//   Join(a) Join(b) Join(c)      a  b  c
//   Leave(0)                     c  b        the last row moves into the gap
//
// A row's state lives here from Join to Leave; CopyState reads it back, bit for bit what Join or
// the last Step left. Owns the workspace. Used by one thread at a time: the worker. Allocates
// nothing after construction. Model and team must outlive it.
class BatchWorkspace {
 public:
  // Rows of which several timesteps may be computed at once, and how many; with more of either
  // nothing becomes faster.
  static constexpr int64_t kFewRows = RecurrentLayer::kMaxProjectedBatch;
  static constexpr int64_t kTimestepsAtOnce = RecurrentLayer::kMaxProjectedTime;

  // A Step has up to `most_timesteps` while there are few rows. Steps are shared with the team, if
  // there is one. REQUIRES: max_rows >= 1, most_timesteps is in [1, kTimestepsAtOnce], the model is
  // streamable.
  BatchWorkspace(const Model& model, int64_t max_rows, int64_t most_timesteps,
                 Team* team = nullptr);
  BatchWorkspace(const BatchWorkspace&) = delete;
  BatchWorkspace& operator=(const BatchWorkspace&) = delete;

  int64_t max_rows() const { return max_rows_; }
  int64_t rows() const { return rows_; }
  // The timesteps that a Step may have with the rows that are here now.
  int64_t max_timesteps() const { return MaxTimesteps(rows_); }

  // Adds a row that begins at `state`, a state block; it is row rows() - 1. REQUIRES: there is
  // room.
  void Join(absl::Span<const float> state);
  // Copies the state block of a row to `state`.
  void CopyState(int64_t row, absl::Span<float> state);
  // Removes a row; the last one takes its index.
  void Leave(int64_t row);

  // How many timesteps the next Step has, of every row. To be called when all rows have joined.
  // REQUIRES: 1 to max_timesteps().
  void SetTimesteps(int64_t count);
  // Sets what a row reads in the next Step: timesteps `t` and following of a tensor that is valid
  // for the model, and of its mask, [time] BOOL, if there is one. To be called for every row before
  // each Step, behind SetTimesteps.
  void SetInput(int64_t row, const TensorView& input, const TensorView* mask, int64_t t);

  // The cell steps of every row. `with_output` false: the outputs are not needed this time.
  void Step(bool with_output);

  // The output of a row at timestep i of the last Step, outputs().front().size floats. Of a model
  // without an output for each timestep, i is 0: the output after the last.
  absl::Span<const float> output(int64_t row, int64_t i);
  // Whether every state of a row is finite.
  bool has_finite_state(int64_t row);

 private:
  // So many rows times timesteps that values take no more memory than those of a full batch, or of
  // a single row.
  int64_t MaxTimesteps(int64_t rows) const {
    const int64_t room = std::max(max_rows_, most_timesteps_) / std::max(rows, int64_t{1});
    return rows > kFewRows ? 1 : std::clamp(room, int64_t{1}, most_timesteps_);
  }
  // What the workspace has to be made for.
  std::vector<Workspace::Extent> Extents() const;

  const Model& model_;
  const int64_t max_rows_;
  const int64_t most_timesteps_;
  Workspace workspace_;
  int64_t rows_ = 0;
  int64_t timesteps_ = 1;  // of a Step
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BATCH_WORKSPACE_H_
