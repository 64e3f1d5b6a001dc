// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_STEP_LOG_H_
#define RNNSERVE_CLIENT_CPP_STEP_LOG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "absl/types/span.h"
#include "client/cpp/tensor.h"
#include "rnnserve/v1/session.pb.h"

namespace rnnserve::client {

// Identifies the outputs of a step bit by bit: the first half of a SHA-256 of `output` and of every
// tensor of `outputs`, each with its name, shape and bytes. A step has one of them: see StepResult.
using OutputDigest = std::array<uint8_t, 16>;
OutputDigest DigestOf(const Tensor& output, absl::Span<const NamedTensor> outputs = {});

// The steps of one session that may have to be sent again, from `begin` on, with the digests of the
// outputs that were delivered.
//
// Owns the requests. Thread-compatible. Its functions never fail: when a step does not fit, the
// oldest steps are dropped.
//
// Invariants:
//   1. It holds the steps [begin(), end()), without a gap.
//   2. Its bytes are at most `max_bytes`, unless one step alone is larger.
class StepLog {
 public:
  explicit StepLog(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Appends step `end()`, and drops the oldest steps while the log exceeds `max_bytes`.
  void Append(v1::StepRequest request);
  // Removes the last step. REQUIRES: the log is not empty.
  void RemoveLast();
  // Drops the steps before `version` that the log still holds.
  void DropBefore(uint64_t version);

  // REQUIRES: begin() <= index < end().
  v1::StepRequest& request(uint64_t index) { return entry(index).request; }
  std::optional<OutputDigest>& digest(uint64_t index) { return entry(index).digest; }

  // Returns the earliest version from which the session can be brought up to date.
  uint64_t begin() const { return begin_; }
  uint64_t end() const { return begin_ + entries_.size(); }
  size_t num_bytes() const { return num_bytes_; }

 private:
  struct Entry {
    v1::StepRequest request;
    size_t num_bytes = 0;
    std::optional<OutputDigest> digest;  // set once delivered, if outputs are compared
  };
  Entry& entry(uint64_t index);
  void DropFirst();

  const size_t max_bytes_;
  uint64_t begin_ = 0;
  size_t num_bytes_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_STEP_LOG_H_
