// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_PROGRAM_H_
#define RNNSERVE_CORE_PROGRAM_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/base/shape.h"
#include "core/program/operation.h"

namespace rnnserve {

// A step program: one timestep of a recurrence for one batch row, written as a list of operations,
//
//   (inputs, states, constants, weights) -> (outputs, next states)
//
// There is no batch axis, so rows cannot mix. Every value is written once, before it is read, and
// its shape is known at load; there are no loops and no branches, so the work of a step is known
// before the first one. PROGRAMS.md has the text form and the meaning of every operation.
//
// Elementwise operations broadcast their operands as NumPy does. Values are dense and row-major.
//
// A value type. Thread-compatible.
struct Program {
  // Anything that an operation can read. All names are different.
  struct Value {
    std::string name;
    ElementType type = ElementType::kFloat32;
    Shape shape;  // of one row, without a batch axis
  };
  using ValueId = size_t;  // index into `values`

  struct Operation {
    OpCode code = OpCode::kAdd;
    std::vector<ValueId> operands;
    std::vector<ValueId> results;  // one; kTopK has two, kSort as many as operands
    Attributes attributes;
  };

  // Data that the file of the program holds itself, such as a table of indices.
  struct Literal {
    ValueId value = 0;
    // Row-major. The first kind if the type of the value is kFloat32, else the second.
    std::variant<std::vector<float>, std::vector<int32_t>> elements;
  };

  struct State {
    ValueId value = 0;    // the state before the step
    ValueId next = 0;     // the state after it; of the same shape and type
    std::string initial;  // the weight that holds the initial state; empty: zeros
  };

  struct Output {
    std::string name;
    ValueId value = 0;
  };

  std::vector<Value> values;
  std::vector<ValueId> inputs;     // at least one; their names are those of the values
  std::vector<State> states;       // the names are those of `State::value`
  std::vector<ValueId> constants;  // inputs that are the same at every timestep of a run
  std::vector<ValueId> weights;    // float32, in the bundle's weight file
  std::vector<Literal> literals;
  std::vector<Operation> operations;  // each after those whose results it reads
  std::vector<Output> outputs;        // at least one
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_PROGRAM_H_
