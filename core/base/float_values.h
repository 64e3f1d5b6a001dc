// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_FLOAT_VALUES_H_
#define RNNSERVE_CORE_BASE_FLOAT_VALUES_H_

#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace rnnserve {

// Makes what is constructed without arguments without a value.
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

// A vector for results, which are written in full before anybody reads them: resize(n) leaves new
// values as the memory had them, and does not touch it. resize(n, 0) does.
using FloatValues = std::vector<float, NoValueAllocator<float>>;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_FLOAT_VALUES_H_
