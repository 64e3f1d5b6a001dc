// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_FUZZ_JSON_MUTATOR_H_
#define RNNSERVE_TESTS_FUZZ_JSON_MUTATOR_H_

#include <cstddef>
#include <cstdint>

namespace rnnserve::testing {

// Changes some values of a JSON text, or some of its bytes. See LLVMFuzzerCustomMutator.
size_t MutateJson(uint8_t* data, size_t size, size_t max_size, unsigned seed);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_FUZZ_JSON_MUTATOR_H_
