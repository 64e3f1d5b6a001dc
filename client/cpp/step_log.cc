// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/step_log.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

namespace rnnserve::client {
namespace {

template <typename T>
void AppendBytes(absl::Span<const T> values, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

}  // namespace

OutputDigest DigestOf(const Tensor& output) {
  std::string bytes;
  AppendBytes(absl::MakeConstSpan(output.shape()), &bytes);
  if (output.is_float()) AppendBytes(output.floats(), &bytes);
  if (output.is_int32()) AppendBytes(output.int32s(), &bytes);
  if (output.is_int64()) AppendBytes(output.int64s(), &bytes);
  std::array<uint8_t, SHA256_DIGEST_LENGTH> whole;
  SHA256(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), whole.data());
  OutputDigest digest;
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

void StepLog::Append(v1::StepRequest request) {
  const size_t num_bytes = request.ByteSizeLong() + sizeof(Entry);
  entries_.push_back({std::move(request), num_bytes, std::nullopt});
  num_bytes_ += num_bytes;
  while (num_bytes_ > max_bytes_ && entries_.size() > 1) DropFirst();
}

void StepLog::RemoveLast() {
  assert(!entries_.empty());
  num_bytes_ -= entries_.back().num_bytes;
  entries_.pop_back();
}

void StepLog::DropBefore(uint64_t version) {
  while (begin_ < version && !entries_.empty()) DropFirst();
}

void StepLog::DropFirst() {
  num_bytes_ -= entries_.front().num_bytes;
  entries_.pop_front();
  ++begin_;
}

StepLog::Entry& StepLog::entry(uint64_t index) {
  assert(begin() <= index && index < end());
  return entries_[index - begin_];
}

}  // namespace rnnserve::client
