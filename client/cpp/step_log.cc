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

void AppendTensor(const Tensor& tensor, std::string* bytes) {
  AppendBytes(absl::MakeConstSpan(tensor.shape()), bytes);
  if (tensor.is_float()) AppendBytes(tensor.floats(), bytes);
  if (tensor.is_int32()) AppendBytes(tensor.int32s(), bytes);
  if (tensor.is_int64()) AppendBytes(tensor.int64s(), bytes);
}

}  // namespace

OutputDigest DigestOf(const Tensor& output, absl::Span<const NamedTensor> outputs) {
  std::string bytes;
  AppendTensor(output, &bytes);
  for (const NamedTensor& named : outputs) {
    // The sizes keep the parts apart: the same bytes under other names are other outputs.
    const size_t sizes[] = {named.name.size(), named.value.rank()};
    AppendBytes(absl::MakeConstSpan(sizes), &bytes);
    bytes += named.name;
    AppendTensor(named.value, &bytes);
  }
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
