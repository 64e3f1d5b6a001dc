// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_VECTOR_CELL_H_
#define RNNSERVE_CORE_CELLS_VECTOR_CELL_H_

#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/cells/cell.h"
#include "core/cells/cell_dropout.h"
#include "core/cells/keras_cell_options.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// The common part of SimpleRnnCell, LstmCell and GruCell: a vector x, a kernel K, a recurrent
// kernel R, a bias b and dropout. Each of the three adds its equations in two forms:
//
//   FusedStep     one pass over the weights with the kernels of core/kernels: the usual case
//   StepByGates   products first, then one gate after the other: with dropout, with an activation
//                 that has no vector form, or with Isa kPortable
//
// Owns the weights. Immutable; safe to share.
class VectorCell : public Cell {
 public:
  int64_t num_parameters() const override { return num_parameters_; }
  int64_t parameter_bytes() const override;
  int64_t shareable_bytes() const override;
  // The projection is x K + b.
  int64_t projection_rows() const override { return kernel_.output_rows(); }
  void Project(const CellProjection& project) const override;
  void Step(const CellStep& step) const final;

 protected:
  // The parts that differ between the three cells.
  struct Parts {
    std::vector<StateSpec> states;
    Matrix recurrent_kernel;  // [units, gates * units], or only the gates that are multiplied by h
    AlignedBuffer bias;       // from PackBias
  };

  VectorCell(const KerasCellOptions& options, const KerasCellWeights& weights, Parts parts);

  // Computes a step in one pass. REQUIRES: HasFusedStep(), and no dropout acts in this run.
  virtual void FusedStep(const CellStep& step) const = 0;
  virtual void StepByGates(const CellStep& step) const = 0;

  // Returns whether the fused kernels support both activations under the active Isa.
  bool HasFusedStep() const;
  // Returns the bias that the sums of a fused step start with.
  virtual const AlignedBuffer& fused_bias() const { return bias_; }
  // Returns the values that the sums of a fused step start with: the projection if the caller has
  // made it, else the bias for every column. FusedInput returns the x that is left to multiply:
  // none after a projection.
  ConstColumns FusedStart(const CellStep& step) const;
  static ConstColumns FusedInput(const CellStep& step);

  // Sets `gates`, [kernel_.output_rows(), batch], to the projection, or to x K + b with dropout.
  void StartGates(const CellStep& step, float* scratch, Columns gates) const;
  // Returns the number of scratch floats that the dropouts need.
  int64_t dropout_scratch_size(int64_t batch) const;

  const CellDropouts dropouts_;
  const Activation activation_;
  const Activation recurrent_activation_;
  const Matrix kernel_;
  const Matrix recurrent_kernel_;
  const AlignedBuffer bias_;

 private:
  const int64_t num_parameters_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_VECTOR_CELL_H_
