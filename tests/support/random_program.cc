// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/random_program.h"

#include <random>
#include <vector>

#include "tests/support/program_maker.h"

namespace rnnserve::testing {

RandomProgram MakeRandomProgram(unsigned seed, int num_operations) {
  return ProgramMaker(seed).Make(num_operations);
}

ProgramInterpreter::Row MakeRandomRow(const RandomProgram& random, unsigned seed) {
  std::mt19937 generator(seed);
  const Program& program = random.program;
  const auto draw = [&](Program::ValueId id) {
    std::vector<float> values(static_cast<size_t>(*program.values[id].shape.NumElements()));
    for (float& value : values) {
      const ElementType type = program.values[id].type;
      if (type == ElementType::kFloat32) {
        value = std::uniform_real_distribution<float>(-ProgramMaker::kInputBound,
                                                      ProgramMaker::kInputBound)(generator);
      } else {
        const int most = type == ElementType::kBool ? 1 : ProgramMaker::kWholeMax;
        value = static_cast<float>(std::uniform_int_distribution<int>(0, most)(generator));
      }
    }
    return values;
  };
  ProgramInterpreter::Row row;
  for (const Program::ValueId id : program.inputs) row.inputs.push_back(draw(id));
  for (const Program::ValueId id : program.constants) row.constants.push_back(draw(id));
  for (const Program::State& state : program.states) {
    const Shape& shape = program.values[state.value].shape;
    row.states.emplace_back(static_cast<size_t>(*shape.NumElements()));
    if (!state.initial.empty()) row.states.back() = random.weights.values(state.initial);
  }
  return row;
}

}  // namespace rnnserve::testing
