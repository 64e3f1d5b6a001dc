// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Products, convolutions and pools. Every sum begins with 0 and runs over the elements in ascending
// order, with one rounding for a product and one for a sum.

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "core/program/dot_equation.h"
#include "core/program/interpret.h"

namespace rnnserve {
namespace {

using Elements = ProgramInterpreter::Elements;

// Returns the indices of an operand whose axes have these letters, from those of the result and of
// the sum.
std::vector<int64_t> IndicesOf(const std::string& letters, const DotEquation& equation,
                               const Position& result, const Position& summed) {
  std::vector<int64_t> indices;
  for (const char letter : letters) {
    const size_t in_result = equation.result.find(letter);
    indices.push_back(in_result != std::string::npos ? result[in_result]
                                                     : summed[equation.summed.find(letter)]);
  }
  return indices;
}

Shape SummedShape(const DotEquation& equation, const Shape& a) {
  std::vector<int64_t> extents;
  for (const char letter : equation.summed) {
    extents.push_back(a[static_cast<int>(equation.a.find(letter))]);
  }
  return Shape(extents);
}

// Convolutions and pools work on two spatial axes; one is taken as the second of two.
struct Plane {
  int64_t height = 1;
  int64_t width = 1;

  static Plane Of(const Shape& shape, int first_axis) {
    if (shape.rank() == first_axis + 1) return {1, shape[first_axis]};
    return {shape[first_axis], shape[first_axis + 1]};
  }
};

// A window along one spatial axis.
struct Along {
  int64_t size = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t low = 0;

  // Returns the element under tap `tap` of the window that makes element `i`.
  int64_t Source(int64_t i, int64_t tap) const { return i * stride - low + tap * dilation; }
};

struct Window {
  Along vertical;
  Along horizontal;

  Window(const Attributes::Window& window, const std::vector<int64_t>& size) {
    const size_t last = size.size() - 1;
    horizontal = {size[last], window.strides[last], window.dilations[last], window.pads[last].low};
    if (last == 1) vertical = {size[0], window.strides[0], window.dilations[0], window.pads[0].low};
  }
};

bool IsInside(int64_t y, int64_t x, const Plane& plane) {
  return y >= 0 && x >= 0 && y < plane.height && x < plane.width;
}

size_t At(int64_t channel, int64_t y, int64_t x, const Plane& plane) {
  return static_cast<size_t>((channel * plane.height + y) * plane.width + x);
}

std::vector<int64_t> KernelSize(const Shape& kernel) {
  return {kernel.extents().begin() + 2, kernel.extents().end()};
}

float ElementAt(const Interpretation& at, size_t operand, size_t offset) {
  return AsFloat((*at.operands[operand])[offset]);
}

// Returns one element of a convolution.
float ConvolveAt(const Interpretation& at, const Window& window, int64_t out, int64_t y,
                 int64_t x) {
  const Plane plane = Plane::Of(at.operand(0).shape, 1);
  const int64_t channels = at.operand(1).shape[1];
  const int64_t group = out / (at.operand(1).shape[0] / at.attributes().window.groups);
  float sum = 0.0f;
  size_t weight =
      static_cast<size_t>(out * channels * window.vertical.size * window.horizontal.size);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t v = 0; v < window.vertical.size; ++v) {
      for (int64_t h = 0; h < window.horizontal.size; ++h, ++weight) {
        const int64_t from_y = window.vertical.Source(y, v);
        const int64_t from_x = window.horizontal.Source(x, h);
        if (!IsInside(from_y, from_x, plane)) continue;
        sum += ElementAt(at, 0, At(group * channels + c, from_y, from_x, plane)) *
               ElementAt(at, 1, weight);
      }
    }
  }
  return sum;
}

Elements Convolve(const Interpretation& at) {
  const Window window(at.attributes().window, KernelSize(at.operand(1).shape));
  const Plane plane = Plane::Of(at.result().shape, 1);
  Elements result;
  for (int64_t out = 0; out < at.result().shape[0]; ++out) {
    for (int64_t y = 0; y < plane.height; ++y) {
      for (int64_t x = 0; x < plane.width; ++x) {
        result.push_back(FromFloat(ConvolveAt(at, window, out, y, x)));
      }
    }
  }
  return result;
}

// Returns the input element whose window has the result's element `i` under its tap `tap`, or -1.
int64_t TransposedSource(const Along& along, int64_t i, int64_t tap) {
  const int64_t distance = i + along.low - tap * along.dilation;
  return distance >= 0 && distance % along.stride == 0 ? distance / along.stride : -1;
}

// Returns one element of a transposed convolution: the sum over all input elements whose windows
// cover it.
float ConvolveTransposedAt(const Interpretation& at, const Window& window, int64_t out, int64_t y,
                           int64_t x) {
  const Plane plane = Plane::Of(at.operand(0).shape, 1);
  const Plane taps = Plane::Of(at.operand(1).shape, 2);
  const int64_t outs = at.operand(1).shape[1];
  const int64_t channels = at.operand(0).shape[0] / at.attributes().window.groups;
  const int64_t group = out / outs;
  float sum = 0.0f;
  for (int64_t c = group * channels; c < (group + 1) * channels; ++c) {
    for (int64_t v = 0; v < taps.height; ++v) {
      for (int64_t h = 0; h < taps.width; ++h) {
        const int64_t from_y = TransposedSource(window.vertical, y, v);
        const int64_t from_x = TransposedSource(window.horizontal, x, h);
        if (!IsInside(from_y, from_x, plane)) continue;
        sum += ElementAt(at, 0, At(c, from_y, from_x, plane)) *
               ElementAt(at, 1, At(c * outs + out % outs, v, h, taps));
      }
    }
  }
  return sum;
}

Elements ConvolveTransposed(const Interpretation& at) {
  const Window window(at.attributes().window, KernelSize(at.operand(1).shape));
  const Plane plane = Plane::Of(at.result().shape, 1);
  Elements result;
  for (int64_t out = 0; out < at.result().shape[0]; ++out) {
    for (int64_t y = 0; y < plane.height; ++y) {
      for (int64_t x = 0; x < plane.width; ++x) {
        result.push_back(FromFloat(ConvolveTransposedAt(at, window, out, y, x)));
      }
    }
  }
  return result;
}

// Returns one element of a pool.
float PoolAt(const Interpretation& at, const Window& window, int64_t channel, int64_t y,
             int64_t x) {
  const Plane plane = Plane::Of(at.operand(0).shape, 1);
  const bool is_max = at.operation.code == OpCode::kMaxPool;
  uint32_t pooled = FromFloat(is_max ? -std::numeric_limits<float>::infinity() : 0.0f);
  for (int64_t v = 0; v < window.vertical.size; ++v) {
    for (int64_t h = 0; h < window.horizontal.size; ++h) {
      const int64_t from_y = window.vertical.Source(y, v);
      const int64_t from_x = window.horizontal.Source(x, h);
      if (!IsInside(from_y, from_x, plane)) continue;
      pooled = ComputeBinary(is_max ? OpCode::kMax : OpCode::kAdd, ElementType::kFloat32, pooled,
                             (*at.operands[0])[At(channel, from_y, from_x, plane)]);
    }
  }
  return AsFloat(pooled);
}

Elements Pool(const Interpretation& at) {
  const Window window(at.attributes().window, at.attributes().window.size);
  const Plane plane = Plane::Of(at.result().shape, 1);
  Elements result;
  for (int64_t channel = 0; channel < at.result().shape[0]; ++channel) {
    for (int64_t y = 0; y < plane.height; ++y) {
      for (int64_t x = 0; x < plane.width; ++x) {
        result.push_back(FromFloat(PoolAt(at, window, channel, y, x)));
      }
    }
  }
  return result;
}

}  // namespace

ElementsList InterpretProduct(const Interpretation& at) {
  const DotEquation equation = *DotEquation::Parse(at.attributes().equation);
  const Shape& a = at.operand(0).shape;
  const Shape& b = at.operand(1).shape;
  const Shape summed_shape = SummedShape(equation, a);
  Elements elements;
  Position result(at.result().shape);
  do {
    float sum = 0.0f;
    Position summed(summed_shape);
    do {
      sum += ElementAt(at, 0, OffsetOf(a, IndicesOf(equation.a, equation, result, summed))) *
             ElementAt(at, 1, OffsetOf(b, IndicesOf(equation.b, equation, result, summed)));
    } while (summed.Next());
    elements.push_back(FromFloat(sum));
  } while (result.Next());
  return {std::move(elements)};
}

ElementsList InterpretWindow(const Interpretation& at) {
  if (at.operation.code == OpCode::kConv) return {Convolve(at)};
  if (at.operation.code == OpCode::kConvTranspose) return {ConvolveTransposed(at)};
  return {Pool(at)};
}

}  // namespace rnnserve
