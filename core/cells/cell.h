// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CELL_H_
#define RNNSERVE_CORE_CELLS_CELL_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/base/team.h"
#include "core/cells/training_run.h"
#include "core/keras/state_spec.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// What a cell reads, writes and carries, as shapes for one batch row.
struct CellSignature {
  Shape input;                    // one timestep of input, [features] for most cells
  Shape output;                   // one timestep of output; need not be a state
  std::vector<StateSpec> states;  // in Keras' order (LSTM: h, then c)
  // Inputs that are the same at every timestep: what Keras passes to `call(..., constants)`. The
  // built-in cells have none.
  std::vector<Shape> constants;
};

// What one call of Cell::Step reads and writes, for a batch of columns. Everything is flattened
// row-major: a state of shape [4, 8] is a column of 32 values. Inputs and outputs never overlap.
struct CellStep {
  ConstColumns x;                            // [input size, batch]
  absl::Span<const ConstColumns> state;      // each [state size, batch]
  absl::Span<const ConstColumns> constants;  // each [constant size, batch]
  Columns y;                                 // [output size, batch]
  absl::Span<const Columns> next_state;      // each [state size, batch]
  // What Cell::Project made of x, which is then not read. Without data: nothing has been made.
  ConstColumns projection;   // [projection_rows(), batch]
  float* scratch = nullptr;  // scratch_size(batch) floats, aligned to 64 bytes
  // Threads that a large step may be shared with. Null: none.
  Team* team = nullptr;
  // In a run with Keras' training=True, else null: the same for every timestep of the run. For what
  // is random in the cell, such as its dropout.
  const TrainingRun* training = nullptr;
};

// A recurrent cell: what Keras calls a cell, a function (x, states) -> (y, states) with weights.
// It knows nothing of time, masks or direction; RecurrentLayer loops it.
//
// To write one, derive, register it (CellRegistry) and compare it with Keras; minimal_rnn_cell.cc
// is the shortest example. Owns its weights. Immutable; safe to share. Step cannot fail and
// allocates nothing beyond what its thread keeps for narrow weights (Operand).
class Cell {
 public:
  virtual ~Cell() = default;
  // Neither copied nor moved: it is shared.
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  const Shape& input_shape() const { return signature_.input; }
  const Shape& output_shape() const { return signature_.output; }
  const std::vector<StateSpec>& states() const { return signature_.states; }
  const std::vector<Shape>& constants() const { return signature_.constants; }
  // The number of elements of input_shape() and output_shape().
  int64_t input_size() const { return input_size_; }
  int64_t output_size() const { return output_size_; }

  virtual int64_t num_parameters() const = 0;
  // The bytes that they take. Default: those of float32.
  virtual int64_t parameter_bytes() const { return num_parameters() * int64_t{sizeof(float)}; }

  // The bytes of weights that a step reads in kernels that a Team is worth being given
  // (kernels/panel_range.h). Default: none.
  virtual int64_t shareable_bytes() const { return 0; }

  // Floats of scratch for a batch of that many columns. Default: none.
  virtual int64_t scratch_size(int64_t batch) const;

  // Writes the initial value of state k for one batch row, as Keras' get_initial_state does.
  // Default: zeros.
  virtual void InitialState(int state_index, absl::Span<float> value) const;

  // The part of a step that only depends on x, for any number of columns: a layer that has many
  // timesteps at hand gives them to Project together, so that the weights of the inputs are read
  // once for all, and then the results to Step one by one. The bits of a step stay the same. Not
  // for steps with training. Default: there is no such part.
  virtual int64_t projection_rows() const { return 0; }
  virtual void Project(ConstColumns x, Columns projection) const;

  // One step of every column. The bits of a column do not depend on the other columns, and the
  // padding behind a column of x, state or constants does not matter.
  virtual void Step(const CellStep& step) const = 0;

 protected:
  // REQUIRES: no shape is negative or overflows.
  explicit Cell(CellSignature signature);

 private:
  const CellSignature signature_;
  const int64_t input_size_;
  const int64_t output_size_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CELL_H_
