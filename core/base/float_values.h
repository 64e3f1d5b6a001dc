// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_FLOAT_VALUES_H_
#define RNNSERVE_CORE_BASE_FLOAT_VALUES_H_

#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace rnnserve {

// An allocator that leaves default-constructed elements uninitialized.
template <typename T>
struct NoValueAllocator : std::allocator<T> {
  using std::allocator<T>::allocator;

  template <typename U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* place, Arguments&&... arguments) {
    ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
  }
};

// A vector for results that are written in full before anyone reads them. resize(n) leaves new
// elements uninitialized and does not touch their memory; resize(n, 0) sets them to zero.
using FloatValues = std::vector<float, NoValueAllocator<float>>;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_FLOAT_VALUES_H_
