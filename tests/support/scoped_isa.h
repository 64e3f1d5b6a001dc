// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_SCOPED_ISA_H_
#define RNNSERVE_TESTS_SUPPORT_SCOPED_ISA_H_

#include "core/kernels/isa.h"

namespace rnnserve::testing {

// Makes an instruction set the active one in its scope. Used by one thread at a time: the test's.
class ScopedIsa {
 public:
  explicit ScopedIsa(Isa isa) : before_(ActiveIsa()) { SetActiveIsa(isa); }
  ~ScopedIsa() { SetActiveIsa(before_); }
  // Neither copied nor moved: it represents a scope.
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;

 private:
  const Isa before_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_SCOPED_ISA_H_
