// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests damaged programs in bulk: random changes to the texts of random programs, in their values
// and in their characters. Every one must be refused with a reason, or be a program that the writer
// could have written and that runs (program_fault.h). Memory errors that these provoke show only
// under AddressSanitizer, overflows only under UBSan.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/program/read_program.h"
#include "tests/core/program/program_fault.h"
#include "tests/support/json_damage.h"
#include "tests/support/random_program.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

TEST(ProgramDamageTest, ChangedValuesAreRefusedOrRun) {
  int num_read = 0;
  int num_refused = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    const Json good = WriteProgram(MakeRandomProgram(seed, 12).program);
    JsonDamage damage(seed);
    for (int i = 0; i < 60; ++i) {
      Json text = good;
      for (size_t changes = 1 + damage.Below(2); changes > 0; --changes) damage.ChangeValue(text);
      bool is_read = false;
      ASSERT_EQ(ProgramFault(text, is_read), "") << "seed " << seed << ": " << text.dump();
      ++(is_read ? num_read : num_refused);
    }
  }

  // Both kinds are there, so both are tested.
  EXPECT_GT(num_read, 200);
  EXPECT_GT(num_refused, 1000);
}

TEST(ProgramDamageTest, ChangedCharactersAreRefusedOrRun) {
  int num_parsed = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    const std::string good = WriteProgram(MakeRandomProgram(seed, 6).program).dump();
    JsonDamage damage(seed);
    for (int i = 0; i < 100; ++i) {
      std::string text = good;
      damage.ChangeCharacter(text);
      const Json parsed = Json::parse(text, nullptr, false);
      if (parsed.is_discarded()) continue;
      ++num_parsed;
      bool is_read = false;
      ASSERT_EQ(ProgramFault(parsed, is_read), "") << "seed " << seed << ": " << text;
    }
  }

  EXPECT_GT(num_parsed, 500);
}

}  // namespace
}  // namespace rnnserve::testing
