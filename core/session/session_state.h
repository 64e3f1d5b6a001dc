// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_STATE_H_
#define RNNSERVE_CORE_SESSION_SESSION_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/base/tensor_view.h"
#include "core/model/model.h"
#include "core/session/state_view.h"

namespace rnnserve {

// One state tensor that a client gave, addressed by layer and name. Borrowed.
struct NamedState {
  std::string layer;
  std::string name;
  TensorView value;
};

// All recurrent vectors of one batch row, as one contiguous block in the model's StateLayout.
// Owns the block. Movable, not copyable. Thread-compatible.
class SessionState {
 public:
  // Makes the initial state of the model.
  explicit SessionState(const Model& model);

  SessionState(SessionState&&) noexcept = default;
  SessionState& operator=(SessionState&&) noexcept = default;

  // Makes a state from the tensors of a client, which must give every tensor that the model has:
  // FLOAT32, in the shape of the tensor or, if `batch` is given, in the shape [batch, ...], of
  // which row `row` is used. Errors: INVALID_ARGUMENT, reason STATE_MISSING, STATE_UNKNOWN,
  // STATE_TWICE, STATE_SHAPE, STATE_DTYPE, TENSOR_LENGTH, NOT_FINITE, each naming the layer, the
  // state, and the given and expected values.
  static absl::StatusOr<SessionState> FromTensors(const Model& model,
                                                  absl::Span<const NamedState> tensors,
                                                  std::optional<int64_t> batch = std::nullopt,
                                                  int64_t row = 0);

  // Returns the block: state_layout().size floats.
  absl::Span<float> block() { return block_.span(); }
  absl::Span<const float> block() const { return block_.span(); }
  StateView view() { return StateView(block()); }
  int64_t bytes() const { return block_.size() * static_cast<int64_t>(sizeof(float)); }

  // Returns the tensors that clients see, in the order of the layout.
  std::vector<StateValue> Tensors(const Model& model) const { return StateTensors(model, block()); }

 private:
  AlignedBuffer block_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_STATE_H_
