// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_MESSAGE_POOL_H_
#define RNNSERVE_SERVER_MESSAGE_POOL_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace rnnserve::server {

// A pool of messages that are reused together with the memory of their fields. This saves
// allocations because a message of a stream is usually like the one before it. Keeps at most
// `max_kept` unused messages, and none that was larger than kMaxKeptBytes on the wire. Lives as
// long as any of its messages. Thread-safe.
//
// `mu_` guards only the list of unused messages. It is held for a push or a pop, never while a
// message is made, cleared or destroyed, and no other lock is taken under it, so it cannot take
// part in a deadlock. The thread that drops the last owner of a message clears it and puts it back.
template <typename Message>
class MessagePool : public std::enable_shared_from_this<MessagePool<Message>> {
 public:
  static constexpr size_t kMaxKeptBytes = 64 << 10;

  static std::shared_ptr<MessagePool> Create(size_t max_kept) {
    return std::shared_ptr<MessagePool>(new MessagePool(max_kept));
  }

  // Returns an empty message, which comes back to the pool when its last owner drops it.
  std::shared_ptr<Message> Take() {
    std::unique_ptr<Message> message;
    {
      absl::MutexLock lock(&mu_);
      if (!kept_.empty()) {
        message = std::move(kept_.back());
        kept_.pop_back();
      }
    }
    if (message == nullptr) message = std::make_unique<Message>();
    Message* const taken = message.release();
    return std::shared_ptr<Message>(taken, [pool = this->shared_from_this()](Message* dropped) {
      pool->PutBack(std::unique_ptr<Message>(dropped));
    });
  }

 private:
  explicit MessagePool(size_t max_kept) : max_kept_(max_kept) {}

  void PutBack(std::unique_ptr<Message> message) {
    if (message->ByteSizeLong() > kMaxKeptBytes) return;
    message->Clear();
    absl::MutexLock lock(&mu_);
    if (kept_.size() < max_kept_) kept_.push_back(std::move(message));
  }

  const size_t max_kept_;
  absl::Mutex mu_;
  std::vector<std::unique_ptr<Message>> kept_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_MESSAGE_POOL_H_
