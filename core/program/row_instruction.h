// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_ROW_INSTRUCTION_H_
#define RNNSERVE_CORE_PROGRAM_ROW_INSTRUCTION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace rnnserve {

// A memory that instructions read or write, while a plan is made: an index into the plan's list of
// storages, whose places are chosen last.
using StorageId = int;

// The places of some rows of a batch: base i of row r is at memory[i] + r * strides[i].
struct RowTile {
  float** memory;
  const int64_t* strides;
  size_t num_bases;
  int64_t num_rows;

  // Moves the places on by `rows` rows, which may be negative.
  void Advance(int64_t rows) const {
    for (size_t i = 0; i < num_bases; ++i) memory[i] += rows * strides[i];
  }
};

// One instruction of a compiled program, for one row of a batch. Immutable after planning; safe to
// share. Run and RunRows allocate nothing.
class RowInstruction {
 public:
  // A use of a memory. Its place is memory[base] + offset.
  struct Access {
    StorageId storage = 0;
    int64_t offset = 0;
    bool is_written = false;
    int base = 0;
  };

  virtual ~RowInstruction() = default;
  RowInstruction(const RowInstruction&) = delete;
  RowInstruction& operator=(const RowInstruction&) = delete;

  // `memory` holds the base addresses of one row.
  virtual void Run(float* const* memory) const = 0;

  // Runs for all rows of a tile, with the same results as Run for each of them. Leaves the places
  // as they were.
  virtual void RunRows(const RowTile& rows) const {
    for (int64_t r = 0; r < rows.num_rows; ++r) {
      Run(rows.memory);
      rows.Advance(1);
    }
    rows.Advance(-rows.num_rows);
  }

  // Returns whether the result may be in the memory of the operand of that access, because each
  // element of it is read before the element of the result in its place is written.
  virtual bool CanReplace(size_t /*access*/) const { return false; }

  // The first access is that of the result.
  absl::Span<Access> accesses() { return absl::MakeSpan(accesses_); }

 protected:
  explicit RowInstruction(std::vector<Access> accesses) : accesses_(std::move(accesses)) {}

  float* At(float* const* memory, size_t access) const {
    return memory[accesses_[access].base] + accesses_[access].offset;
  }
  // Returns the floats from the place of an access in one row to that in the next.
  int64_t RowStride(const RowTile& rows, size_t access) const {
    return rows.strides[accesses_[access].base];
  }
  size_t num_accesses() const { return accesses_.size(); }

 private:
  std::vector<Access> accesses_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_ROW_INSTRUCTION_H_
