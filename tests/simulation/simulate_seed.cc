// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

//
// Logs every event of one seed, or runs many seeds and prints those that break a promise.
//
//   simulate_seed SEED            prints every event, and the breach if there is one
//   simulate_seed FIRST COUNT     runs COUNT seeds from FIRST on, until ten have broken a promise

#include <cstdint>
#include <iostream>
#include <string>

#include "tests/simulation/simulation.h"

int main(int argc, char** argv) {
  using rnnserve::testing::Simulation;
  if (argc != 2 && argc != 3) {
    std::cerr << "usage: simulate_seed SEED | simulate_seed FIRST COUNT\n";
    return 2;
  }
  const uint64_t first = std::stoull(argv[1]);
  const bool is_one = argc == 2;
  const uint64_t count = is_one ? 1 : std::stoull(argv[2]);
  uint64_t num_breaches = 0;
  for (uint64_t seed = first; seed < first + count && num_breaches < 10; ++seed) {
    const Simulation::Result result = Simulation::Run(seed, is_one);
    std::cout << result.log;
    if (result.breach.empty()) continue;
    ++num_breaches;
    std::cout << "seed " << seed << ": " << result.breach << std::endl;
  }
  if (num_breaches == 0) std::cout << count << " seeds, no breach" << std::endl;
  return num_breaches == 0 ? 0 : 1;
}
