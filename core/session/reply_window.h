// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_REPLY_WINDOW_H_
#define RNNSERVE_CORE_SESSION_REPLY_WINDOW_H_

#include <cstdint>
#include <vector>

#include "core/base/byte_budget.h"
#include "core/base/shape.h"
#include "core/session/step_decision.h"

namespace rnnserve {

// The reply to a committed step, kept for a client that sends the step again.
struct KeptReply {
  uint64_t index = 0;
  PayloadDigest digest{};
  // The shape of the model's output; [output.size()] if it has several.
  Shape output_shape;
  std::vector<float> output;  // all outputs, one after another in the order of the model
  std::vector<float> state;  // the whole block after the step; empty unless the client asked for it
  ByteBudget::Share share;   // of the budget for kept replies

  // Returns the bytes that a reply with this number of floats, outputs and states together, takes.
  static int64_t BytesOf(int64_t num_floats) {
    return static_cast<int64_t>(sizeof(KeptReply)) +
           num_floats * static_cast<int64_t>(sizeof(float));
  }
};

// The last replies of a session, at most `size` of them. Owns them. Thread-compatible.
class ReplyWindow {
 public:
  static constexpr int kMaxSize = 16;

  // REQUIRES: size is in [1, kMaxSize].
  explicit ReplyWindow(int size) : size_(static_cast<size_t>(size)) {}

  // Adds a reply; drops the oldest if the window is full. REQUIRES: its step is later than those of
  // the replies already kept.
  void Keep(KeptReply reply);
  // Returns the reply to step `index`; null if it is not kept.
  const KeptReply* Find(uint64_t index) const;
  // Returns all kept replies, oldest first.
  const std::vector<KeptReply>& replies() const { return replies_; }

 private:
  const size_t size_;
  std::vector<KeptReply> replies_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_REPLY_WINDOW_H_
