// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/malloc_counter.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace {

// The counters are plain integers, which exist before any constructor runs, because malloc is
// called that early.
constinit thread_local int64_t thread_allocations = 0;
constinit thread_local int64_t thread_bytes = 0;
constinit std::atomic<int64_t> process_allocations{0};

void CountAllocation(size_t size) {
  ++thread_allocations;
  // Cap the size, so that an impossible request does not make the sum overflow.
  const auto room = static_cast<size_t>(std::numeric_limits<int64_t>::max() - thread_bytes);
  thread_bytes += static_cast<int64_t>(std::min(size, room));
  process_allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

// From <sanitizer/allocator_interface.h>, which GCC does not install.
extern "C" int __sanitizer_install_malloc_and_free_hooks(
    void (*on_malloc)(const volatile void* pointer, size_t size),
    void (*on_free)(const volatile void* pointer));

namespace {

void OnMalloc(const volatile void* /*pointer*/, size_t size) { CountAllocation(size); }
void OnFree(const volatile void* /*pointer*/) {}

[[maybe_unused]] const int num_hooks = __sanitizer_install_malloc_and_free_hooks(OnMalloc, OnFree);

}  // namespace

#else

// A program's own definitions take precedence over those of the C library, which stay reachable
// under these names. They use the same heap, so free() need not be replaced.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* pointer, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  CountAllocation(size);
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  CountAllocation(count * size);
  return __libc_calloc(count, size);
}

void* realloc(void* pointer, size_t size) {
  CountAllocation(size);
  return __libc_realloc(pointer, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  CountAllocation(size);
  return __libc_memalign(alignment, size);
}

void* memalign(size_t alignment, size_t size) {
  CountAllocation(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** pointer, size_t alignment, size_t size) {
  CountAllocation(size);
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

MallocCounter::MallocCounter(Scope scope)
    : scope_(scope), start_(Allocations(scope)), start_bytes_(thread_bytes) {}

int64_t MallocCounter::count() const { return Allocations(scope_) - start_; }

int64_t MallocCounter::thread_bytes_asked() const { return thread_bytes - start_bytes_; }

}  // namespace rnnserve::testing
