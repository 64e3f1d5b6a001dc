// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CELL_H_
#define RNNSERVE_CORE_CELLS_CELL_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/cells/state_spec.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// What one call of Cell::Step reads and writes, for a batch of columns. Inputs and outputs never
// overlap. State k is a view of states()[k], flattened row-major.
struct CellStep {
  ConstColumns x;                             // [input_size, batch]
  absl::Span<const ConstColumns> state;       // each [state size, batch]
  absl::Span<const ConstColumns> constants;   // each [constant size, batch]; see Cell::constants()
  Columns y;                                  // [output_size, batch]
  absl::Span<const Columns> next_state;       // each [state size, batch]
  float* scratch = nullptr;                   // scratch_size(batch) floats, aligned to 64 bytes
};

// A recurrent cell: what Keras calls a cell, a function (x, states) -> (y, states) with weights.
// It knows nothing of time, masks or direction; RecurrentLayer loops it.
//
// To write one, derive, register it (CellRegistry) and compare it with Keras: minimal_rnn_cell.cc is
// the shortest example. Owns its weights. Immutable; safe to share. Step cannot fail and allocates
// nothing.
class Cell {
 public:
  virtual ~Cell() = default;

  virtual int64_t input_size() const = 0;
  virtual int64_t output_size() const = 0;
  // The states in Keras' order (LSTM: h, then c).
  virtual const std::vector<StateSpec>& states() const = 0;
  // The sizes of the external constants that Keras passes to `call(..., constants)`; none for the
  // built-in cells.
  virtual absl::Span<const int64_t> constants() const { return {}; }
  virtual int64_t num_parameters() const = 0;
  // Floats of scratch for a batch of that many columns.
  virtual int64_t scratch_size(int64_t batch) const = 0;

  // Writes the initial value of state k for one batch row, as Keras' get_initial_state does.
  // Default: zeros.
  virtual void InitialState(int state_index, absl::Span<float> value) const;

  // One step of every column. The bits of a column do not depend on the other columns.
  virtual void Step(const CellStep& step) const = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CELL_H_
