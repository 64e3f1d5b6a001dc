// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PROCESS_MEMORY_H_
#define RNNSERVE_TESTS_BENCH_PROCESS_MEMORY_H_

#include <cstdint>

namespace rnnserve::testing {

// The memory that this process is using now, in bytes, counted in three ways.
struct ProcessMemory {
  // Resident pages, as counted by the kernel.
  int64_t resident = 0;
  // The private writable memory that the process has asked the kernel for, touched or not.
  int64_t reserved = 0;
  // The malloc blocks in use, including their headers. Memory mapped without malloc does not count.
  int64_t heap = 0;

  static ProcessMemory Now();
};

ProcessMemory operator-(const ProcessMemory& a, const ProcessMemory& b);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PROCESS_MEMORY_H_
