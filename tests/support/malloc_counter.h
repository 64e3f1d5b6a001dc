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
// It counts malloc and everything built on it: new, aligned new, calloc, realloc, memalign. Linking
// the library replaces malloc for the whole program. Under AddressSanitizer and ThreadSanitizer it
// asks the sanitizer instead, and ThreadSanitizer does not report memalign and its variants. Owns
// nothing. Thread-compatible.
class MallocCounter {
 public:
  enum class Scope {
    kThisThread,  // allocations of the calling thread
    kProcess,     // allocations of every thread, for work that runs on other threads
  };

  explicit MallocCounter(Scope scope = Scope::kThisThread);

  // Returns the number of allocations since construction. REQUIRES, with kThisThread: the
  // calling thread constructed it.
  int64_t count() const;

  // Returns the bytes that this thread asked for since construction, freed or not, whatever the
  // scope. REQUIRES: the calling thread constructed it.
  int64_t thread_bytes_asked() const;

 private:
  const Scope scope_;
  const int64_t start_;
  const int64_t start_bytes_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_MALLOC_COUNTER_H_
