// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_RANDOM_PROGRAM_H_
#define RNNSERVE_TESTS_SUPPORT_RANDOM_PROGRAM_H_

#include "core/program/program.h"
#include "core/program/program_interpreter.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {

// A valid program with matching weights.
struct RandomProgram {
  Program program;
  WeightMap weights;
};

// Makes a program that the seed determines, with several inputs, states and constants of all types,
// and about `num_operations` operations or a few times as many. Over some hundred seeds every
// operation occurs with most of its options.
//
// Values stay finite and moderate over any number of steps. Operations that jump, such as floor,
// comparisons, sorting and casts to int32, read only what every correct implementation computes to
// the bit. So two implementations whose functions differ in the last digits agree up to a small
// tolerance.
RandomProgram MakeRandomProgram(unsigned seed, int num_operations = 30);

// Returns random inputs and constants, and the initial states, for one row.
ProgramInterpreter::Row MakeRandomRow(const RandomProgram& random, unsigned seed);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_RANDOM_PROGRAM_H_
