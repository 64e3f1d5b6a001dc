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

// One open Stream call. Reads messages, starts their actions, writes results as they come, and ends
// when the client has half-closed (or is gone, or the server drains) and every action has its
// result. Watches the sessions that it uses, and tells the client what becomes of them.
//
// Invariants, under `mu_`:
//   1. At most one read, one write and one Finish are ever under way or issued.
//   2. `outstanding_` counts the actions that were started and have no result yet.
//   3. Finish is issued only when nothing is outstanding, unwritten or being issued, so that no
//   reply
//      can reach a stream that is gone.
//   4. No gRPC function is called under `mu_`.
//   5. A session is watched before the result that made the stream use it counts as delivered, so
//      that OnDone finds all that is watched.
// It reads on only while fewer than kMaxOutstanding actions are under way and fewer than
// kMaxUnwrittenBytes of results wait, which bounds what a slow reader can cost.
//
// Owns itself from Start to OnDone. Thread-safe: gRPC's threads and the engine's workers call it.
class StreamCall final : public grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>,
                         public SessionWatcher,
                         public std::enable_shared_from_this<StreamCall> {
 public:
  // Begins to serve a stream; one that the registry refuses is ended with its error.
  static StreamCall* Start(const Clock& clock, const SessionCalls& calls, Metrics& metrics,
                           StreamRegistry& streams, absl::Time deadline);

  // Tells the client that the server drains, and where each session can go on.
  void TellMoving();
  // No further message is read; when the running actions are done the stream ends with UNAVAILABLE
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
  // A result that waits to be written, and its size on the wire.
  struct Unwritten {
    v1::StreamResult result;
    size_t bytes;
  };

  // Issues whatever read, write or Finish is due.
  void Advance();
  bool ReadIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool WriteIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool FinishIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Moves as many results and notices into `writing_` as one message may hold.
  void FillMessageLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Stops reading; the stream will end with `status`, unless an earlier one was given.
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void StartActions(const Request& request);
  void StartAction(const Request& request, const v1::StreamAction& action);
  // What turns the reply of an action into its result; `set` puts it into the message.
  template <typename Response, typename Set>
  Reply<Response> MakeReply(const Request& request, const v1::StreamAction& action, Method method,
                            Set set);
  void Deliver(const v1::StreamAction& action, v1::StreamResult result);
  // Takes it.
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

  // Owned by gRPC while a read or write is under way, else by who issues it.
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
