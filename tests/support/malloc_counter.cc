// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/malloc_counter.h"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace {

// Plain integers that exist before any constructor runs: malloc is called that early.
constinit thread_local int64_t thread_allocations = 0;
constinit std::atomic<int64_t> process_allocations{0};

void CountAllocation() {
  ++thread_allocations;
  process_allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

// From <sanitizer/allocator_interface.h>, which GCC does not install.
extern "C" int __sanitizer_install_malloc_and_free_hooks(
    void (*on_malloc)(const volatile void* pointer, size_t size),
    void (*on_free)(const volatile void* pointer));

namespace {

void OnMalloc(const volatile void* /*pointer*/, size_t /*size*/) { CountAllocation(); }
void OnFree(const volatile void* /*pointer*/) {}

[[maybe_unused]] const int num_hooks = __sanitizer_install_malloc_and_free_hooks(OnMalloc, OnFree);

}  // namespace

#else

// A program's own definitions win over those of the C library, which stay reachable under these
// names. All of them come from the same heap, so free() need not be replaced.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* pointer, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  CountAllocation();
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  CountAllocation();
  return __libc_calloc(count, size);
}

void* realloc(void* pointer, size_t size) {
  CountAllocation();
  return __libc_realloc(pointer, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  CountAllocation();
  return __libc_memalign(alignment, size);
}

void* memalign(size_t alignment, size_t size) {
  CountAllocation();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** pointer, size_t alignment, size_t size) {
  CountAllocation();
  *pointer = __libc_memalign(alignment, size);
  return *pointer == nullptr ? ENOMEM : 0;
}
}  // extern "C"

#endif

namespace rnnserve::testing {
namespace {

int64_t Allocations(MallocCounter::Scope scope) {
  return scope == MallocCounter::Scope::kThisThread
             ? thread_allocations
             : process_allocations.load(std::memory_order_relaxed);
}

}  // namespace

MallocCounter::MallocCounter(Scope scope) : scope_(scope), start_(Allocations(scope)) {}

int64_t MallocCounter::count() const { return Allocations(scope_) - start_; }

}  // namespace rnnserve::testing
