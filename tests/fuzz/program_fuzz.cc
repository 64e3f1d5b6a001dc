// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Step programs: the input is the text of one. It is read, written, planned and stepped.

#include <nlohmann/json.hpp>
#include <string>

#include "core/model/json_reader.h"
#include "core/model/limits.h"
#include "tests/core/program/program_fault.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/json_mutator.h"

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return rnnserve::testing::MutateJson(data, size, max_size, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rnnserve;           // NOLINT(google-build-using-namespace)
  using namespace rnnserve::testing;  // NOLINT(google-build-using-namespace)
  const auto text = ParseJson(TextOf(data, size), kModelJsonBytesMax, "input");
  RequireReason(text.status());
  if (!text.ok()) return 0;
  bool is_read = false;
  const std::string fault = ProgramFault(*text, is_read);
  Require(fault.empty(), fault);
  return 0;
}
