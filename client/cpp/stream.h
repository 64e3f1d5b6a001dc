// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_STREAM_H_
#define RNNSERVE_CLIENT_CPP_STREAM_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/call_options.h"
#include "client/cpp/notice.h"
#include "client/cpp/session.h"
#include "client/cpp/step_sessions.h"

namespace rnnserve::client {

class StreamCall;

struct StreamOptions {
  // The number of actions that may wait for an answer; further actions are refused with
  // RESOURCE_EXHAUSTED. It bounds the memory of the stream, together with the size of a step.
  // Increase it for very many sessions.
  size_t max_pending_actions = 65536;
  // Receives the notices about the sessions that were opened or stepped on this stream. Default:
  // none. It may be called until the destructor returns.
  NoticeCallback on_notice{};
};

using SessionCallback = absl::AnyInvocable<void(absl::StatusOr<Session>)>;

// One gRPC stream for any number of sessions, whose steps are pipelined: actions that are sent
// during a write leave together in the next one.
//
// Owns the stream. Thread-safe. Made by Client::OpenStream; may outlive its Client. The destructor
// cancels the stream if it is still open and waits until every callback has returned; the sessions
// that are bound to the stream end with it. It must not run in a callback of this library.
//
//   auto stream = client->OpenStream();
//   auto session = stream->OpenSession("sunspots");
//   auto result = session->Step(value);
class Stream {
 public:
  ~Stream();
  // Neither copied nor moved: threads share it by reference.
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Opens a session of `model`. Codes: NOT_FOUND (no such model), ALREADY_EXISTS (the id is open),
  // FAILED_PRECONDITION (the model needs whole sequences), INVALID_ARGUMENT, RESOURCE_EXHAUSTED,
  // UNAVAILABLE, DEADLINE_EXCEEDED (no answer in time; a session that is opened nevertheless
  // belongs to the stream).
  absl::StatusOr<Session> OpenSession(const std::string& model, const SessionOptions& options = {},
                                      const CallOptions& call_options = {});

  // Opens a session without waiting. `callback` is called once: on a gRPC thread or, if the action
  // cannot be sent, on this thread. It must not block.
  void OpenSessionAsync(const std::string& model, const SessionOptions& options,
                        SessionCallback callback);

  // Advances many sessions, which anybody may have opened, with one message. Codes: NOT_FOUND (no
  // such model), INVALID_ARGUMENT, UNAVAILABLE, DEADLINE_EXCEEDED; the result contains the errors
  // of individual sessions.
  absl::StatusOr<StepSessionsResult> StepSessions(const StepSessionsRequest& request,
                                                  const CallOptions& options = {});
  // Does the same without waiting; `callback` is called as in OpenSessionAsync.
  void StepSessionsAsync(const StepSessionsRequest& request, const CallOptions& options,
                         StepSessionsCallback callback);

  // Sends nothing more, waits for the answers to what was sent, and returns the status of the
  // stream. DEADLINE_EXCEEDED if that takes longer than the timeout; then the stream is cancelled.
  absl::Status Finish(const CallOptions& options = {});

 private:
  friend class Client;
  explicit Stream(std::shared_ptr<StreamCall> call);

  const std::shared_ptr<StreamCall> call_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_STREAM_H_
