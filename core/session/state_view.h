// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_STATE_VIEW_H_
#define RNNSERVE_CORE_SESSION_STATE_VIEW_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/model/model.h"

namespace rnnserve {

// One state tensor that a client asked for. `layer` and `name` belong to the model.
struct StateValue {
  std::string layer;
  std::string name;
  Shape shape;
  std::vector<float> values;
};

// Returns the tensors of a state block that clients see, in the order of the layout.
std::vector<StateValue> StateTensors(const Model& model, absl::Span<const float> block);

// The state of one row, in place: a session's state lies in an arena of the session table, the
// state of a row of Infer in a SessionState. The view changes values but does not move the block.
// Borrowed; cheap to copy. Thread-compatible.
class StateView {
 public:
  explicit StateView(absl::Span<float> block) : block_(block) {}

  // Returns the block: state_layout().size floats.
  absl::Span<float> block() const { return block_; }

  // Copies the values of another block. REQUIRES: it has the same size; aborts otherwise.
  void CopyFrom(absl::Span<const float> block) const;

  std::vector<StateValue> Tensors(const Model& model) const { return StateTensors(model, block_); }

 private:
  absl::Span<float> block_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_STATE_VIEW_H_
