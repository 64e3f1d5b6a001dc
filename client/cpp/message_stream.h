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

// One gRPC stream, message by message: for a program that decides itself what goes into one message
// and keeps its own account of what is answered. Stream does both for everybody else; it merges
// what waits for a write, copies every tensor and remembers a callback for each action.
//
// Owns the stream. Thread-safe. Made by Client::OpenMessageStream; may outlive its Client. The
// destructor cancels what still runs, waits until the listener's OnEnd has returned, and with it
// end the sessions that are bound to the stream; it must not run in a callback of this library.
class MessageStream {
 public:
  // Hears of the stream, from threads of gRPC. Must not block. OnWritten may be called at the same
  // time as OnResponse; otherwise one call ends before the next begins. OnEnd is the last.
  class Listener {
   public:
    virtual ~Listener() = default;
    // The message has left and the next may be written.
    virtual void OnWritten() = 0;
    // `response` is valid until the return. It may have notices and no result.
    virtual void OnResponse(const v1::StreamResponse& response) = 0;
    virtual void OnEnd(const absl::Status& status) = 0;
  };

  ~MessageStream();
  // Neither copied nor moved: gRPC holds its address.
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  // Sends `message`, which must not change until OnWritten. After the stream has ended it does
  // nothing, and OnWritten is not called. REQUIRES: no message is being written.
  void Write(const v1::StreamRequest& message);

  // Sends nothing more; the server finishes what runs and ends the stream. REQUIRES: no message is
  // being written, and none follows.
  void HalfClose();

  // Ends the stream now.
  void Cancel();

  // Waits for the end of the stream: its status, or DEADLINE_EXCEEDED if it still runs after
  // `timeout`.
  absl::Status AwaitEnd(absl::Duration timeout);

 private:
  friend class Client;
  class Call;
  MessageStream(std::shared_ptr<grpc::Channel> channel, Listener& listener);

  // Outlives the call, and ends on the thread of the destructor: gRPC joins its own threads when a
  // channel ends, so none of them may be the last to hold it.
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Call> call_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_MESSAGE_STREAM_H_
