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
// The sessions are in groups of `sessions_per_message`, in order; a message carries one step of
// each session of a group, as an action of its own or as a row of one StepSessions. Messages leave
// in the order of Send, one after another, and are never merged: the load is that which was asked
// for. When a session is at the end of its sequence, the message of its last step closes it and
// that of its next step opens another.
//
// Knows no gRPC and sleeps nowhere: `write` takes the messages, and the stream reports what happens
// through the Listener. Thread-safe. Used in the order Open, Start, Send, Collect.
class LoadStream final : public MessageStream::Listener {
 public:
  struct Options {
    // Divides the number of sessions.
    size_t sessions_per_message = 1;
    // Whether the steps of a message are one StepSessions. REQUIRES: the sessions of a group have
    // one model, and their steps are equally long.
    bool uses_step_sessions = false;
    size_t num_models = 1;
    // An answer later than this counts as an error.
    absl::Duration timeout = absl::Seconds(30);
    // The time since any fixed moment.
    std::function<absl::Duration()> clock;
    // All steps of a message of `group` are answered. Called without locks, from OnResponse.
    std::function<void(size_t group, absl::Duration now)> on_answered = [](auto...) {};
  };

  // Takes a message, which stays as it is until OnWritten.
  using Write = std::function<void(const v1::StreamRequest& message)>;

  LoadStream(std::vector<LoadSession> sessions, Options options);

  size_t num_groups() const { return sessions_.size() / options_.sessions_per_message; }

  // Opens every session. Done when is_idle(); then status() tells the first error.
  void Open(Write write);

  // From now on there is a window, which must outlive the stream.
  void Start(MeasurementWindow* window);

  // Has a message of `group` leave, which was meant for `time`; later if another is being written.
  // Nothing happens if the window is over.
  void Send(size_t group, absl::Duration time);

  // Whether nothing is due, being written or unanswered; also after the end of the stream.
  bool is_idle() const;

  // The first error of the stream itself, or, before Start, of an open.
  absl::Status status() const;

  // The tally at `now`: steps that are not answered have failed with `status`, which is not OK.
  // Nothing may be called afterwards. REQUIRES: the stream has ended.
  LoadTally Collect(absl::Duration now, const absl::Status& status);

  void OnWritten() override;
  void OnResponse(const v1::StreamResponse& response) override;
  void OnEnd(const absl::Status& status) override;

 private:
  // An action without an answer. Its tag is its index in `pending_`.
  struct Pending {
    enum Kind : uint8_t { kNone, kOpen, kStep, kStepSessions, kClose };
    Kind kind = kNone;
    MeasurementWindow::Part part = MeasurementWindow::kWarmUp;
    // Of a StepSessions that of the first row; the sessions of the other rows follow.
    size_t session = 0;
    uint64_t sequence = 0;
    // Of a step: what it was meant for, and how many timesteps it has.
    absl::Duration time = absl::ZeroDuration();
    int64_t num_timesteps = 0;
    // Of a StepSessions, of each row.
    std::vector<uint64_t> row_sequences = {};

    size_t num_steps() const;
    // One row of a StepSessions as the step that it would be by itself.
    Pending Row(size_t row) const;
  };
  // A message that has not left.
  struct Due {
    size_t group = 0;
    MeasurementWindow::Part part = MeasurementWindow::kWarmUp;
    absl::Duration time;
  };

  // Fills `message_` if one is due and none is being written: the caller then writes it, without
  // the lock, which would hold up the answers.
  bool PrepareLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FillOpensLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FillStepsLocked(const Due& due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The steps of `due`: an action each, or a row each of one action.
  void AddStepsLocked(const Due& due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddStepSessionsLocked(const Due& due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CloseAtEndLocked(size_t session, MeasurementWindow::Part part)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OpenSessionLocked(size_t session, MeasurementWindow::Part part)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // An action of `message_` with a tag, under which `pending` is remembered.
  v1::StreamAction* AddActionLocked(Pending pending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeResultLocked(const v1::StreamResult& result, absl::Duration now,
                        std::vector<size_t>* answered_groups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeRowsLocked(const Pending& steps, const v1::StreamResult& result, absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeErrorLocked(const Pending& pending, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeAnswerLocked(const Pending& step, absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A step of `session` that gets no answer any more.
  void GiveUpLocked(size_t session, MeasurementWindow::Part part, absl::Duration latency,
                    const char* reason, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Options options_;

  // Set by Open, before anything is written.
  Write write_;

  // Changed by who sets `is_writing_`, read by the writer until OnWritten.
  v1::StreamRequest message_;

  // Guarded by mu_.
  mutable absl::Mutex mu_;
  std::vector<LoadSession> sessions_;
  MeasurementWindow* window_ ABSL_GUARDED_BY(mu_) = nullptr;
  size_t num_opened_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Due> due_ ABSL_GUARDED_BY(mu_);
  std::vector<Pending> pending_ ABSL_GUARDED_BY(mu_);
  // The indices in `pending_` that are not in use.
  std::vector<uint32_t> free_tags_ ABSL_GUARDED_BY(mu_);
  // The steps of each group that are not answered.
  std::vector<size_t> num_unanswered_ ABSL_GUARDED_BY(mu_);
  bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
  bool is_ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  LoadTally tally_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LOAD_STREAM_H_
