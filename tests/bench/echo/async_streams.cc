// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/echo/async_streams.h"

#include "tests/bench/echo/queued_call.h"

namespace rnnserve::testing {
namespace {

class QueuedStream final : public QueuedCall {
 public:
  QueuedStream(const Echo& echo, v1::InferenceService::AsyncService& service,
               grpc::ServerCompletionQueue& queue)
      : echo_(echo), service_(service), queue_(queue), stream_(&context_) {
    service_.RequestStream(&context_, &stream_, &queue_, &queue_, this);
  }

  void Move(bool ok) override {
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
  v1::InferenceService::AsyncService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::StreamResponse, v1::StreamRequest> stream_;
  v1::StreamRequest request_;
  v1::StreamResponse response_;
  Next next_ = Next::kOpen;
};

}  // namespace

void AsyncStreams::AddTo(grpc::ServerBuilder& builder) {
  builder.RegisterService(&streams_);
  builder.RegisterService(&models_);
  for (int i = 0; i < num_queues_; ++i) queues_.push_back(builder.AddCompletionQueue());
}

void AsyncStreams::Start() {
  v1::DescribeModelResponse description;
  echo_.Describe(description);
  v1::ListModelsResponse list;
  *list.add_models() = description.summary();
  for (const auto& queue : queues_) {
    new QueuedStream(echo_, streams_, *queue);
    new QueuedUnary<v1::ListModelsRequest, v1::ListModelsResponse>(
        [this, &queue](auto* context, auto* request, auto* writer, void* tag) {
          models_.RequestListModels(context, request, writer, queue.get(), queue.get(), tag);
        },
        list);
    new QueuedUnary<v1::DescribeModelRequest, v1::DescribeModelResponse>(
        [this, &queue](auto* context, auto* request, auto* writer, void* tag) {
          models_.RequestDescribeModel(context, request, writer, queue.get(), queue.get(), tag);
        },
        description);
    threads_.emplace_back([&queue] {
      void* tag = nullptr;
      bool ok = false;
      while (queue->Next(&tag, &ok)) static_cast<QueuedCall*>(tag)->Move(ok);
    });
  }
}

void AsyncStreams::Stop() {
  for (const auto& queue : queues_) queue->Shutdown();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace rnnserve::testing
