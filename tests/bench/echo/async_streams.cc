// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/echo/async_streams.h"

namespace rnnserve::testing {
namespace {

// One stream, or the wish for one. Owns itself; each event of the queue is its next move.
class QueuedStream {
 public:
  QueuedStream(const Echo& echo, AsyncStreams::Service& service, grpc::ServerCompletionQueue& queue)
      : echo_(echo), service_(service), queue_(queue), stream_(&context_) {
    service_.RequestStream(&context_, &stream_, &queue_, &queue_, this);
  }

  void Move(bool ok) {
    switch (next_) {
      case Next::kOpen:
        if (!ok) return Delete();
        new QueuedStream(echo_, service_, queue_);
        return Read();
      case Next::kAnswer:
        if (!ok) return Finish();
        echo_.Answer(request_, response_);
        next_ = Next::kRead;
        return stream_.Write(response_, this);
      case Next::kRead:
        return ok ? Read() : Finish();
      case Next::kEnd:
        return Delete();
    }
  }

 private:
  enum class Next { kOpen, kAnswer, kRead, kEnd };

  void Read() {
    next_ = Next::kAnswer;
    stream_.Read(&request_, this);
  }
  void Finish() {
    next_ = Next::kEnd;
    stream_.Finish(grpc::Status::OK, this);
  }
  void Delete() { delete this; }

  const Echo& echo_;
  AsyncStreams::Service& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::StreamResponse, v1::StreamRequest> stream_;
  v1::StreamRequest request_;
  v1::StreamResponse response_;
  Next next_ = Next::kOpen;
};

}  // namespace

void AsyncStreams::AddQueues(grpc::ServerBuilder& builder) {
  for (int i = 0; i < num_queues_; ++i) queues_.push_back(builder.AddCompletionQueue());
}

void AsyncStreams::Start() {
  for (const auto& queue : queues_) {
    new QueuedStream(echo_, service_, *queue);
    threads_.emplace_back([&queue] {
      void* tag = nullptr;
      bool ok = false;
      while (queue->Next(&tag, &ok)) static_cast<QueuedStream*>(tag)->Move(ok);
    });
  }
}

void AsyncStreams::Stop() {
  for (const auto& queue : queues_) queue->Shutdown();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace rnnserve::testing
