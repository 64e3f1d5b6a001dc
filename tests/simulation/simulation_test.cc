// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

//
// Runs many simulations of durable sessions with faults, each determined by its seed. See
// Simulation for what happens and Oracle for what is checked. simulate_seed runs a failing seed
// again and logs every event.

#include "tests/simulation/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace rnnserve::testing {
namespace {

// The number of seeds that one core runs in a minute. Sanitizers are some ten to forty times
// slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr uint64_t kNumSeeds = 500;
#else
constexpr uint64_t kNumSeeds = 20'000;
#endif

std::string Command(uint64_t seed) { return absl::StrCat("simulate_seed ", seed); }

TEST(SimulationTest, NoSeedBreaksAPromise) {
  int num_breaches = 0;
  int64_t num_replies = 0;
  for (uint64_t seed = 1; seed <= kNumSeeds && num_breaches < 5; ++seed) {
    const Simulation::Result result = Simulation::Run(seed, false);
    num_replies += result.num_replies;
    if (result.breach.empty()) continue;
    ++num_breaches;
    ADD_FAILURE() << result.breach << "\n  to see it: " << Command(seed);
  }
  // With fewer replies, the simulations would have tested nothing.
  EXPECT_GT(num_replies, static_cast<int64_t>(kNumSeeds) * 5);
}

class SeedTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SeedTest, GivesTheSameEventsAgain) {
  const Simulation::Result first = Simulation::Run(GetParam(), true);
  const Simulation::Result second = Simulation::Run(GetParam(), true);

  EXPECT_GT(first.num_events, 10) << Command(GetParam());
  EXPECT_EQ(first.log, second.log) << Command(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Seeds, SeedTest, ::testing::Range<uint64_t>(1, 41));

}  // namespace
}  // namespace rnnserve::testing
