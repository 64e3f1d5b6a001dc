// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_RESUMABLE_SESSION_H_
#define RNNSERVE_CLIENT_CPP_RESUMABLE_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/backoff.h"
#include "client/cpp/resumption.h"
#include "client/cpp/retry_clock.h"
#include "client/cpp/session.h"
#include "client/cpp/session_servers.h"
#include "client/cpp/step_log.h"
#include "client/cpp/step_remedy.h"

namespace rnnserve::client {

// A session whose steps are each done once, whatever becomes of connections and servers.
//
// It numbers its steps and keeps their inputs until they are durable. When an answer does not come
// it sends the same step again, which the server does once; when the session is gone from its
// server it attaches, here or at the next target, and replays what was lost. What the caller gets
// is the outputs of one session that never failed, each once, in the order of the calls.
//
// Owns the connection, the kept inputs and the session, which it closes when destroyed; Release
// gives that up. Thread-compatible; calls block, and there is no pipelining: a session takes one
// step at a time. The destructor waits 1 s at most. A step costs the server's time and, with
// `check` on, a SHA-256 of its output.
//
// Invariants:
//   1. Steps [0, version()) are delivered; step version() is unfinished or not begun.
//   2. An index never stands for two inputs that may both have reached a server: a step that may
//      have been done is finished before another begins.
//   3. So any copy of the session, on any server and however old, is what the first steps of this
//      writer make of it, unless another writer attached: replaying from it is right.
//
// Another writer is recognised by its epoch, by its steps where ours should be, and by the outputs
// that are replayed. It relies on servers that give no epoch of a session out twice.
//
// What it cannot mend ends it: every later call fails with the same status.
//
//   ABORTED              STEP_FENCED, or the session has steps that are not ours: another writer
//                        took over. (An attach of our own that was held up on a broken connection
//                        until after the next one looks the same.)
//   DATA_LOSS            its text begins with STATE_REGRESSED and names both versions: the session
//                        was found before the oldest input that is kept, or nowhere; or with
//                        OUTPUT_DIFFERS: a replayed step gave other bits (`check`)
//   FAILED_PRECONDITION  STEP_REUSED, or the model of that name is another one now
//   NOT_FOUND            the session has ended: SESSION_EXPIRED, SESSION_EVICTED, SESSION_CLOSED
//   OUT_OF_RANGE, INTERNAL  the server broke the protocol
//
//   auto session = ResumableSession::Open({"replica-0:50051", "replica-1:50051"}, "sunspots");
//   if (!session.ok()) return session.status();
//   auto result = (*session)->Step(Tensor({1, 1}, std::vector<float>{58.0f}));
class ResumableSession {
 public:
  enum class Check {
    kStop,    // another output ends the session: whose state it is is not known any more
    kReport,  // it is told, and the session goes on: for servers whose kernels differ
    kOff,     // no output is remembered
  };

  struct Options {
    // `session_id` is chosen here if empty: a proxy routes by it before the server could. It is
    // detached always.
    SessionOptions session;
    // Whether replayed outputs must be those that were delivered, bit by bit.
    Check check = Check::kStop;
    // Told of each resumption, by the thread that steps, before its call goes on; must not call
    // the session.
    ResumptionObserver observer;
    // How long a step may be tried for altogether, the replays before it included. Longer than a
    // server takes to be replaced, shorter than the caller can wait.
    absl::Duration retry_time = absl::Seconds(10);
    // How long one answer may take before the step is sent again. After two of them the connection
    // is taken for dead. Above the longest step of the model: one that is sent again before it is
    // done waits for the first, and costs a message.
    absl::Duration attempt_timeout = absl::Seconds(2);
    // The rest before the second attempt, and before late ones: see Backoff. After each step that
    // was replayed it is the first again.
    absl::Duration min_backoff = absl::Milliseconds(20);
    absl::Duration max_backoff = absl::Seconds(1);
    // Bytes of inputs that are kept. When more are not durable (without durability: when more were
    // ever sent) the oldest are forgotten, and a loss that reaches back before them is DATA_LOSS.
    size_t max_log_bytes = size_t{64} << 20;
    // Steps that are kept although they are durable, for a store that fails over and loses what it
    // had taken. Without them such a loss is DATA_LOSS. One is kept always: a server that has the
    // session is asked for its reply, which shows that nobody else has stepped it.
    uint64_t num_durable_steps_kept = 0;
    // The largest reply that is accepted.
    int max_message_bytes = 64 << 20;
  };

  // Opens a session of `model` at the first of `targets` that answers: replicas that are tried in
  // turn, or one proxy. Codes as Client::OpenSession; UNAVAILABLE or DEADLINE_EXCEEDED if none
  // answers in `retry_time`.
  static absl::StatusOr<std::unique_ptr<ResumableSession>> Open(std::vector<std::string> targets,
                                                                const std::string& model,
                                                                Options options);
  static absl::StatusOr<std::unique_ptr<ResumableSession>> Open(std::vector<std::string> targets,
                                                                const std::string& model);
  // The same over other connections and another time. REQUIRES: the timeouts and rests of the
  // options are positive.
  static absl::StatusOr<std::unique_ptr<ResumableSession>> Open(
      std::unique_ptr<SessionServers> servers, std::shared_ptr<RetryClock> clock,
      const std::string& model, Options options);

  ~ResumableSession();
  // Neither copied nor moved: it is one writer.
  ResumableSession(const ResumableSession&) = delete;
  ResumableSession& operator=(const ResumableSession&) = delete;

  const std::string& id() const { return open_request_.session_id(); }
  // The steps that were delivered.
  uint64_t version() const { return version_; }
  // The newest version of which a server said that it would survive its loss.
  uint64_t durable_version() const { return durable_version_; }
  // The oldest version from which the session can be brought up to date.
  uint64_t first_replayable_version() const { return log_.begin(); }

  // Advances the session as Session::Step. `options` says neither index nor epoch
  // (INVALID_ARGUMENT); its timeout counts if it is less than `retry_time`. Beside what ends the
  // session:
  //
  //   any code of Session::Step  the server refused the step: it is not done, the session is as it
  //                              was and has_unfinished_step() is false
  //   UNAVAILABLE and others     the time is up. With has_unfinished_step() the step may have been
  //                              done: FinishStep goes on with it. Without, it is not done.
  //   FAILED_PRECONDITION        the step before is unfinished
  absl::StatusOr<StepResult> Step(const Tensor& input, const StepOptions& options = {});

  // Whether the last Step failed so that it may have been done or not.
  bool has_unfinished_step() const { return log_.end() > version_; }
  // Goes on with that step and gives its output. FAILED_PRECONDITION if there is none; else as
  // Step.
  absl::StatusOr<StepResult> FinishStep(const CallOptions& options = {});

  // Starts the session over, from the next step on: with `state` (every state of the model), or
  // with the states that the model begins with, which are read, the first time, from a session that
  // is opened and closed for that (codes of Session::GetState; the session is as it was).
  // FAILED_PRECONDITION if a step is unfinished.
  //
  // The server's own ResetState could not be sent again: it carries neither index nor epoch, so
  // that one that was delayed on a broken connection would take effect behind later steps. So the
  // states go with the next step, as its `initial_state`: they are part of its content, are applied
  // as often as the step is done, which is once, and are replayed with it. Until that step the
  // state on the server is the old one, which nobody sees but other readers of the session.
  absl::Status ResetState(std::vector<StateTensor> state = {});

  // Closes the session and waits. After success, or if no server knows it any more, every call
  // fails with FAILED_PRECONDITION. UNAVAILABLE and others: it may go on until it has idled too
  // long.
  absl::Status Close(const CallOptions& options = {});

  // Lets the session live on at the server and returns its id. Only the destructor may follow.
  std::string Release();

 private:
  // Where a session was found.
  struct Place {
    uint64_t version;
    uint64_t durable_version;
    uint64_t epoch;
    const std::string& model_digest;
  };

  ResumableSession(std::unique_ptr<SessionServers> servers, std::shared_ptr<RetryClock> clock,
                   Options options, v1::OpenSessionRequest open_request);

  // Calls of the server. The ones below fail as the call did, or set failure_ and return that.
  absl::Status OpenFirst();
  absl::Status AttachFirst();
  absl::Status Attach();
  absl::Status Reopen(const absl::Status& unknown);
  absl::Status Replay();
  absl::StatusOr<StepResult> SendUnfinished();
  absl::StatusOr<StepResult> Send(uint64_t index);
  absl::StatusOr<std::vector<StateTensor>> ReadBeginning();

  // Goes on from `place` if that is possible.
  absl::Status ResumeAt(const Place& place);
  absl::Status CheckOutput(uint64_t index, const Tensor& output);
  // Gets ready for the next attempt after `status`; false if there is to be none.
  bool PrepareAgain(const absl::Status& status);
  void LeaveServer();
  absl::Status GiveUp(const absl::Status& status);
  absl::Status Fail(absl::Status status);
  void Deliver(const StepResult& result);
  void ForgetDurable();
  void Report();

  void StartTime(absl::Duration timeout);
  absl::Duration AttemptTimeout() const;
  bool Rest(const absl::Status& status);

  // Constant after construction.
  const std::unique_ptr<SessionServers> servers_;
  const std::shared_ptr<RetryClock> clock_;
  Options options_;  // but for its observer, which is called
  const v1::OpenSessionRequest open_request_;

  // The session.
  std::string model_digest_;
  uint64_t epoch_ = 0;
  uint64_t version_ = 0;
  uint64_t durable_version_ = 0;
  StepLog log_;
  std::vector<StateTensor> beginning_;   // of the model, once it was asked for
  std::vector<StateTensor> next_state_;  // for the next step
  bool is_in_doubt_ = false;             // the unfinished step may have been done
  absl::Status failure_;                 // what ended the session

  // The server.
  bool is_attached_ = false;
  uint64_t sent_from_ = 0;                // the next step that it needs, <= version_
  int num_misses_ = 0;                    // attempts in a row without an answer
  int num_unknown_ = 0;                   // servers in a row that do not know the session
  std::optional<Resumption> resumption_;  // under way
  std::optional<absl::Duration> trouble_began_;

  // The call.
  Backoff backoff_;
  absl::Duration deadline_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_RESUMABLE_SESSION_H_
