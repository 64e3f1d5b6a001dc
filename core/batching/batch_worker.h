// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_BATCH_WORKER_H_
#define RNNSERVE_CORE_BATCHING_BATCH_WORKER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/batching/batch_workspace.h"
#include "core/batching/bounded_queue.h"
#include "core/batching/lone_team.h"
#include "core/batching/step_observer.h"
#include "core/batching/step_rate.h"
#include "core/batching/step_task.h"
#include "core/model/model.h"

namespace rnnserve {

// Advances the rows of one batch, cell step by cell step. Rows join from a queue before any cell
// step and leave after the one that computed their last timestep; neither waits for the others. A
// few rows that are alone and have many timesteps left are advanced by several at once, for a short
// time (Options::max_round). When tasks wait and no column is free, rows that have had their slice
// of timesteps go back to the queue, with the state they have reached, and others have their turn.
//
// Owns its workspace and the tasks in its batch. Used by one thread at a time. Clock, model,
// observer, queue, rate and team must outlive it. A round in which no row joins or leaves allocates
// nothing.
class BatchWorker {
 public:
  struct Options {
    // Rows in one cell step, >= 1.
    int64_t max_rows = 64;
    // The timesteps that a row may be computed before others that wait for its column, >= 1.
    int64_t slice_timesteps = 32;
    // How long a lone task waits for others to share its first cell step.
    absl::Duration max_batch_delay = absl::ZeroDuration();
    // How long, as far as the last cell steps tell, a few rows may be advanced by several timesteps
    // at once, while columns are free: a task that comes meanwhile waits so long. Zero: one
    // timestep at a time.
    absl::Duration max_round = absl::ZeroDuration();
    // Of one batch at a time the cell steps are shared, if there is a team.
    LoneTeam* team = nullptr;
    // Whether this worker has the team to itself while no other is busy. Else, if there is a team,
    // it is one of the others, and takes tasks only if they fill its batch: what is less is done
    // sooner by the team.
    bool leads_team = false;
  };

  // REQUIRES: the model is streamable.
  BatchWorker(const Clock& clock, const Model& model, StepObserver& observer,
              BoundedQueue<StepTask>& queue, StepRate& rate, const Options& options);

  // Rounds, until the queue is closed and empty and every row is done. Waits for tasks when there
  // are none, and only then.
  void Run();

  // One round: takes tasks from the queue while there is room, drops those that are not wanted any
  // more or cannot be done by their deadline, computes one timestep of every row, or several,
  // commits and completes the rows that are done, and puts back rows that have to wait. Returns the
  // rows that were computed. Never waits.
  int64_t RunOnce();

  // Puts every row back into the queue, with the state that it has reached.
  void PutBackAll();

  // The rows that have timesteps left.
  int64_t rows() const { return workspace_.rows(); }

 private:
  struct Row {
    std::unique_ptr<StepTask> task;
    int64_t timesteps_here = 0;  // since it joined
    bool is_finite = true;

    bool is_done() const { return task->next_timestep == task->num_timesteps(); }
  };
  struct FinishedTask {
    std::unique_ptr<StepTask> task;
    absl::Status status;
  };

  bool is_beside_team() const { return options_.team != nullptr && !options_.leads_team; }
  // Takes tasks for the columns that are free, as far as any are to be had.
  void TakeMore();
  // Waits for the first tasks of a batch. False if there never will be any.
  bool WaitForFirst();
  // A round with the tasks that were taken.
  int64_t ComputeRound();
  void JoinTaken();
  void Join(std::unique_ptr<StepTask> task, absl::Time now);
  // The timesteps by which this round advances every row.
  int64_t TimestepsOfRound() const;
  void RunCellSteps(int64_t num_timesteps);
  // Moves row i on by the timesteps that were computed and keeps their outputs.
  void Advance(int64_t i, int64_t num_timesteps);
  // Commits row i, or not, and takes it out of the batch.
  void Finish(int64_t i, absl::Time now);
  void CompleteFinished();
  // Makes room for tasks that wait.
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
  const bool returns_sequences_;  // an output for every timestep, not only after the last

  BatchWorkspace workspace_;
  std::vector<Row> rows_;  // row i of the workspace
  absl::Time round_begin_;
  bool is_busy_ = false;  // the next round begins when the last has ended
  // Empty between rounds; here so that their memory stays.
  std::vector<std::unique_ptr<StepTask>> taken_;
  std::vector<FinishedTask> finished_;
  std::vector<CommittedStep> committed_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_BATCH_WORKER_H_
