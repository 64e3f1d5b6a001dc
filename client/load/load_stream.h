// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LOAD_STREAM_H_
#define RNNSERVE_CLIENT_LOAD_LOAD_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/message_stream.h"
#include "client/load/load_session.h"
#include "client/load/load_tally.h"
#include "client/load/measurement_window.h"
#include "rnnserve/v1/inference.pb.h"

namespace rnnserve::client {

// The load on one stream: the sessions that share it, the messages that are due, the steps that
// wait for an answer, and the tally.
//
// The sessions form groups of `sessions_per_message`, in order. A message carries one step of each
// session of a group, either as one action per session or as the rows of one StepSessions. Messages
// are sent in the order of Send and are never merged, so that the load is as requested. When a
// session is at the end of its sequence, the message of its last step also closes it, and the next
// message opens another.
//
// It uses no gRPC and never sleeps: `write` takes the messages, and the stream reports events
// through the Listener. Thread-safe. Used in the order Open, Start, Send, Collect.
class LoadStream final : public MessageStream::Listener {
 public:
  struct Options {
    // Must divide the number of sessions.
    size_t sessions_per_message = 1;
    // Whether the steps of a message form one StepSessions. REQUIRES: the sessions of a group have
    // one model, and their steps have equal lengths.
    bool uses_step_sessions = false;
    size_t num_models = 1;
    // An answer later than this counts as an error.
    absl::Duration timeout = absl::Seconds(30);
    // Returns the time since some fixed moment.
    std::function<absl::Duration()> clock;
    // Called when all steps of a message of `group` are answered, without locks, from OnResponse.
    std::function<void(size_t group, absl::Duration now)> on_answered = [](auto...) {};
  };

  // Sends a message, which must not change until OnWritten.
  using Write = std::function<void(const v1::StreamRequest& message)>;

  LoadStream(std::vector<LoadSession> sessions, Options options);

  size_t num_groups() const { return sessions_.size() / options_.sessions_per_message; }

  // Opens every session. It is done when is_idle(); then status() returns the first error.
  void Open(Write write);

  // Sets the measurement window, which must outlive the stream.
  void Start(MeasurementWindow* window);

  // Sends a message of `group` that was scheduled for `time`, or queues it while another is being
  // written. Does nothing if the window has ended.
  void Send(size_t group, absl::Duration time);

  // Returns whether no message is due, being written or unanswered; also true after the end of the
  // stream.
  bool is_idle() const;

  // Returns the first error of the stream itself or, before Start, of an open.
  absl::Status status() const;

  // Returns the tally at `now`; steps that are not answered have failed with `status`, which is not
  // OK. No function may be called afterwards. REQUIRES: the stream has ended.
  LoadTally Collect(absl::Duration now, const absl::Status& status);

  void OnWritten() override;
  void OnResponse(const v1::StreamResponse& response) override;
  void OnEnd(const absl::Status& status) override;

 private:
  // An unanswered action. Its tag is its index in `pending_`.
  struct Pending {
    enum Kind : uint8_t { kNone, kOpen, kStep, kStepSessions, kClose };
    Kind kind = kNone;
    MeasurementWindow::Part part = MeasurementWindow::kWarmUp;
    // For a StepSessions, the session of the first row; the other rows are the sessions after it.
    size_t session = 0;
    uint64_t sequence = 0;
    // For a step: its scheduled time and its number of timesteps.
    absl::Duration time = absl::ZeroDuration();
    int64_t num_timesteps = 0;
    // For a StepSessions: the sequence of each row.
    std::vector<uint64_t> row_sequences = {};

    size_t num_steps() const;
    // Returns row `row` of a StepSessions in the form of a single step.
    Pending Row(size_t row) const;
  };
  // A message that has not been sent.
  struct Due {
    size_t group = 0;
    MeasurementWindow::Part part = MeasurementWindow::kWarmUp;
    absl::Duration time;
  };

  // Fills `message_` if a message is due and none is being written. The caller then writes it
  // without the lock, because writing under the lock would delay the answers.
  bool PrepareLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FillOpensLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FillStepsLocked(const Due& due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Adds the steps of `due`: one action per session, or one action with a row per session.
  void AddStepsLocked(const Due& due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddStepSessionsLocked(const Due& due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CloseAtEndLocked(size_t session, MeasurementWindow::Part part)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OpenSessionLocked(size_t session, MeasurementWindow::Part part)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Adds an action to `message_`; `pending` is stored under its tag.
  v1::StreamAction* AddActionLocked(Pending pending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeResultLocked(const v1::StreamResult& result, absl::Duration now,
                        std::vector<size_t>* answered_groups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeRowsLocked(const Pending& steps, const v1::StreamResult& result, absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeErrorLocked(const Pending& pending, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeAnswerLocked(const Pending& step, absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Records a step of `session` that will get no answer.
  void GiveUpLocked(size_t session, MeasurementWindow::Part part, absl::Duration latency,
                    const char* reason, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Options options_;

  // Set by Open, before anything is written.
  Write write_;

  // Changed by the thread that sets `is_writing_`; read by the writer until OnWritten.
  v1::StreamRequest message_;

  // Guarded by mu_.
  mutable absl::Mutex mu_;
  std::vector<LoadSession> sessions_;
  MeasurementWindow* window_ ABSL_GUARDED_BY(mu_) = nullptr;
  size_t num_opened_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Due> due_ ABSL_GUARDED_BY(mu_);
  std::vector<Pending> pending_ ABSL_GUARDED_BY(mu_);
  // The unused indices of `pending_`.
  std::vector<uint32_t> free_tags_ ABSL_GUARDED_BY(mu_);
  // The number of unanswered steps of each group.
  std::vector<size_t> num_unanswered_ ABSL_GUARDED_BY(mu_);
  bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
  bool is_ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  LoadTally tally_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_STREAM_H_
