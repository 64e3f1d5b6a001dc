// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_SLICED_PROGRAM_H_
#define RNNSERVE_CORE_CELLS_SLICED_PROGRAM_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/weight_source.h"
#include "core/kernels/columns.h"
#include "core/program/compiled_program.h"

namespace rnnserve {

// A compiled program that runs on any number of columns in bounded scratch memory: a few columns
// after the others, if all of them at once would take too much. The bits are the same, because no
// column's result depends on its neighbours.
//
// Owns the program. Immutable; safe to share. The functions after Create cannot fail. They have the
// arguments of the functions of CompiledProgram of the same names, and allocate no more than these.
class SlicedProgram {
 public:
  // Errors: those of CompiledProgram::Create. REQUIRES: see there.
  static absl::StatusOr<SlicedProgram> Create(Program program, WeightSource& weights);

  const CompiledProgram& compiled() const { return *compiled_; }

  // Returns the scratch floats that any of the functions below needs for `columns` columns. It is at
  // most kScratchFloats, or what one column needs if that is more.
  int64_t scratch_size(int64_t columns) const;

  void Prepare(absl::Span<const ConstColumns> constants, Columns prepared, float* scratch) const;

  // The projection is left out, with zero rows, if projecting many timesteps would need too much
  // memory.
  int64_t projection_rows() const { return projection_rows_; }
  void Project(absl::Span<const ConstColumns> inputs, absl::Span<const ConstColumns> constants,
               ConstColumns prepared, Columns projection, float* scratch) const;

  void Step(const CompiledProgram::Arguments& step) const;

 private:
  // A slice of 64 columns is enough work for each weight that is read. The values of a program with
  // 16 Ki floats for a row take 4 MiB then, which stays in the second level of cache and beyond
  // which a slice has fewer columns.
  static constexpr int64_t kMaxColumns = 64;
  static constexpr int64_t kScratchFloats = int64_t{1} << 20;
  // A layer projects up to 8 * 24 columns at once, so this is at most 48 MiB.
  static constexpr int64_t kMaxProjectionRows = int64_t{1} << 16;

  explicit SlicedProgram(std::unique_ptr<const CompiledProgram> compiled);

  std::unique_ptr<const CompiledProgram> compiled_;
  int64_t slice_ = 1;  // the largest number of columns of a slice
  int64_t projection_rows_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_SLICED_PROGRAM_H_
