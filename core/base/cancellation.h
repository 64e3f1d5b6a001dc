// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_CANCELLATION_H_
#define RNNSERVE_CORE_BASE_CANCELLATION_H_

#include <atomic>

namespace rnnserve {

// A flag that says that nobody is waiting for a piece of work any more. Once set, it stays set.
// Work that has not begun is then dropped; work that has begun is finished. Shared between the
// caller that asked for the work and the thread that does it. Thread-safe.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void Cancel() { is_cancelled_.store(true, std::memory_order_relaxed); }
  bool is_cancelled() const { return is_cancelled_.load(std::memory_order_relaxed); }

 private:
  // Relaxed, because the flag only saves work: no other memory access is ordered by it.
  std::atomic<bool> is_cancelled_{false};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_CANCELLATION_H_
