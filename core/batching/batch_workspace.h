// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BATCH_WORKSPACE_H_
#define RNNSERVE_CORE_BATCHING_BATCH_WORKSPACE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/base/team.h"
#include "core/base/tensor_view.h"
#include "core/model/model.h"
#include "core/model/workspace.h"

namespace rnnserve {

// The rows that are in the batch now, each in one column of a model's workspace, and one cell step
// of all of them:
//
//   Join(a) Join(b) Join(c)      a  b  c
//   Leave(0)                     c  b        the last row moves into the gap
//
// A row's state lives here from Join to Leave; CopyState reads it back, bit for bit what Join or
// the last Step left. Owns the workspace. Used by one thread at a time: the worker. Allocates
// nothing after construction. Model and team must outlive it.
class BatchWorkspace {
 public:
  // Steps are shared with the team, if there is one. REQUIRES: max_rows >= 1 and the model is
  // streamable.
  BatchWorkspace(const Model& model, int64_t max_rows, Team* team = nullptr);
  BatchWorkspace(const BatchWorkspace&) = delete;
  BatchWorkspace& operator=(const BatchWorkspace&) = delete;

  int64_t max_rows() const { return workspace_.max_batch(); }
  int64_t rows() const { return rows_; }

  // Adds a row that begins at `state`, a state block; it is row rows() - 1. REQUIRES: there is
  // room.
  void Join(absl::Span<const float> state);
  // Copies the state block of a row to `state`.
  void CopyState(int64_t row, absl::Span<float> state);
  // Removes a row; the last one takes its index.
  void Leave(int64_t row);

  // Sets what a row reads in the next step: timestep `t` of a tensor that is valid for the model,
  // and of its mask, [time] BOOL, if there is one. To be called for every row before each Step.
  void SetTimestep(int64_t row, const TensorView& input, const TensorView* mask, int64_t t);

  // One cell step of every row. `with_output` false: the outputs are not needed this time.
  void Step(bool with_output);

  // The output of a row in the last Step, outputs().front().size floats.
  absl::Span<const float> output(int64_t row);
  // Whether every state of a row is finite.
  bool has_finite_state(int64_t row);

 private:
  const Model& model_;
  Workspace workspace_;
  int64_t rows_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BATCH_WORKSPACE_H_
