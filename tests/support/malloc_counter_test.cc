// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/malloc_counter.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdlib>
#include <new>
#include <thread>

// Tests that MallocCounter counts every way to allocate, because a counter that misses one would
// prove nothing.

namespace rnnserve::testing {
namespace {

struct alignas(64) CacheLine {
  char bytes[64];
};

// Keeps the compiler from optimising the allocation away.
template <typename T>
T* Escape(T* pointer) {
  asm volatile("" : : "g"(pointer) : "memory");
  return pointer;
}

TEST(MallocCounterTest, CountsNothingWhereNothingIsAllocated) {
  MallocCounter allocations;

  int on_the_stack[100];
  Escape(on_the_stack);

  EXPECT_EQ(allocations.count(), 0);
}

TEST(MallocCounterTest, CountsNewAndAlignedNew) {
  MallocCounter allocations;

  delete Escape(new int);
  EXPECT_EQ(allocations.count(), 1);
  delete Escape(new CacheLine);
  EXPECT_EQ(allocations.count(), 2);
}

TEST(MallocCounterTest, CountsTheMallocFamily) {
  MallocCounter allocations;

  void* memory = Escape(malloc(10));
  EXPECT_EQ(allocations.count(), 1);
  memory = Escape(realloc(memory, 100000));
  EXPECT_EQ(allocations.count(), 2);
  free(memory);
  free(Escape(calloc(10, 10)));
  EXPECT_EQ(allocations.count(), 3);
}

TEST(MallocCounterTest, AddsUpTheBytesThatWereAskedFor) {
  MallocCounter allocations;

  free(Escape(malloc(1000)));
  EXPECT_EQ(allocations.thread_bytes_asked(), 1000);
  delete Escape(new CacheLine);
  EXPECT_EQ(allocations.thread_bytes_asked(), 1064);
  free(Escape(calloc(10, 20)));
  EXPECT_EQ(allocations.thread_bytes_asked(), 1264);
}

#ifndef __SANITIZE_THREAD__
TEST(MallocCounterTest, CountsAlignedAllocation) {
  MallocCounter allocations;

  free(Escape(aligned_alloc(64, 128)));
  EXPECT_EQ(allocations.count(), 1);
  free(Escape(memalign(64, 128)));
  EXPECT_EQ(allocations.count(), 2);
  void* memory = nullptr;
  ASSERT_EQ(posix_memalign(&memory, 64, 128), 0);
  free(Escape(memory));
  EXPECT_EQ(allocations.count(), 3);
}
#endif

TEST(MallocCounterTest, SeesOtherThreadsOnlyIfAsked) {
  std::thread other;
  MallocCounter process(MallocCounter::Scope::kProcess);

  int64_t seen_by_other = 0;
  other = std::thread([&seen_by_other] {
    MallocCounter allocations;
    for (int i = 0; i < 1000; ++i) delete Escape(new int);
    seen_by_other = allocations.count();
  });
  MallocCounter this_thread;
  other.join();

  EXPECT_EQ(seen_by_other, 1000);
  EXPECT_EQ(this_thread.count(), 0);
  EXPECT_GE(process.count(), 1000);
}

}  // namespace
}  // namespace rnnserve::testing
