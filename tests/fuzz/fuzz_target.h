// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_FUZZ_FUZZ_TARGET_H_
#define RNNSERVE_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/error.h"

// The functions that every target shares with the program that calls it, which is libFuzzer or
// replay_main.cc.
extern "C" {

// Reads one input. Any bytes are valid. Aborts if our code does not treat them as it promises.
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Changes an input of `size` bytes in place and returns its new size, at most `max_size`. The same
// seed makes the same change. A target whose input is a text with a grammar has one of its own.
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed);

// Changes bytes without knowing what they mean. Provided by the caller.
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

}  // extern "C"

namespace rnnserve::testing {

// The longest text of an error. Names in files have limits, so errors have one too.
constexpr size_t kErrorBytesMax = 8192;

// Aborts and prints `fault`, unless `holds`.
inline void Require(bool holds, absl::string_view fault) {
  if (holds) return;
  std::cerr << "fault: " << fault << std::endl;
  std::abort();
}

// Aborts if this is an error that does not have the form that MakeError gives it.
inline void RequireReason(const absl::Status& status) {
  if (status.ok()) return;
  const bool has_form = !ErrorReason(status).empty() && !status.message().empty() &&
                        status.message().size() <= kErrorBytesMax;
  Require(has_form, status.ToString());
}

inline absl::string_view TextOf(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_FUZZ_FUZZ_TARGET_H_
