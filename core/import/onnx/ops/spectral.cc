// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Fourier transforms of a length that is known at import, as products with a constant matrix, and
// the windows that go with them.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/contraction.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// A transform of `length` complex numbers into `bins`.
struct Transform {
  int64_t length = 0;
  int64_t bins = 0;
  bool is_inverse = false;
};

// Returns the matrix [length, parts, bins, 2] that the numbers, of `parts` real numbers each, are
// multiplied with: exp(-2 pi i n k / length), times i for the second part.
BuiltValue Matrix(Formula& f, const Transform& transform, int64_t parts) {
  std::vector<float> elements;
  const double sign = transform.is_inverse ? 1.0 : -1.0;
  const double scale = transform.is_inverse ? 1.0 / static_cast<double>(transform.length) : 1.0;
  for (int64_t n = 0; n < transform.length; ++n) {
    for (int64_t part = 0; part < parts; ++part) {
      for (int64_t k = 0; k < transform.bins; ++k) {
        // The angle of a small multiple of a turn is more accurate.
        const auto turns =
            static_cast<double>(n * k % transform.length) / static_cast<double>(transform.length);
        const double angle = sign * 2.0 * std::numbers::pi * turns;
        const double real = part == 0 ? std::cos(angle) : -std::sin(angle);
        const double imaginary = part == 0 ? std::sin(angle) : std::cos(angle);
        elements.push_back(static_cast<float>(scale * real));
        elements.push_back(static_cast<float>(scale * imaginary));
      }
    }
  }
  return f.Floats(std::move(elements), Shape({transform.length, parts, transform.bins, 2}));
}

// Makes the axis of x `length` long: cuts off what is behind, or adds zeros.
BuiltValue FitLength(Formula& f, const BuiltValue& x, int axis, int64_t length) {
  const int64_t extent = x.shape()[axis];
  if (extent >= length) return f.Slice(x, axis, 0, length);
  Attributes attributes;
  attributes.pads.resize(static_cast<size_t>(x.rank()));
  attributes.pads[static_cast<size_t>(axis)].high = length - extent;
  return f.Apply(OpCode::kPad, {x, f.Scalar(x, 0.0)}, std::move(attributes));
}

// From half of the spectrum of real numbers, bins 0 to length / 2, to all of it: the others are the
// complex conjugates.
BuiltValue WholeSpectrum(Formula& f, const BuiltValue& half, int axis, int64_t length) {
  std::vector<int64_t> sources;
  std::vector<float> signs;
  for (int64_t bin = 0; bin < length; ++bin) {
    const bool is_mirrored = bin > length / 2;
    sources.push_back(is_mirrored ? length - bin : bin);
    signs.push_back(1.0f);
    signs.push_back(is_mirrored ? -1.0f : 1.0f);
  }
  std::vector<int64_t> extents(static_cast<size_t>(half.rank()), 1);
  extents[static_cast<size_t>(axis)] = length;
  extents.back() = 2;
  const BuiltValue whole = f.Gather(half, f.Integers(std::move(sources), Shape({length})), axis);
  return f.Mul(whole, f.Floats(std::move(signs), Shape(extents)));
}

constexpr absl::string_view kLetters = "abcdefg";

// x, [..., length, ..., parts] with the length at `axis`, times the matrix: [..., bins, ..., 2].
BuiltValue Multiply(Formula& f, const BuiltValue& x, int axis, const BuiltValue& matrix) {
  std::string letters(kLetters.substr(0, static_cast<size_t>(x.rank() - 1)));
  std::string result = letters;
  letters[static_cast<size_t>(axis)] = 'n';
  result[static_cast<size_t>(axis)] = 'k';
  return Contract(f, {x, absl::StrCat(letters, "p")}, {matrix, "npkq"}, absl::StrCat(result, "q"));
}

std::optional<int64_t> KnownNumber(NodeConversion& node, size_t operand) {
  if (!node.has(operand)) return std::nullopt;
  const std::vector<int64_t> values = node.KnownIntegers(operand);
  return values.empty() ? std::nullopt : std::optional<int64_t>(values[0]);
}

Results Dft(NodeConversion& node) {
  Formula f(node);
  BuiltValue x = node.operand(0);
  const bool is_inverse = node.Int("inverse", 0) != 0;
  const bool is_onesided = node.Int("onesided", 0) != 0;
  const int64_t wanted_axis =
      node.opset() < 20 ? node.Int("axis", 1) : KnownNumber(node, 2).value_or(-2);
  if (!f.Require(x.rank() >= 2 && x.rank() <= 8 && x.shape()[x.rank() - 1] <= 2,
                 "it needs [..., 1] for real and [..., 2] for complex numbers")) {
    return f.Return({});
  }
  const int axis = node.Axis(wanted_axis, x.rank());
  if (!f.Require(axis < x.rank() - 1, "the axis is that of the real and imaginary parts")) {
    return f.Return({});
  }
  // One side of a spectrum comes from, or becomes, real numbers.
  const bool is_real_inverse = is_inverse && is_onesided;
  Transform transform;
  transform.is_inverse = is_inverse;
  const int64_t extent = x.shape()[axis];
  transform.length = KnownNumber(node, 1).value_or(is_real_inverse ? 2 * (extent - 1) : extent);
  if (!f.Require(transform.length > 0, "the length is not positive")) return f.Return({});
  const bool halves = is_onesided && !is_inverse;
  transform.bins = halves ? transform.length / 2 + 1 : transform.length;
  const int64_t parts = x.shape()[x.rank() - 1];
  if (!f.RequireRoom({transform.length, parts, transform.bins, 2})) return f.Return({});
  if (is_real_inverse) {
    x = FitLength(f, x, axis, transform.length / 2 + 1);
    if (f.ok()) x = WholeSpectrum(f, x, axis, transform.length);
  } else {
    x = FitLength(f, x, axis, transform.length);
  }
  if (!f.ok()) return f.Return({});
  const BuiltValue matrix = Matrix(f, transform, parts);
  BuiltValue y = Multiply(f, x, axis, matrix);
  if (is_real_inverse) y = f.Slice(y, y.rank() - 1, 0, 1);
  return f.Return({y});
}

// signal [batch, length, 1 or 2] -> [batch, frames, bins, 2]
Results Stft(NodeConversion& node) {
  Formula f(node);
  const BuiltValue signal = node.operand(0);
  const bool is_onesided = node.Int("onesided", 1) != 0;
  const int64_t step = KnownNumber(node, 1).value_or(0);
  std::optional<BuiltValue> window;
  if (node.has(2)) window = node.operand(2);
  Transform transform;
  transform.length = KnownNumber(node, 3).value_or(
      window.has_value() && window->rank() == 1 ? window->shape()[0] : 0);
  const int64_t length = transform.length;
  if (!f.Require(
          signal.rank() == 3 && step > 0 && length > 0 && signal.shape()[1] >= length,
          "it needs a signal [batch, length, parts], a step, and frames no longer than it") ||
      !f.Require(!window.has_value() || window->shape() == Shape({length}),
                 "the window is not as long as a frame")) {
    return f.Return({});
  }
  transform.bins = is_onesided ? length / 2 + 1 : length;
  const int64_t frames = (signal.shape()[1] - length) / step + 1;
  if (!f.RequireRoom({frames, length}) ||
      !f.RequireRoom({length, signal.shape()[2], transform.bins, 2})) {
    return f.Return({});
  }
  std::vector<int64_t> places;
  for (int64_t frame = 0; frame < frames; ++frame) {
    for (int64_t i = 0; i < length; ++i) places.push_back(frame * step + i);
  }
  BuiltValue x = f.Gather(signal, f.Integers(std::move(places), Shape({frames, length})), 1);
  BuiltValue matrix = Matrix(f, transform, signal.shape()[2]);
  if (window.has_value()) matrix = f.Mul(matrix, f.Reshape(*window, Shape({length, 1, 1, 1})));
  return f.Return({Multiply(f, x, 2, matrix)});
}

// a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N), where N is one less for a symmetric window.
Results CosineWindow(NodeConversion& node, double a0, double a1, double a2) {
  Formula f(node);
  const int64_t size = KnownNumber(node, 0).value_or(0);
  const bool is_periodic = node.Int("periodic", 1) != 0;
  const int64_t data_type = node.Int("output_datatype", 1);
  if (!f.Require(size > 0, "the size is not positive") || !f.RequireRoom({size})) {
    return f.Return({});
  }
  const auto period = static_cast<double>(is_periodic ? size : size - 1);
  std::vector<float> elements;
  for (int64_t n = 0; n < size; ++n) {
    const double angle = 2.0 * std::numbers::pi * static_cast<double>(n) / period;
    elements.push_back(static_cast<float>(a0 - a1 * std::cos(angle) + a2 * std::cos(2.0 * angle)));
  }
  return f.Return({f.CastTo(f.Floats(std::move(elements), Shape({size})), data_type)});
}

Results HannWindow(NodeConversion& node) { return CosineWindow(node, 0.5, 0.5, 0.0); }

Results HammingWindow(NodeConversion& node) {
  return CosineWindow(node, 25.0 / 46.0, 21.0 / 46.0, 0.0);
}

Results BlackmanWindow(NodeConversion& node) { return CosineWindow(node, 0.42, 0.5, 0.08); }

constexpr NamedConverter kConverters[] = {
    {"BlackmanWindow", BlackmanWindow, 17},
    {"DFT", Dft, 17},
    {"HammingWindow", HammingWindow, 17},
    {"HannWindow", HannWindow, 17},
    {"STFT", Stft, 17},
};

}  // namespace

absl::Span<const NamedConverter> SpectralConverters() { return kConverters; }

}  // namespace rnnserve
