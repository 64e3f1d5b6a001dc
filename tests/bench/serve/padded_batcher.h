// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_SERVE_PADDED_BATCHER_H_
#define RNNSERVE_TESTS_BENCH_SERVE_PADDED_BATCHER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "core/model/model.h"

namespace rnnserve::testing {

// Batches whole requests, as servers for other kinds of models do. Shorter requests are padded to
// the length of the longest and masked; all are computed to the end, and then all are answered.
// Requests that arrive in the meantime wait for the next batch. Uses the same layers and kernels as
// rnnserve, so that the two can be compared. Work-conserving: the worker takes waiting requests as
// soon as it is free. Thread-safe.
class PaddedBatcher {
 public:
  using Callback = absl::AnyInvocable<void()>;

  // REQUIRES: the model streams; max_rows and max_time are >= 1.
  PaddedBatcher(std::shared_ptr<const Model> model, int64_t max_rows, int64_t max_time);
  // Computes all waiting requests before it returns.
  ~PaddedBatcher();

  // Submits a sequence [time, input size], which must live until the callback. REQUIRES: time is in
  // [1, max_time].
  void Submit(absl::Span<const float> sequence, Callback callback);

 private:
  struct Request {
    absl::Span<const float> sequence;
    Callback callback;
  };

  void Run();
  void Compute(absl::Span<Request> batch);

  const std::shared_ptr<const Model> model_;
  const size_t max_rows_;
  const int64_t input_size_;
  Workspace workspace_;  // the worker's

  absl::Mutex mu_;
  std::deque<Request> waiting_ ABSL_GUARDED_BY(mu_);
  bool is_ending_ ABSL_GUARDED_BY(mu_) = false;

  std::thread worker_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_SERVE_PADDED_BATCHER_H_
