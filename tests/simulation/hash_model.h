// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_HASH_MODEL_H_
#define RNNSERVE_TESTS_SIMULATION_HASH_MODEL_H_

#include <cstdint>
#include <memory>

#include "core/model/model.h"

namespace rnnserve::testing {

// Returns the state after one more timestep. All numbers are integers below 2^16, which floats hold
// exactly. If a step is lost, repeated, swapped or given to another session, all later states
// differ.
uint32_t NextHash(uint32_t state, uint32_t input);

// Returns a model whose cell is NextHash: layer 'hash', one feature, one state 'h' that begins at
// 0, and the new state as output. The model is made once and shared.
std::shared_ptr<const Model> HashModel();

// Returns the same model with two inputs, "a" and "b", and two outputs, "hash" and "twice". A
// timestep of a and b is that of the input a + 2 b, and "twice" is twice the new state.
std::shared_ptr<const Model> HashPairModel();

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_HASH_MODEL_H_
