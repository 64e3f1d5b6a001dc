// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/thread_team.h"

#include <cassert>

namespace rnnserve {
namespace {

// Rounds of Pause(), about 50 us: longer than the gap between two cell steps of a batch, and short
// enough not to take a core away from the threads that read and write messages.
constexpr int kSpins = 1500;

constexpr int kEndShift = 32;
constexpr uint64_t kBeginMask = (uint64_t{1} << kEndShift) - 1;

// Tells the processor that this is a spin loop.
void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadTeam::ThreadTeam(int size) : parts_(static_cast<size_t>(size)) {
  assert(size >= 1 && size <= 256);
  for (int member = 1; member < size; ++member) {
    helpers_.emplace_back([this, member] { Help(member); });
  }
}

ThreadTeam::~ThreadTeam() {
  is_ending_.store(true, std::memory_order_relaxed);
  num_calls_.fetch_add(1, std::memory_order_release);
  num_calls_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void ThreadTeam::Run(int64_t num_pieces, absl::FunctionRef<void(int64_t)> piece) {
  assert(num_pieces >= 0 && num_pieces < int64_t{1} << 31);
  piece_ = &piece;
  num_finished_.store(0, std::memory_order_relaxed);
  const auto members = static_cast<int64_t>(parts_.size());
  for (int64_t i = 0; i < members; ++i) {
    const auto begin = static_cast<uint64_t>(num_pieces * i / members);
    const auto end = static_cast<uint64_t>(num_pieces * (i + 1) / members);
    parts_[static_cast<size_t>(i)].remaining.store(end << kEndShift | begin,
                                                   std::memory_order_release);
  }
  num_calls_.fetch_add(1, std::memory_order_release);
  num_calls_.notify_all();
  TakePieces(0);
  while (num_finished_.load(std::memory_order_acquire) < num_pieces) Pause();
}

void ThreadTeam::Help(int member) {
  uint32_t seen = 0;
  while (true) {
    for (int i = 0; i < kSpins && num_calls_.load(std::memory_order_relaxed) == seen; ++i) Pause();
    num_calls_.wait(seen, std::memory_order_acquire);
    seen = num_calls_.load(std::memory_order_acquire);
    if (is_ending_.load(std::memory_order_relaxed)) return;
    TakePieces(member);
  }
}

void ThreadTeam::TakePieces(int member) {
  for (int i = 0; i < size(); ++i) {
    std::atomic<uint64_t>& remaining = parts_[static_cast<size_t>((member + i) % size())].remaining;
    while (true) {
      // fetch_add also increments an exhausted part. Without this check, members that keep finding
      // nothing would increment the low half until it overflows into the high half.
      const uint64_t look = remaining.load(std::memory_order_relaxed);
      if ((look & kBeginMask) >= look >> kEndShift) break;
      const uint64_t taken = remaining.fetch_add(1, std::memory_order_acquire);
      const uint64_t index = taken & kBeginMask;
      if (index >= taken >> kEndShift) break;
      (*piece_)(static_cast<int64_t>(index));
      num_finished_.fetch_add(1, std::memory_order_release);
    }
  }
}

}  // namespace rnnserve
