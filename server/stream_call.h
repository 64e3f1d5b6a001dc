// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_STREAM_CALL_H_
#define RNNSERVE_SERVER_STREAM_CALL_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/cancellation.h"
#include "core/base/clock.h"
#include "core/session/session_watcher.h"
#include "rnnserve/v1/inference.pb.h"
#include "server/message_pool.h"
#include "server/metrics.h"
#include "server/session_calls.h"
#include "server/stream_sessions.h"

namespace rnnserve::server {

class StreamRegistry;

// One open Stream call. Reads messages, starts their actions, and writes results as they come. Ends
// when no more messages will be read (because the client has half-closed, the connection is lost,
// or the server drains) and every action has its result. Watches the sessions that it uses, and
// tells the client what happens to them.
//
// Invariants, under `mu_`:
//   1. At most one read, one write and one Finish are issued or in flight at any time.
//   2. `outstanding_` counts the actions that were started and have no result yet.
//   3. Finish is issued only when no action is outstanding, no result is unwritten and no read is
//      being issued, so that no reply can reach a stream that is gone.
//   4. No gRPC function is called under `mu_`.
//   5. A session is watched before the result that made the stream use it counts as delivered, so
//      that OnDone finds every watched session.
// The stream keeps reading only while fewer than kMaxOutstanding actions are outstanding and less
// than kMaxUnwrittenBytes of results wait. This bounds the memory that a slow reader can cost.
//
// Owns itself from Start to OnDone. Thread-safe: gRPC's threads and the engine's workers call it.
class StreamCall final : public grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>,
                         public SessionWatcher,
                         public std::enable_shared_from_this<StreamCall> {
 public:
  // Begins to serve a stream. If the registry refuses it, the stream ends with that error.
  static StreamCall* Start(const Clock& clock, const SessionCalls& calls, Metrics& metrics,
                           StreamRegistry& streams, absl::Time deadline);

  // Tells the client that the server is draining, and hands out a resume token for each session.
  void TellMoving();
  // Stops reading messages. When the running actions are done, the stream ends with UNAVAILABLE
  // (DRAINING).
  void Drain();
  static absl::Status DrainingError();

  void OnSessionExpiring(absl::string_view id, absl::Duration left) override;
  void OnSessionEnded(absl::string_view id, EndReason reason) override;
  void OnSessionDropped(absl::string_view id) override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  StreamCall(const Clock& clock, const SessionCalls& calls, Metrics& metrics,
             StreamRegistry& streams, absl::Time deadline);

  using Request = std::shared_ptr<const v1::StreamRequest>;
  // An action. It keeps the message that holds it alive.
  using Action = std::shared_ptr<const v1::StreamAction>;
  // Selects the field of a result that takes the response of its action.
  template <typename Response>
  using ResultField = Response* (v1::StreamResult::*)();
  // A result that waits to be written, and its size on the wire.
  struct Unwritten {
    v1::StreamResult result;
    size_t bytes;
  };

  // Issues the read, write and Finish that are due.
  void Advance();
  bool ReadIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool WriteIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool FinishIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Moves as many results and notices into `writing_` as one message may hold.
  void FillMessageLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Stops reading. The stream will end with `status`, unless an earlier call gave another one.
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void StartAction(Action action);
  // Starts one kind of action: `function` serves `request`, and `field` takes the response.
  template <typename ActionRequest, typename Response>
  void Run(Action action, Method method, SessionCalls::Call<ActionRequest, Response> function,
           const ActionRequest& request, ResultField<Response> field);
  template <typename ActionRequest, typename Response>
  void Run(Action action, Method method,
           SessionCalls::LimitedCall<ActionRequest, Response> function,
           const ActionRequest& request, ResultField<Response> field);
  // Returns the callback that turns the reply of an action into its result.
  template <typename Response>
  Reply<Response> MakeReply(Action action, Method method, ResultField<Response> field);
  void Deliver(const v1::StreamAction& action, v1::StreamResult result);
  // Counts the action as done and queues its result. Moves from `unwritten`.
  void AddResultLocked(Unwritten& unwritten) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Clock& clock_;
  const SessionCalls& calls_;
  Metrics& metrics_;
  StreamRegistry& streams_;
  const absl::Time deadline_;
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  const std::shared_ptr<MessagePool<v1::StreamRequest>> requests_;
  std::shared_ptr<StreamCall> self_;  // set by Start, dropped by OnDone

  // Owned by gRPC while a read or a write is in flight, else by the thread that issues it.
  std::shared_ptr<v1::StreamRequest> reading_;
  v1::StreamResponse writing_;

  // Guarded by `mu_`.
  absl::Mutex mu_;
  bool is_reading_ ABSL_GUARDED_BY(mu_) = false;
  bool is_issuing_read_ ABSL_GUARDED_BY(mu_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
  bool is_finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool is_ending_ ABSL_GUARDED_BY(mu_) = false;  // nothing more will be read
  bool is_broken_ ABSL_GUARDED_BY(mu_) = false;  // nothing more can be written
  absl::Status final_status_ ABSL_GUARDED_BY(mu_);
  int64_t outstanding_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Unwritten> unwritten_ ABSL_GUARDED_BY(mu_);
  size_t unwritten_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  StreamSessions sessions_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_STREAM_CALL_H_
