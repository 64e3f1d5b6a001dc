// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/process_memory.h"

#include <malloc.h>

#include <fstream>
#include <string>

namespace rnnserve::testing {
namespace {

// Returns the value of a line of /proc/self/status such as "VmRSS:     1234 kB".
int64_t BytesOfStatus(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != name + ":") continue;
    int64_t kibibytes = 0;
    status >> kibibytes;
    return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

ProcessMemory ProcessMemory::Now() {
  const struct mallinfo2 heap = mallinfo2();
  return {BytesOfStatus("VmRSS"), BytesOfStatus("VmData"),
          static_cast<int64_t>(heap.uordblks + heap.hblkhd)};
}

ProcessMemory operator-(const ProcessMemory& a, const ProcessMemory& b) {
  return {a.resident - b.resident, a.reserved - b.reserved, a.heap - b.heap};
}

}  // namespace rnnserve::testing
