// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/aligned_buffer.h"

#include <algorithm>
#include <new>
#include <utility>

namespace rnnserve {
namespace {

constexpr std::align_val_t kAlignment{AlignedBuffer::kAlignmentBytes};

}  // namespace

AlignedBuffer::AlignedBuffer(int64_t size) : size_(size) {
  if (size == 0) return;
  const size_t count = static_cast<size_t>(size);
  data_ = static_cast<float*>(::operator new(count * sizeof(float), kAlignment));
  std::fill_n(data_, count, 0.0f);
}

AlignedBuffer::~AlignedBuffer() {
  if (data_ != nullptr) ::operator delete(data_, kAlignment);
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AlignedBuffer AlignedBuffer::CopyFrom(absl::Span<const float> values) {
  AlignedBuffer copy(static_cast<int64_t>(values.size()));
  std::copy(values.begin(), values.end(), copy.data_);
  return copy;
}

}  // namespace rnnserve
