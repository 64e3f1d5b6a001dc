// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_HASH_MODEL_H_
#define RNNSERVE_TESTS_SIMULATION_HASH_MODEL_H_

#include <cstdint>
#include <memory>

#include "core/model/model.h"

namespace rnnserve::testing {

// The state after one more timestep. All numbers are integers below 2^16, so that floats hold them
// exactly, and a step that was lost, repeated, exchanged or given to another session gives other
// numbers from then on.
uint32_t NextHash(uint32_t state, uint32_t input);

// A model whose cell is NextHash: layer 'hash', one feature, one state 'h' that begins with 0, and
// the new state as output. Made once, and shared.
std::shared_ptr<const Model> HashModel();

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_HASH_MODEL_H_
