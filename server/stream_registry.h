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

// The streams that are open: bounds their number and tells them all when the server drains.
// Thread-safe. Must outlive the streams.
class StreamRegistry {
 public:
  explicit StreamRegistry(int64_t max_streams) : max_streams_(max_streams) {}

  // Errors, after which the stream is not in it: RESOURCE_EXHAUSTED (STREAM_LIMIT) if that many are
  // open; UNAVAILABLE (DRAINING).
  absl::Status Add(const std::shared_ptr<StreamCall>& stream);
  void Remove(const StreamCall* stream);

  // Tells every stream that the server drains; new ones are refused from now on.
  void TellMoving();

  // Lets every stream finish its running actions and end; later ones are refused.
  void Drain();

 private:
  // The streams that are open, of which there will be no more.
  std::vector<std::shared_ptr<StreamCall>> CloseToStreams();

  const int64_t max_streams_;
  absl::Mutex mu_;
  bool is_draining_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_map<const StreamCall*, std::weak_ptr<StreamCall>> streams_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_STREAM_REGISTRY_H_
