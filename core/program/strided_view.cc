// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/strided_view.h"

#include <algorithm>
#include <cassert>

namespace rnnserve {

StridedView StridedView::Dense(absl::Span<const int64_t> extents, int64_t offset) {
  StridedView view{offset, {extents.begin(), extents.end()}, {}};
  view.strides.resize(extents.size());
  int64_t stride = 1;
  for (size_t i = extents.size(); i-- > 0;) {
    view.strides[i] = stride;
    stride *= extents[i];
  }
  return view;
}

int64_t StridedView::size() const {
  int64_t size = 1;
  for (const int64_t extent : extents) size *= extent;
  return size;
}

bool StridedView::IsDense() const {
  int64_t stride = 1;
  for (size_t i = extents.size(); i-- > 0;) {
    if (extents[i] != 1 && strides[i] != stride) return false;
    stride *= extents[i];
  }
  return true;
}

StridedView StridedView::Transposed(absl::Span<const int64_t> perm) const {
  StridedView view{offset, {}, {}};
  for (const int64_t axis : perm) {
    view.extents.push_back(extents[static_cast<size_t>(axis)]);
    view.strides.push_back(strides[static_cast<size_t>(axis)]);
  }
  return view;
}

StridedView StridedView::Sliced(absl::Span<const Attributes::Slice> slices) const {
  StridedView view = *this;
  for (size_t i = 0; i < slices.size(); ++i) {
    const auto& [start, limit, step] = slices[i];
    const int64_t span = step > 0 ? limit - start : start - limit;
    const int64_t distance = step > 0 ? step : -step;
    view.extents[i] = std::max<int64_t>(0, (span + distance - 1) / distance);
    view.offset += start * strides[i];
    view.strides[i] = strides[i] * step;
  }
  return view;
}

StridedView StridedView::Broadcast(absl::Span<const int64_t> to) const {
  StridedView view{offset, {to.begin(), to.end()}, std::vector<int64_t>(to.size(), 0)};
  const size_t added = to.size() - extents.size();
  for (size_t i = 0; i < extents.size(); ++i) {
    view.strides[added + i] = extents[i] == 1 ? 0 : strides[i];
  }
  return view;
}

std::optional<StridedView> StridedView::Reshaped(absl::Span<const int64_t> to) const {
  StridedView view{offset, {to.begin(), to.end()}, std::vector<int64_t>(to.size(), 0)};
  if (size() == 0) return Dense(to, offset);
  size_t from = 0;
  size_t i = 0;
  // Matches the shortest groups of axes that have the same number of elements.
  while (from < extents.size() || i < to.size()) {
    const size_t first_from = from;
    const size_t first = i;
    int64_t from_size = from < extents.size() ? extents[from++] : 1;
    int64_t to_size = i < to.size() ? to[i++] : 1;
    while (from_size != to_size) {
      if (from_size < to_size) {
        from_size *= extents[from++];
      } else {
        to_size *= to[i++];
      }
    }
    int64_t stride = 0;
    int64_t next = 0;
    for (size_t axis = from; axis-- > first_from;) {
      if (extents[axis] == 1) continue;
      if (stride == 0 && next == 0) {
        stride = strides[axis];
        next = stride * extents[axis];
        if (stride == 0) next = -1;
        continue;
      }
      if (next == -1 ? strides[axis] != 0 : strides[axis] != next) return std::nullopt;
      if (next != -1) next *= extents[axis];
    }
    for (size_t axis = i; axis-- > first;) {
      view.strides[axis] = to[axis] == 1 ? 0 : stride;
      stride *= to[axis];
    }
  }
  return view;
}

LoopNest::LoopNest(absl::Span<const StridedView> views, Order order) : strides(views.size()) {
  const std::vector<int64_t>& all = views[0].extents;
  std::vector<size_t> axes(all.size());
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = i;
  if (order == Order::kOfMemory) {
    const std::vector<int64_t>& steps = views[0].strides;
    std::stable_sort(axes.begin(), axes.end(),
                     [&](size_t a, size_t b) { return std::abs(steps[a]) > std::abs(steps[b]); });
  }
  for (const size_t i : axes) {
    if (all[i] == 1) continue;
    bool joins = !extents.empty();
    for (size_t v = 0; v < views.size(); ++v) {
      assert(views[v].extents == all);
      joins = joins && strides[v].back() == views[v].strides[i] * all[i];
    }
    if (joins) {
      extents.back() *= all[i];
    } else {
      extents.push_back(all[i]);
    }
    for (size_t v = 0; v < views.size(); ++v) {
      if (joins) {
        strides[v].back() = views[v].strides[i];
      } else {
        strides[v].push_back(views[v].strides[i]);
      }
    }
  }
  if (!extents.empty()) return;
  extents.push_back(1);
  for (auto& of_view : strides) of_view.push_back(1);
}

}  // namespace rnnserve
