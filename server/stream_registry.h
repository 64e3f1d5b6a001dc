// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_STREAM_REGISTRY_H_
#define RNNSERVE_SERVER_STREAM_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace rnnserve::server {

class StreamCall;

// The open streams of the server. Bounds their number and tells all of them when the server begins
// to drain. Thread-safe. Must outlive the streams.
class StreamRegistry {
 public:
  explicit StreamRegistry(int64_t max_streams) : max_streams_(max_streams) {}

  // Adds a stream. Errors, after which the stream is not registered: RESOURCE_EXHAUSTED
  // (STREAM_LIMIT) if `max_streams` are open; UNAVAILABLE (DRAINING).
  absl::Status Add(const std::shared_ptr<StreamCall>& stream);
  void Remove(const StreamCall* stream);

  // Tells every stream that the server is draining. Refuses new streams from now on.
  void TellMoving();

  // Lets every stream finish its running actions and end. Refuses new streams from now on.
  void Drain();

 private:
  // Refuses new streams from now on and returns the open ones.
  std::vector<std::shared_ptr<StreamCall>> CloseToStreams();

  const int64_t max_streams_;
  absl::Mutex mu_;
  bool is_draining_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<const StreamCall*, std::weak_ptr<StreamCall>> streams_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_STREAM_REGISTRY_H_
