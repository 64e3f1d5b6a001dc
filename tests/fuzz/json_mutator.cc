// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/json_mutator.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "core/model/json_reader.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/json_damage.h"

namespace rnnserve::testing {

size_t MutateJson(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  JsonDamage damage(seed);
  if (damage.Below(8) == 0) return LLVMFuzzerMutate(data, size, max_size);
  auto text = ParseJson(TextOf(data, size), static_cast<int64_t>(max_size), "input");
  if (!text.ok()) return LLVMFuzzerMutate(data, size, max_size);
  for (size_t changes = 1 + damage.Below(3); changes > 0; --changes) damage.ChangeValue(*text);
  const std::string changed = text->dump();
  if (changed.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(changed.begin(), changed.end(), data);
  return changed.size();
}

}  // namespace rnnserve::testing
