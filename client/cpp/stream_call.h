// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_STREAM_CALL_H_
#define RNNSERVE_CLIENT_CPP_STREAM_CALL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/action_channel.h"
#include "client/cpp/notice.h"
#include "rnnserve/v1/inference.grpc.pb.h"

namespace rnnserve::client {

struct StreamOptions;

// The gRPC call below a Stream: it writes actions, reads results and matches them by tag.
//
// Owns the call, the actions that wait to be written and the callbacks that wait for results.
// Thread-safe. Lives until gRPC has finished the call, even if all handles are dropped earlier. An
// implementation detail of Stream and Session; use those.
//
// Invariants:
//   1. A callback is in `pending_` exactly while its action is accepted and not answered.
//   2. At most one write is in flight; actions sent meanwhile leave together in the next one.
//   3. gRPC's hold lasts from Start until the read side has ended; no operation begins after that.
class StreamCall final : public ActionChannel,
                         public grpc::ClientBidiReactor<v1::StreamRequest, v1::StreamResponse> {
 public:
  // Starts the call. The option `max_pending_actions` bounds the callbacks of invariant 1.
  static std::shared_ptr<StreamCall> Start(
      std::shared_ptr<v1::InferenceService::StubInterface> stub, const StreamOptions& options);

  // Refuses the action by calling `callback` before returning: with RESOURCE_EXHAUSTED if too many
  // actions are pending, or, if the stream has ended or is finishing, with the stream's own error
  // (UNAVAILABLE if it has none).
  void Send(v1::StreamAction action, absl::Duration timeout, ActionCallback callback) override;

  // Sends the actions that were already accepted, and nothing more.
  void HalfClose();

  // Ends the call at once. Pending actions are answered with CANCELLED.
  void Cancel();

  // Waits until every callback has returned. Returns the status of the stream, or DEADLINE_EXCEEDED
  // if it still runs after `timeout`.
  absl::Status AwaitEnd(absl::Duration timeout);

  // Releases the channel. gRPC joins its own threads when a channel is destroyed, so the last
  // reference must not be dropped on one of them; the destructor could run there. REQUIRES: the
  // call has ended; the calling thread is not one of gRPC's.
  void DropChannel();

 private:
  StreamCall(std::shared_ptr<v1::InferenceService::StubInterface> stub,
             const StreamOptions& options);

  void OnWriteDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  absl::Status CheckAcceptsLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FillRequestLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Answer(v1::StreamResult result);
  void Tell(const v1::StreamNotice& notice) const;

  // Constant from Start to DropChannel.
  std::shared_ptr<v1::InferenceService::StubInterface> stub_;
  std::unique_ptr<grpc::ClientContext> context_ = std::make_unique<grpc::ClientContext>();

  // Constant after construction.
  const size_t max_pending_actions_;
  const NoticeCallback on_notice_;

  // Used only by gRPC's reactions, which run one at a time.
  std::shared_ptr<StreamCall> self_;  // Until OnDone.
  v1::StreamRequest request_;
  v1::StreamResponse response_;

  // Guarded by mu_.
  absl::Mutex mu_;
  uint64_t next_tag_ ABSL_GUARDED_BY(mu_) = 1;
  std::deque<v1::StreamAction> queue_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, ActionCallback> pending_ ABSL_GUARDED_BY(mu_);
  bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
  bool is_answering_ ABSL_GUARDED_BY(mu_) = false;
  bool is_finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool is_half_closed_ ABSL_GUARDED_BY(mu_) = false;
  bool is_read_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool is_done_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_STREAM_CALL_H_
