// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_ANSWER_H_
#define RNNSERVE_TESTS_SUPPORT_ANSWER_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace rnnserve::testing {

// The future answer to a call with a callback. Give callback() to the call, then Wait(). Copies of
// this handle share the same answer. Thread-safe.
template <typename T>
class Answer {
 public:
  // Returns the callback for one call.
  auto callback() const {
    return [shared = shared_](absl::StatusOr<T> value) {
      absl::MutexLock lock(&shared->mu);
      ++shared->num_calls;
      shared->value = std::move(value);
    };
  }

  bool has_come() const { return num_calls() > 0; }
  // Returns the number of times that the callback ran.
  int num_calls() const {
    absl::MutexLock lock(&shared_->mu);
    return shared_->num_calls;
  }
  // Waits for the callback and takes the result that it got. Call it only once.
  absl::StatusOr<T> Wait() const {
    absl::MutexLock lock(&shared_->mu);
    const auto has_value = [this] { return shared_->value.has_value(); };
    shared_->mu.Await(absl::Condition(&has_value));
    return *std::move(shared_->value);
  }

 private:
  struct Shared {
    absl::Mutex mu;
    std::optional<absl::StatusOr<T>> value;
    int num_calls = 0;
  };

  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_ANSWER_H_
