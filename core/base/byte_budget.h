// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_BYTE_BUDGET_H_
#define RNNSERVE_CORE_BASE_BYTE_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

namespace rnnserve {

// A limit on the total number of bytes that several users hold. Thread-safe. Must outlive its
// shares.
class ByteBudget {
 public:
  // Bytes taken from a budget. Its destructor gives them back. Movable. Thread-compatible.
  class Share {
   public:
    // A share of zero bytes.
    Share() = default;
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Share() {
      if (budget_ != nullptr) budget_->used_.fetch_sub(bytes_, std::memory_order_relaxed);
    }

    int64_t bytes() const { return bytes_; }

   private:
    friend class ByteBudget;
    Share(ByteBudget* budget, int64_t bytes) : budget_(budget), bytes_(bytes) {}

    ByteBudget* budget_ = nullptr;
    int64_t bytes_ = 0;
  };

  explicit ByteBudget(int64_t max_bytes) : max_bytes_(max_bytes) {}
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  // Takes `bytes`, or returns nullopt if fewer are left. REQUIRES: bytes >= 0.
  std::optional<Share> Take(int64_t bytes) {
    int64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > max_bytes_ - used) return std::nullopt;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return Share(this, bytes);
  }

  int64_t used_bytes() const { return used_.load(std::memory_order_relaxed); }
  int64_t max_bytes() const { return max_bytes_; }

 private:
  const int64_t max_bytes_;
  std::atomic<int64_t> used_{0};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_BYTE_BUDGET_H_
