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

// A session whose steps are each performed exactly once, even if connections and servers fail.
//
// It numbers its steps and keeps their inputs until they are durable. When an answer does not come,
// it sends the same step again, which the server performs only once. When the session is gone from
// its server, it attaches there or at the next target and replays the steps that were lost. The
// caller receives the outputs of one session that never failed, each once, in the order of the
// calls.
//
// Owns the connection, the kept inputs and the session, which it closes when destroyed; Release
// gives the session up. Thread-compatible; calls block, and there is no pipelining: a session takes
// one step at a time. The destructor waits at most 1 s. A step costs the server's time and, unless
// `check` is kOff, a SHA-256 of its outputs.
//
// Invariants:
//   1. Steps [0, version()) are delivered; step version() is unfinished or has not begun.
//   2. An index never stands for two inputs that may both have reached a server: a step that may
//      have been performed is finished before another begins.
//   3. So every copy of the session, on any server and however old, is the result of the first
//      steps of this writer, unless another writer attached. So replaying from any copy is correct.
//
// It recognises another writer by its epoch, by steps of that writer in place of its own, and by
// the outputs of replayed steps. It relies on the servers to give out each epoch of a session only
// once.
//
// A failure that it cannot repair ends the session: every later call fails with the same status.
//
//   ABORTED              STEP_FENCED, or the session has steps that this writer did not send:
//                        another writer took over. (An attach of this writer that was delayed on a
//                        broken connection until after its next attach looks the same.)
//   DATA_LOSS            the text begins with STATE_REGRESSED and names both versions: the session
//                        was found at a version before the oldest kept input, or nowhere. Or it
//                        begins with OUTPUT_DIFFERS: a replayed step gave different bits (see
//                        `check`)
//   FAILED_PRECONDITION  STEP_REUSED, or the name now belongs to a different model
//   NOT_FOUND            the session has ended: SESSION_EXPIRED, SESSION_EVICTED, SESSION_CLOSED
//   OUT_OF_RANGE, INTERNAL  the server broke the protocol
//
//   auto session = ResumableSession::Open({"replica-0:50051", "replica-1:50051"}, "sunspots");
//   if (!session.ok()) return session.status();
//   auto result = (*session)->Step(Tensor({1, 1}, std::vector<float>{58.0f}));
//
// A model with several inputs takes all of them by name, and its result has `outputs`:
//
//   auto result = (*session)->Step({{"frames", frames}, {"speaker", speaker}});
class ResumableSession {
 public:
  enum class Check {
    kStop,    // a different output ends the session: it is no longer known whose state it is
    kReport,  // a different output is only reported: for servers whose kernels differ
    kOff,     // no output digest is kept
  };

  struct Options {
    // If `session_id` is empty, this class chooses it, because a proxy routes by the id before any
    // server could choose it. The session is always detached.
    SessionOptions session;
    // Whether replayed outputs must equal the delivered ones bit by bit.
    Check check = Check::kStop;
    // Receives each resumption on the thread that steps, before its call continues. Must not call
    // the session.
    ResumptionObserver observer;
    // The total time to spend retrying one step, including the replays before it. It should be
    // longer than it takes to replace a server, and shorter than the caller can wait.
    absl::Duration retry_time = absl::Seconds(10);
    // How long to wait for one answer before the step is sent again. After two missed answers the
    // connection is considered dead. It should be longer than the longest step of the model: a step
    // that is sent again too early waits for the first one and costs a message.
    absl::Duration attempt_timeout = absl::Seconds(2);
    // The shortest and the longest wait between attempts: see Backoff. Each replayed step resets
    // the wait to the shortest.
    absl::Duration min_backoff = absl::Milliseconds(20);
    absl::Duration max_backoff = absl::Seconds(1);
    // The bytes of inputs that are kept. When the inputs that are not yet durable exceed it
    // (without durability: all inputs ever sent), the oldest are dropped, and a loss that reaches
    // back before them is DATA_LOSS.
    size_t max_log_bytes = size_t{64} << 20;
    // How many steps to keep after they have become durable, in case the snapshot store fails over
    // and loses steps that it had accepted. A loss of more steps than are kept is DATA_LOSS. One
    // step is always kept: the server that holds the session is asked for its reply to that step,
    // which shows that nobody else has stepped the session.
    uint64_t num_durable_steps_kept = 0;
    // The size of the largest reply that is accepted.
    int max_message_bytes = 64 << 20;
  };

  // Opens a session of `model` at the first of `targets` that answers. The targets are replicas,
  // tried in turn, or one proxy. Fails with the codes of Client::OpenSession, and with UNAVAILABLE
  // or DEADLINE_EXCEEDED if none answers within `retry_time`.
  static absl::StatusOr<std::unique_ptr<ResumableSession>> Open(std::vector<std::string> targets,
                                                                const std::string& model,
                                                                Options options);
  static absl::StatusOr<std::unique_ptr<ResumableSession>> Open(std::vector<std::string> targets,
                                                                const std::string& model);
  // Opens a session over the given servers and clock. REQUIRES: the timeouts and backoffs of the
  // options are positive.
  static absl::StatusOr<std::unique_ptr<ResumableSession>> Open(
      std::unique_ptr<SessionServers> servers, std::shared_ptr<RetryClock> clock,
      const std::string& model, Options options);

  ~ResumableSession();
  // Neither copied nor moved: it represents one writer.
  ResumableSession(const ResumableSession&) = delete;
  ResumableSession& operator=(const ResumableSession&) = delete;

  const std::string& id() const { return open_request_.session_id(); }
  // Returns the number of delivered steps.
  uint64_t version() const { return version_; }
  // Returns the newest version that, according to a server, survives the loss of that server.
  uint64_t durable_version() const { return durable_version_; }
  // Returns the oldest version from which the session can be brought up to date.
  uint64_t first_replayable_version() const { return log_.begin(); }

  // Advances the session like Session::Step. `options` must contain neither index nor epoch
  // (INVALID_ARGUMENT); its timeout applies if it is shorter than `retry_time`. Errors that do not
  // end the session:
  //
  //   any code of Session::Step  the server refused the step: it was not performed, the session is
  //                              unchanged and has_unfinished_step() is false
  //   UNAVAILABLE and others     the time has run out. If has_unfinished_step(), the step may have
  //                              been performed: FinishStep continues it. Otherwise it was not.
  //   FAILED_PRECONDITION        the previous step is unfinished
  absl::StatusOr<StepResult> Step(const Tensor& input, const StepOptions& options = {});
  // Does the same for a model with several inputs, which are given as in Session::Step. A step that
  // is sent again or replayed has the same inputs and masks, and all its outputs are compared.
  absl::StatusOr<StepResult> Step(const std::vector<NamedTensor>& inputs,
                                  const StepOptions& options = {});

  // Returns whether the last Step failed in such a way that the step may have been performed.
  bool has_unfinished_step() const { return log_.end() > version_; }
  // Continues that step and returns its result. FAILED_PRECONDITION if there is none; otherwise it
  // fails like Step.
  absl::StatusOr<StepResult> FinishStep(const CallOptions& options = {});

  // Resets the session, with effect from the next step: to `state` (every state of the model) or,
  // if it is empty, to the initial states of the model. These are read once, from a session that is
  // opened and closed for that purpose; this fails with the codes of Session::GetState and leaves
  // the session unchanged. FAILED_PRECONDITION if a step is unfinished.
  //
  // The server's own ResetState could not be sent again: it carries neither index nor epoch, so a
  // copy that was delayed on a broken connection could take effect after later steps. Instead the
  // states travel with the next step as its `initial_state`: they are part of its content, are
  // applied exactly once with it, and are replayed with it. Until that step the server still has
  // the old state, which only other readers of the session can see.
  absl::Status ResetState(std::vector<StateTensor> state = {});

  // Closes the session and waits. After success, or if no server knows the session any more, every
  // call fails with FAILED_PRECONDITION. After UNAVAILABLE and other errors the session may stay
  // open until its idle timeout.
  absl::Status Close(const CallOptions& options = {});

  // Keeps the session open on the server and returns its id. Only the destructor may follow.
  std::string Release();

 private:
  // The place and progress of a session that was found again.
  struct Place {
    uint64_t version;
    uint64_t durable_version;
    uint64_t epoch;
    const std::string& model_digest;
  };

  ResumableSession(std::unique_ptr<SessionServers> servers, std::shared_ptr<RetryClock> clock,
                   Options options, v1::OpenSessionRequest open_request);

  // `Inputs` is one of the two forms that Step takes.
  template <typename Inputs>
  absl::StatusOr<StepResult> Begin(const Inputs& inputs, const StepOptions& options);

  // Calls to the server. Each returns the error of the call, or sets failure_ and returns that.
  absl::Status OpenFirst();
  absl::Status AttachFirst();
  absl::Status Attach();
  absl::Status Reopen(const absl::Status& unknown);
  absl::Status Replay();
  absl::StatusOr<StepResult> SendUnfinished();
  absl::StatusOr<StepResult> Send(uint64_t index);
  absl::StatusOr<std::vector<StateTensor>> ReadBeginning();

  // Continues from `place` if that is possible.
  absl::Status ResumeAt(const Place& place);
  absl::Status CheckOutputs(uint64_t index, const StepResult& result);
  // Prepares the next attempt after `status`; returns false if there is to be no further attempt.
  bool PrepareAgain(const absl::Status& status);
  void LeaveServer();
  absl::Status GiveUp(const absl::Status& status);
  absl::Status Fail(absl::Status status);
  void Deliver(const StepResult& result);
  void ForgetDurable();
  void Report();

  void StartTime(absl::Duration timeout);
  absl::Duration AttemptTimeout() const;
  bool WaitBeforeRetry(const absl::Status& status);

  // Constant after construction.
  const std::unique_ptr<SessionServers> servers_;
  const std::shared_ptr<RetryClock> clock_;
  Options options_;  // constant except for its observer, which is called
  const v1::OpenSessionRequest open_request_;

  // The session.
  std::string model_digest_;
  uint64_t epoch_ = 0;
  uint64_t version_ = 0;
  uint64_t durable_version_ = 0;
  StepLog log_;
  std::vector<StateTensor> beginning_;   // initial states of the model, once read
  std::vector<StateTensor> next_state_;  // initial states for the next step
  bool is_in_doubt_ = false;             // the unfinished step may have been performed
  absl::Status failure_;                 // the status that ended the session

  // The server.
  bool is_attached_ = false;
  uint64_t sent_from_ = 0;                // the next step that the server needs, <= version_
  int num_misses_ = 0;                    // consecutive attempts without an answer
  int num_unknown_ = 0;                   // consecutive servers that do not know the session
  std::optional<Resumption> resumption_;  // in progress
  std::optional<absl::Duration> trouble_began_;

  // The call.
  Backoff backoff_;
  absl::Duration deadline_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_RESUMABLE_SESSION_H_
