// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BATCH_WORKER_H_
#define RNNSERVE_CORE_BATCHING_BATCH_WORKER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/batching/batch_workspace.h"
#include "core/batching/batching_options.h"
#include "core/batching/bounded_queue.h"
#include "core/batching/lone_team.h"
#include "core/batching/step_observer.h"
#include "core/batching/step_rate.h"
#include "core/batching/step_task.h"
#include "core/model/model.h"

namespace rnnserve {

// Advances the rows of one batch, cell step by cell step. Rows can join from a queue before each
// cell step and leave after the one that computed their last timestep; no row waits for another to
// finish. While a batch has only a few rows, each with many timesteps left, a round advances them
// by several timesteps at once, for a short time (Options::max_round). When tasks wait and no
// column is free, rows that have had their slice of timesteps go back to the queue with the state
// they have reached, and waiting tasks take their columns.
//
// Owns its workspace and the tasks in its batch. Used by one thread at a time: the worker thread,
// or a thread that runs inline. Clock, model, observer, queue, rate and team must outlive it. A
// round in which no row joins or leaves allocates nothing.
class BatchWorker {
 public:
  struct Options {
    BatchingOptions batching{};
    // How long a round that advances a few rows by several timesteps may take while columns are
    // free, estimated from the last cell steps. A task that arrives during the round waits up to
    // that long. Zero: one timestep at a time.
    absl::Duration max_round = absl::ZeroDuration();
    // Null, or the team that shares the cell steps of one batch at a time.
    LoneTeam* team = nullptr;
    // Whether this worker computes with the team while no other worker is busy. If this is false
    // and there is a team, this worker takes tasks only if they fill its batch, because the team
    // computes anything smaller sooner.
    bool leads_team = false;
  };

  // REQUIRES: the model is streamable.
  BatchWorker(const Clock& clock, const Model& model, StepObserver& observer,
              BoundedQueue<StepTask>& queue, StepRate& rate, const Options& options);

  // Computes rounds until the queue is closed and empty and every row is done. Waits only when
  // there are no tasks.
  void Run();

  // Computes one round: takes tasks from the queue while there is room, drops those that are no
  // longer wanted or cannot be done by their deadline, computes one or more timesteps of every row,
  // commits and completes the rows that are done, and puts back rows that have used up their
  // slice. Returns the number of rows that it computed. Never waits.
  int64_t RunOnce();

  // Puts every row back into the queue with the state that it has reached.
  void PutBackAll();

  // Returns the number of rows that have timesteps left.
  int64_t rows() const { return workspace_.rows(); }

 private:
  struct Row {
    std::unique_ptr<StepTask> task;
    int64_t timesteps_here = 0;  // since it joined
    bool is_finite = true;

    bool is_done() const { return task->next_timestep == task->num_timesteps; }
  };
  struct FinishedTask {
    std::unique_ptr<StepTask> task;
    absl::Status status;
  };

  bool is_beside_team() const { return options_.team != nullptr && !options_.leads_team; }
  // Takes waiting tasks for the free columns.
  void TakeMore();
  // Waits for the first tasks of a batch. Returns false if there will never be any.
  bool WaitForFirst();
  // Computes a round with the tasks in `taken_`.
  int64_t ComputeRound();
  void JoinTaken();
  void Join(std::unique_ptr<StepTask> task, absl::Time now);
  // Returns the number of timesteps by which this round advances every row.
  int64_t TimestepsOfRound() const;
  void RunCellSteps(int64_t num_timesteps);
  // Advances row i by the computed timesteps and copies their outputs.
  void Advance(int64_t i, int64_t num_timesteps);
  // Copies the outputs of a row at timestep i of the round to the task, as those of the task's next
  // timestep; without i, copies the outputs that have no time axis. Returns whether the values are
  // finite.
  bool CopyOutputs(int64_t row, std::optional<int64_t> i);
  // Commits row i if its values are finite, and takes it out of the batch either way.
  void Finish(int64_t i, absl::Time now);
  void CompleteFinished();
  // Suspends rows that have had their slice, to make room for waiting tasks.
  void GiveTurns();
  // Takes row i out of the batch and puts its task back into the queue.
  void Suspend(int64_t i);
  void RemoveRow(int64_t i);

  // Constant after construction.
  const Clock& clock_;
  const Model& model_;
  StepObserver& observer_;
  BoundedQueue<StepTask>& queue_;
  StepRate& rate_;
  const Options options_;

  BatchWorkspace workspace_;
  std::vector<Row> rows_;  // row i of the workspace
  absl::Time round_begin_;
  bool is_busy_ = false;  // the next round begins as soon as the last has ended
  // Empty between rounds; members so that their memory is reused.
  std::vector<std::unique_ptr<StepTask>> taken_;
  std::vector<FinishedTask> finished_;
  std::vector<CommittedStep> committed_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BATCH_WORKER_H_
