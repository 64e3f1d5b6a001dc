// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CELL_H_
#define RNNSERVE_CORE_CELLS_CELL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/base/shape.h"
#include "core/base/team.h"
#include "core/cells/training_run.h"
#include "core/keras/state_spec.h"
#include "core/kernels/columns.h"

namespace rnnserve {

// The shapes that a cell reads, writes and keeps as state, for one batch row.
struct CellSignature {
  Shape input;                    // one timestep of input, [features] for most cells
  Shape output;                   // one timestep of output; need not be a state
  std::vector<StateSpec> states;  // in Keras' order (LSTM: h, then c)
  // Inputs that are the same at every timestep, which Keras passes as `call(..., constants)`. The
  // built-in cells have none.
  std::vector<Shape> constants;
};

// The arguments of one call of Cell::Project, for any number of columns.
struct CellProjection {
  ConstColumns x;                            // [input size, columns]
  absl::Span<const ConstColumns> constants;  // each [constant size, columns]
  ConstColumns prepared;                     // from Cell::Prepare, [prepared_rows(), columns]
  Columns projection;                        // the result, [projection_rows(), columns]
  float* scratch = nullptr;  // projection_scratch_size(columns) floats, aligned to 64 bytes
};

// The arguments of one call of Cell::Step, for a batch with one column for each batch row. Values
// are flattened row-major: a state of shape [4, 8] is a column of 32 values. Inputs and outputs
// never overlap.
struct CellStep {
  ConstColumns x;                            // [input size, batch]
  absl::Span<const ConstColumns> state;      // each [state size, batch]
  absl::Span<const ConstColumns> constants;  // each [constant size, batch]
  Columns y;                                 // [output size, batch]
  absl::Span<const Columns> next_state;      // each [state size, batch]
  ConstColumns prepared;                     // from Cell::Prepare, [prepared_rows(), batch]
  // The result of Cell::Project for x. If it has data, x is not read; if it has none, x has not
  // been projected.
  ConstColumns projection;   // [projection_rows(), batch]
  float* scratch = nullptr;  // scratch_size(batch) floats, aligned to 64 bytes
  // The team that a large step may use. Null: the step runs on the calling thread.
  Team* team = nullptr;
  // The source of random numbers in a run with Keras' training=True, for dropout and the like. It
  // is the same for every timestep of the run, and null outside training.
  const TrainingRun* training = nullptr;
};

// A recurrent cell in Keras' sense: a function (x, states) -> (y, states) with weights. It knows
// nothing of time, masks or direction; RecurrentLayer loops over the timesteps.
//
// To write a cell, derive from this class, register the cell (CellRegistry) and compare it with
// Keras. minimal_rnn_cell.cc is the shortest example.
//
// Owns its weights. Immutable; safe to share. Step cannot fail. It allocates nothing except the
// buffers that its thread keeps for converted inputs (see Operand).
class Cell {
 public:
  virtual ~Cell() = default;
  // Not copied or moved, because a cell is shared by pointer.
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  const Shape& input_shape() const { return signature_.input; }
  const Shape& output_shape() const { return signature_.output; }
  const std::vector<StateSpec>& states() const { return signature_.states; }
  const std::vector<Shape>& constants() const { return signature_.constants; }
  // Return the number of elements of input_shape() and output_shape().
  int64_t input_size() const { return input_size_; }
  int64_t output_size() const { return output_size_; }

  virtual int64_t num_parameters() const = 0;
  // Returns the number of bytes that the parameters take. Default: their size as float32.
  virtual int64_t parameter_bytes() const { return num_parameters() * int64_t{sizeof(float)}; }

  // Returns how many bytes of weights a step reads in kernels that are large enough to be shared by
  // a Team (kernels/panel_range.h). Default: none.
  virtual int64_t shareable_bytes() const { return 0; }

  // Returns the reason why a run with Keras' training=True would differ from Keras; empty if it
  // would not. A human-readable text that begins with "it". Default: empty.
  virtual std::string no_training_reason() const { return ""; }

  // Returns the number of scratch floats that Step and Prepare need for `batch` columns. Default:
  // none.
  virtual int64_t scratch_size(int64_t batch) const;

  // Writes the initial value of one state for one batch row, as Keras' get_initial_state does.
  // Default: zeros.
  virtual void InitialState(int state_index, absl::Span<float> value) const;

  // Computes the part of a step that depends on the constants only, for the rows of a run. A layer
  // calls it once before the first step of a run. Default: there is no such part, and `prepared`
  // has zero rows.
  virtual int64_t prepared_rows() const { return 0; }
  virtual void Prepare(absl::Span<const ConstColumns> constants, Columns prepared,
                       float* scratch) const;

  // Computes the part of a step that depends on x and the constants only, for any number of columns.
  // A layer with many timesteps at hand passes them to Project together, so that the weights of the
  // inputs are read once for all of them, and then passes the results to Step one by one. The
  // result of a step stays the same to the bit. Not used in training. Default: there is no such
  // part, and a projection has zero rows and needs no scratch.
  virtual int64_t projection_rows() const { return 0; }
  virtual int64_t projection_scratch_size(int64_t columns) const;
  virtual void Project(const CellProjection& project) const;

  // Computes one step of every column. The result for a column is the same to the bit whatever the
  // other columns hold, and whatever the padding after the columns of x, state and constants holds.
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
