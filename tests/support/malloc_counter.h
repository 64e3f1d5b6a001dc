// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_MALLOC_COUNTER_H_
#define RNNSERVE_TESTS_SUPPORT_MALLOC_COUNTER_H_

#include <cstdint>

namespace rnnserve::testing {

// Counts heap allocations from its construction on, to prove that a piece of code makes none:
//
//   MallocCounter allocations;
//   cell->Step(step);
//   EXPECT_EQ(allocations.count(), 0);
//
// malloc and everything built on it counts: new, aligned new, calloc, realloc, memalign. Linking
// the library replaces malloc for the whole program; under AddressSanitizer and ThreadSanitizer it
// asks the sanitizer instead, and ThreadSanitizer does not tell of memalign and its kin. Owns
// nothing. Thread-compatible.
class MallocCounter {
 public:
  enum class Scope {
    kThisThread,  // allocations of the thread that asks
    kProcess,     // allocations of every thread, for work that runs elsewhere
  };

  explicit MallocCounter(Scope scope = Scope::kThisThread);

  // Allocations since the construction. With kThisThread: REQUIRES the thread that constructed it.
  int64_t count() const;

  // The bytes that this thread asked for since the construction, freed or not, whatever the scope.
  // REQUIRES the thread that constructed it.
  int64_t thread_bytes_asked() const;

 private:
  const Scope scope_;
  const int64_t start_;
  const int64_t start_bytes_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_MALLOC_COUNTER_H_
