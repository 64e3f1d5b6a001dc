// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/batch_scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

// How the threads are synchronized. Submitting threads and workers share the queue. Its only lock
// (see bounded_queue.h) is held for queue operations, never while steps are computed or callbacks
// run. StepRate and ArrivalGap are atomics. Each worker owns its batch, so cell steps need no lock.
//
// Only workers wait, and only inside the queue, for tasks. Submit never waits, and neither does a
// thread that runs inline: it takes inline_mu_ with TryLock. If another thread holds it, that
// thread takes the tasks from the queue, or this one does when it tries again. After kInlineBudget
// this thread leaves them to a worker. inline_mu_ is held while steps are computed and completions
// run; a completion that submits again, on the same thread, only queues its tasks, because the
// burst already has this scheduler. The queue's lock is taken under inline_mu_ and never the other
// way round, and nothing blocks on inline_mu_, so there is no cycle and no deadlock.
//
// The destructor closes the queue, joins the workers and waits until no thread runs inline.

namespace rnnserve {
namespace {

// A step is accepted only if the time left until its deadline is at least this many times the
// estimated wait, plus the time that the step itself takes. With 1, every step in a lasting
// overload is answered just before its deadline. The network, or a wait slightly longer than
// estimated, then makes it late, so that every step is computed and none is in time. At twice the
// load that a machine can take, a margin of 2 makes one step in fifty late, and a margin of 3 none.
constexpr int kWaitMargin = 3;

BatchWorker::Options InlineOptions(const BatchScheduler::Options& options) {
  BatchWorker::Options inline_options;
  inline_options.batching = options.batching;
  inline_options.batching.max_batch_rows =
      std::min(options.batching.max_batch_rows, BatchScheduler::kMaxInlineRows);
  return inline_options;
}

}  // namespace

BatchScheduler::BatchScheduler(const Clock& clock, std::shared_ptr<const Model> model,
                               StepObserver& observer, QueueBudget& total, const Options& options)
    : clock_(clock),
      model_(std::move(model)),
      observer_(observer),
      options_(options),
      queue_(options.queue, total),
      inline_worker_(clock, *model_, observer, queue_, rate_, InlineOptions(options)) {
  if (options_.has_team) team_.emplace(options_.num_workers);
  for (int i = 0; i < options_.num_workers; ++i) workers_.emplace_back([this, i] { RunWorker(i); });
}

BatchScheduler::~BatchScheduler() {
  queue_.Close();
  for (std::thread& worker : workers_) worker.join();
  queue_.WaitUntilNobodyRunsInline();
}

absl::Status BatchScheduler::Submit(absl::Span<std::unique_ptr<StepTask>> tasks) {
  if (tasks.empty()) return absl::OkStatus();
  const absl::Time now = clock_.Now();
  RNNSERVE_RETURN_IF_ERROR(CheckDeadline(*tasks.front(), now));
  for (const std::unique_ptr<StepTask>& task : tasks) task->submitted = now;
  const Priority priority = tasks.front()->priority;
  BoundedQueue<StepTask>::Tasks displaced;
  // If more tasks will arrive before a worker wakes, running them as one batch costs less than
  // running each alone.
  const bool is_quiet = gap_.OnArrival(now) >= kInlineBudget;
  StepBurst* const burst = StepBurst::current();
  const bool may_run_inline = is_quiet && burst != nullptr && !burst->has(*this) &&
                              MayRunInline(*tasks.front(), tasks.size());
  bool runs_inline = false;
  absl::Status status = queue_.Push(tasks, LoadOf(*tasks.front(), *model_), priority, displaced,
                                    may_run_inline ? &runs_inline : nullptr);
  if (runs_inline) burst->Add(*this);
  for (std::unique_ptr<StepTask>& task : displaced) {
    Complete(std::move(task), DisplacedError(options_.queue));
  }
  return status;
}

absl::Status BatchScheduler::CheckDeadline(const StepTask& task, absl::Time now) const {
  if (task.limits.deadline == absl::InfiniteFuture()) return absl::OkStatus();
  const QueueLoad load = queue_.load();
  const absl::Duration wait = load.timesteps * rate_.row_timestep(now) / options_.num_workers;
  const int64_t rows = std::min(load.rows + 1, options_.batching.max_batch_rows);
  const absl::Duration left = task.limits.deadline - now;
  // A task that is already late gets DEADLINE_EXCEEDED from the worker.
  if (kWaitMargin * wait + task.num_timesteps * rate_.cell_step(rows, now) <= left ||
      left <= absl::ZeroDuration()) {
    return absl::OkStatus();
  }
  return ResourceExhausted(
      "DEADLINE_UNREACHABLE",
      absl::StrCat("about ", absl::FormatDuration(wait), " of work waits before the ",
                   task.num_timesteps, " timesteps, and the deadline is in ",
                   absl::FormatDuration(left)),
      std::max(wait, options_.queue.retry_delay));
}

bool BatchScheduler::MayRunInline(const StepTask& task, size_t count) const {
  const absl::Duration cell_step = rate_.last_cell_step(static_cast<int64_t>(count));
  return !options_.has_team && options_.batching.max_batch_delay == absl::ZeroDuration() &&
         static_cast<int64_t>(count) <= kMaxInlineRows &&
         // Zero until the first cell step has been timed.
         cell_step > absl::ZeroDuration() && task.num_timesteps * cell_step <= kInlineBudget;
}

void BatchScheduler::RunInline() {
  const absl::Time deadline = clock_.Now() + kInlineBudget;
  do {
    if (inline_mu_.TryLock()) {
      ComputeInline(deadline);
      inline_mu_.Unlock();
    }
    // Another thread may have found the lock taken and left its tasks in the queue.
    if (queue_.TryStopRunningInline()) return;
  } while (clock_.Now() < deadline);
  queue_.StopRunningInline();
}

void BatchScheduler::ComputeInline(absl::Time deadline) {
  int64_t rows = 0;
  do {
    rows = inline_worker_.RunOnce();
  } while (rows > 0 && clock_.Now() + rate_.last_cell_step(rows) <= deadline);
  inline_worker_.PutBackAll();
}

void BatchScheduler::RunWorker(int index) {
  BatchWorker::Options options;
  options.batching = options_.batching;
  options.max_round = kMaxRound;
  options.team = team_.has_value() ? &*team_ : nullptr;
  options.leads_team = team_.has_value() && index == 0;
  BatchWorker(clock_, *model_, observer_, queue_, rate_, options).Run();
}

}  // namespace rnnserve
