// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_MESSAGE_STREAM_H_
#define RNNSERVE_CLIENT_CPP_MESSAGE_STREAM_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace rnnserve::v1 {
class StreamRequest;
class StreamResponse;
}  // namespace rnnserve::v1

namespace rnnserve::client {

// One gRPC stream, message by message. It is for a program that decides what goes into a message
// and matches the answers itself. Stream does both for all other programs: it merges the actions
// that wait for a write, copies every tensor and keeps a callback for each action.
//
// Owns the stream. Thread-safe. Made by Client::OpenMessageStream; may outlive its Client. The
// destructor cancels the stream if it is still open and waits until the listener's OnEnd has
// returned; the sessions that are bound to the stream end with it. It must not run in a callback of
// this library.
class MessageStream {
 public:
  // Receives the events of the stream on gRPC threads. Must not block. OnWritten may be called at
  // the same time as OnResponse; otherwise one call ends before the next begins. OnEnd is the last
  // call.
  class Listener {
   public:
    virtual ~Listener() = default;
    // The message has been sent and the next may be written.
    virtual void OnWritten() = 0;
    // `response` is valid until this function returns. It may contain notices and no result.
    virtual void OnResponse(const v1::StreamResponse& response) = 0;
    virtual void OnEnd(const absl::Status& status) = 0;
  };

  ~MessageStream();
  // Neither copied nor moved: gRPC holds its address.
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  // Sends `message`, which must not change until OnWritten. After the end of the stream this does
  // nothing, and OnWritten is not called. REQUIRES: no message is being written.
  void Write(const v1::StreamRequest& message);

  // Tells the server that no more messages follow; the server finishes its work and ends the
  // stream. REQUIRES: no message is being written, and none follows.
  void HalfClose();

  // Ends the stream at once.
  void Cancel();

  // Waits for the end of the stream and returns its status, or DEADLINE_EXCEEDED if it still runs
  // after `timeout`.
  absl::Status AwaitEnd(absl::Duration timeout);

 private:
  friend class Client;
  class Call;
  MessageStream(std::shared_ptr<grpc::Channel> channel, Listener& listener);

  // Outlives the call and is released on the thread that runs the destructor: gRPC joins its own
  // threads when a channel is destroyed, so none of them may hold the last reference.
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Call> call_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_MESSAGE_STREAM_H_
