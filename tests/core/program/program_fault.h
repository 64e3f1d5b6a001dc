// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_PROGRAM_PROGRAM_FAULT_H_
#define RNNSERVE_TESTS_CORE_PROGRAM_PROGRAM_FAULT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace rnnserve::testing {

// Treats a text as the text of a program, and returns how our code breaks a promise; empty if it
// keeps them all. The text must be refused with a reason. Or else it must be a program that passes
// CheckProgram and is written and read back as the same text. If it is small, the interpreter runs
// it, and so does a compiled program, in which the result of a row must have the same bits in a
// batch and alone. Any names and shapes of weights are right.
std::string ProgramFault(const nlohmann::json& text, bool& is_read);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_PROGRAM_PROGRAM_FAULT_H_
