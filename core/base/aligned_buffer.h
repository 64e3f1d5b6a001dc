// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_ALIGNED_BUFFER_H_
#define RNNSERVE_CORE_BASE_ALIGNED_BUFFER_H_

#include <cstdint>

#include "absl/types/span.h"

namespace rnnserve {

// An array of floats that starts at a multiple of 64 bytes, which is both a cache line and the
// widest vector register of today's processors. All values are zero at first.
//
// Owns its memory. Movable but not copyable, so that a copy of a state or a weight matrix is
// visible in the code: use CopyFrom. Thread-compatible.
class AlignedBuffer {
 public:
  static constexpr int64_t kAlignmentBytes = 64;

  AlignedBuffer() = default;
  // Allocates `size` floats. Aborts if memory is exhausted. REQUIRES: size >= 0.
  explicit AlignedBuffer(int64_t size);
  ~AlignedBuffer();
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  static AlignedBuffer CopyFrom(absl::Span<const float> values);

  int64_t size() const { return size_; }
  float* data() { return data_; }
  const float* data() const { return data_; }
  absl::Span<float> span() { return {data_, static_cast<size_t>(size_)}; }
  absl::Span<const float> span() const { return {data_, static_cast<size_t>(size_)}; }

 private:
  float* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_ALIGNED_BUFFER_H_
