// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PROCESS_MEMORY_H_
#define RNNSERVE_TESTS_BENCH_PROCESS_MEMORY_H_

#include <cstdint>

namespace rnnserve::testing {

// What this process takes now, in bytes, in three ways to count it.
struct ProcessMemory {
  // Pages that are there, as the kernel counts them.
  int64_t resident = 0;
  // The writable memory of its own that it has asked the kernel for, touched or not.
  int64_t reserved = 0;
  // Blocks of malloc in use with their headers; what was mapped without malloc is not in it.
  int64_t heap = 0;

  static ProcessMemory Now();
};

ProcessMemory operator-(const ProcessMemory& a, const ProcessMemory& b);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PROCESS_MEMORY_H_
