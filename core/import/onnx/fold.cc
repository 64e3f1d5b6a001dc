// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/fold.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/program/program.h"
#include "core/program/program_interpreter.h"
#include "core/program/read_program.h"

namespace rnnserve {
namespace {

using Elements = ProgramInterpreter::Elements;

// Operations that only move elements, whatever these are. The half words of integers of 64 bits
// move in the same way, so a move is computed twice, once for each half.
bool IsMove(OpCode code) {
  switch (code) {
    case OpCode::kWhere:
    case OpCode::kReshape:
    case OpCode::kTranspose:
    case OpCode::kBroadcast:
    case OpCode::kSlice:
    case OpCode::kConcat:
    case OpCode::kPad:
    case OpCode::kGather:
    case OpCode::kTake:
    case OpCode::kTakeAlong:
    case OpCode::kUpdate:
    case OpCode::kScatterAlong:
      return true;
    default:
      return false;
  }
}

// Returns whether the elements of that operand of a move say where to, or from where, and are not
// moved themselves.
bool IsSelector(OpCode code, size_t operand) {
  switch (code) {
    case OpCode::kWhere:
      return operand == 0;
    case OpCode::kGather:
    case OpCode::kTake:
    case OpCode::kTakeAlong:
    case OpCode::kScatterAlong:
      return operand == 1;
    default:
      return false;
  }
}

absl::Status DoesNotFit(int64_t value) {
  return InvalidArgument("MODEL_CONFIG",
                         absl::StrCat("the integer ", value, " does not fit into 32 bits"));
}

absl::StatusOr<Elements> Words(const OnnxTensor& tensor) {
  Elements words(static_cast<size_t>(tensor.size()));
  if (tensor.type == ElementType::kFloat32) {
    if (!words.empty()) std::memcpy(words.data(), tensor.floats().data(), words.size() * 4);
    return words;
  }
  for (size_t i = 0; i < words.size(); ++i) {
    const int64_t value = tensor.integers()[i];
    if (value != static_cast<int32_t>(value)) return DoesNotFit(value);
    words[i] = static_cast<uint32_t>(value);
  }
  return words;
}

Elements HalfWords(const OnnxTensor& tensor, int shift) {
  Elements words(static_cast<size_t>(tensor.size()));
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = static_cast<uint32_t>(static_cast<uint64_t>(tensor.integers()[i]) >> shift);
  }
  return words;
}

// A program that holds one operation, to be computed alone.
struct Single {
  Program program;
  Program::Operation operation;
};

absl::StatusOr<Single> MakeSingle(OpCode code, absl::Span<const OnnxTensor* const> operands,
                                  const Attributes& attributes) {
  Single single;
  single.operation.code = code;
  single.operation.attributes = attributes;
  for (const OnnxTensor* operand : operands) {
    const Program::ValueId id = single.program.values.size();
    single.program.values.push_back({absl::StrCat("operand", id), operand->type, operand->shape});
    single.operation.operands.push_back(id);
  }
  // The operand of kGather must be a literal, and others may be.
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i]->type == ElementType::kFloat32) continue;
    Program::Literal literal{single.operation.operands[i], std::vector<int32_t>()};
    for (int64_t value : operands[i]->integers()) {
      std::get<1>(literal.elements).push_back(static_cast<int32_t>(value));
    }
    single.program.literals.push_back(std::move(literal));
  }
  const size_t num_results = code == OpCode::kTopK   ? 2
                             : code == OpCode::kSort ? operands.size()
                                                     : 1;
  for (size_t i = 0; i < num_results; ++i) {
    const Program::ValueId id = single.program.values.size();
    single.program.values.push_back({absl::StrCat("result", i), ElementType::kFloat32, Shape{}});
    single.operation.results.push_back(id);
  }
  RNNSERVE_RETURN_IF_ERROR(InferResults(single.program, single.operation));
  return single;
}

std::vector<Elements> Run(const Single& single, const std::vector<Elements>& operands) {
  std::vector<const Elements*> pointers;
  for (const Elements& operand : operands) pointers.push_back(&operand);
  return ProgramInterpreter::Compute(single.program, single.operation, pointers);
}

OnnxTensor FromWords(const Program::Value& value, const Elements& words) {
  OnnxTensor tensor{value.type, value.shape, {}};
  if (value.type == ElementType::kFloat32) {
    std::vector<float> floats(words.size());
    if (!words.empty()) std::memcpy(floats.data(), words.data(), words.size() * 4);
    tensor.elements = std::move(floats);
    return tensor;
  }
  std::vector<int64_t> integers;
  integers.reserve(words.size());
  for (uint32_t word : words) integers.push_back(static_cast<int32_t>(word));
  tensor.elements = std::move(integers);
  return tensor;
}

absl::StatusOr<std::vector<OnnxTensor>> FoldMove(const Single& single,
                                                 absl::Span<const OnnxTensor* const> operands) {
  std::vector<Elements> halves[2];
  for (int half = 0; half < 2; ++half) {
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!IsSelector(single.operation.code, i)) {
        halves[half].push_back(HalfWords(*operands[i], 32 * half));
        continue;
      }
      RNNSERVE_ASSIGN_OR_RETURN(Elements words, Words(*operands[i]));
      halves[half].push_back(std::move(words));
    }
  }
  const Elements low = std::move(Run(single, halves[0]).front());
  const Elements high = std::move(Run(single, halves[1]).front());
  const Program::Value& value = single.program.values[single.operation.results.front()];
  std::vector<int64_t> integers(low.size());
  for (size_t i = 0; i < low.size(); ++i) {
    integers[i] = static_cast<int64_t>(uint64_t{high[i]} << 32 | low[i]);
  }
  return std::vector<OnnxTensor>{{value.type, value.shape, std::move(integers)}};
}

// Elementwise arithmetic on integers. Nullopt: it overflows, or divides by zero.
std::optional<int64_t> Arithmetic(OpCode code, int64_t a, int64_t b) {
  int64_t result = 0;
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  switch (code) {
    case OpCode::kNeg:
      if (__builtin_sub_overflow(int64_t{0}, a, &result)) return std::nullopt;
      return result;
    case OpCode::kAbs:
      if (a == kMin) return std::nullopt;
      return a < 0 ? -a : a;
    case OpCode::kSign:
      return (a > 0) - (a < 0);
    case OpCode::kSquare:
      if (__builtin_mul_overflow(a, a, &result)) return std::nullopt;
      return result;
    case OpCode::kRelu:
      return std::max<int64_t>(a, 0);
    case OpCode::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
      return result;
    case OpCode::kSub:
      if (__builtin_sub_overflow(a, b, &result)) return std::nullopt;
      return result;
    case OpCode::kMul:
      if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
      return result;
    case OpCode::kDiv:
      if (b == 0 || (a == kMin && b == -1)) return std::nullopt;
      return a / b;
    case OpCode::kRem:
      if (b == 0) return std::nullopt;
      return b == -1 ? 0 : a % b;
    case OpCode::kMod:
      if (b == 0) return std::nullopt;
      if (b == -1) return 0;
      return a % b != 0 && ((a % b < 0) != (b < 0)) ? a % b + b : a % b;
    case OpCode::kMax:
      return std::max(a, b);
    case OpCode::kMin:
      return std::min(a, b);
    case OpCode::kPow: {
      if (b < 0) return std::nullopt;
      int64_t power = 1;
      int64_t base = a;
      for (int64_t rest = b; rest > 0; rest /= 2) {
        if (rest % 2 == 1 && __builtin_mul_overflow(power, base, &power)) return std::nullopt;
        if (rest > 1 && __builtin_mul_overflow(base, base, &base)) return std::nullopt;
      }
      return power;
    }
    case OpCode::kEq:
      return a == b;
    case OpCode::kNe:
      return a != b;
    case OpCode::kLt:
      return a < b;
    case OpCode::kLe:
      return a <= b;
    case OpCode::kGt:
      return a > b;
    case OpCode::kGe:
      return a >= b;
    default:
      return std::nullopt;
  }
}

bool IsIntegerArithmetic(OpCode code) {
  switch (code) {
    case OpCode::kNeg:
    case OpCode::kAbs:
    case OpCode::kSign:
    case OpCode::kSquare:
    case OpCode::kRelu:
    case OpCode::kAdd:
    case OpCode::kSub:
    case OpCode::kMul:
    case OpCode::kDiv:
    case OpCode::kRem:
    case OpCode::kMod:
    case OpCode::kMax:
    case OpCode::kMin:
    case OpCode::kPow:
    case OpCode::kEq:
    case OpCode::kNe:
    case OpCode::kLt:
    case OpCode::kLe:
    case OpCode::kGt:
    case OpCode::kGe:
      return true;
    default:
      return false;
  }
}

// Walks through the elements of a result and the element of a broadcast operand that each reads.
class BroadcastIndex {
 public:
  BroadcastIndex(const Shape& operand, const Shape& result) : result_(result) {
    int64_t stride = 1;
    strides_.assign(static_cast<size_t>(result.rank()), 0);
    for (int i = operand.rank() - 1; i >= 0; --i) {
      const int axis = i + result.rank() - operand.rank();
      strides_[static_cast<size_t>(axis)] = operand[i] == 1 ? 0 : stride;
      stride *= operand[i];
    }
  }

  size_t Of(int64_t element) const {
    int64_t index = 0;
    for (int axis = result_.rank() - 1; axis >= 0; --axis) {
      index += element % result_[axis] * strides_[static_cast<size_t>(axis)];
      element /= result_[axis];
    }
    return static_cast<size_t>(index);
  }

 private:
  const Shape& result_;
  std::vector<int64_t> strides_;
};

absl::StatusOr<std::vector<OnnxTensor>> FoldArithmetic(
    const Single& single, absl::Span<const OnnxTensor* const> operands) {
  const Program::Value& value = single.program.values[single.operation.results.front()];
  const OnnxTensor& a = *operands.front();
  const OnnxTensor& b = *operands.back();
  const BroadcastIndex a_index(a.shape, value.shape);
  const BroadcastIndex b_index(b.shape, value.shape);
  std::vector<int64_t> results(static_cast<size_t>(value.shape.NumElements().value_or(0)));
  for (size_t i = 0; i < results.size(); ++i) {
    const int64_t left = a.integers()[a_index.Of(static_cast<int64_t>(i))];
    const int64_t right = b.integers()[b_index.Of(static_cast<int64_t>(i))];
    const std::optional<int64_t> result = Arithmetic(single.operation.code, left, right);
    if (!result.has_value()) {
      return InvalidArgument("MODEL_CONFIG",
                             absl::StrCat("'", OpCodeName(single.operation.code), "' of ", left,
                                          " and ", right, " overflows or divides by zero"));
    }
    results[i] = *result;
  }
  return std::vector<OnnxTensor>{{value.type, value.shape, std::move(results)}};
}

// Casts of floats to integers of 64 bits.
absl::StatusOr<std::vector<OnnxTensor>> FoldFloatCast(const OnnxTensor& x) {
  std::vector<int64_t> integers;
  for (float value : x.floats()) {
    if (!(value >= -0x1p63f && value < 0x1p63f)) {
      return InvalidArgument("MODEL_CONFIG",
                             absl::StrCat("the number ", value, " does not fit into an integer"));
    }
    integers.push_back(static_cast<int64_t>(value));
  }
  return std::vector<OnnxTensor>{{ElementType::kInt32, x.shape, std::move(integers)}};
}

// Casts between integers and to truth values, which keep 64 bits, and from integers to floats.
absl::StatusOr<std::vector<OnnxTensor>> FoldIntegerCast(const OnnxTensor& x, ElementType type) {
  OnnxTensor result{type, x.shape, {}};
  if (type == ElementType::kFloat32) {
    std::vector<float> floats;
    for (int64_t value : x.integers()) floats.push_back(static_cast<float>(value));
    result.elements = std::move(floats);
    return std::vector<OnnxTensor>{std::move(result)};
  }
  std::vector<int64_t> integers = x.integers();
  if (type == ElementType::kBool) {
    for (int64_t& value : integers) value = value != 0;
  }
  result.elements = std::move(integers);
  return std::vector<OnnxTensor>{std::move(result)};
}

// Sums and products of integers along axes are computed in 32 bits. Refuses those that could be
// larger.
absl::Status CheckNoOverflow(OpCode code, const OnnxTensor& x) {
  double bound = 0;
  if (code == OpCode::kReduceSum || code == OpCode::kCumSum) {
    for (int64_t value : x.integers()) bound += std::abs(static_cast<double>(value));
  } else if (code == OpCode::kReduceProd) {
    bound = 1;
    for (int64_t value : x.integers()) bound *= std::max(1.0, std::abs(static_cast<double>(value)));
  }
  if (bound < 0x1p31) return absl::OkStatus();
  return InvalidArgument("MODEL_CONFIG", absl::StrCat("'", OpCodeName(code),
                                                      "' of known integers may exceed 32 bits"));
}

}  // namespace

absl::StatusOr<std::vector<OnnxTensor>> Fold(OpCode code,
                                             absl::Span<const OnnxTensor* const> operands,
                                             const Attributes& attributes) {
  for (const OnnxTensor* operand : operands) {
    if (operand->size() == 0) {
      return InvalidArgument(
          "MODEL_CONFIG",
          absl::StrCat("an operand has the shape ", operand->shape.ToString(), " and no elements"));
    }
  }
  RNNSERVE_ASSIGN_OR_RETURN(const Single single, MakeSingle(code, operands, attributes));
  const bool has_integers = std::any_of(operands.begin(), operands.end(), [](const auto* operand) {
    return operand->type != ElementType::kFloat32;
  });
  const bool moves_integers =
      !operands.empty() && IsMove(code) && operands.back()->type != ElementType::kFloat32 &&
      single.program.values[single.operation.results.front()].type != ElementType::kFloat32;
  if (moves_integers) return FoldMove(single, operands);
  if (has_integers && IsIntegerArithmetic(code) && operands.front()->type == ElementType::kInt32) {
    return FoldArithmetic(single, operands);
  }
  if (has_integers && code == OpCode::kCast) {
    return FoldIntegerCast(*operands.front(), attributes.type);
  }
  if (code == OpCode::kCast && attributes.type == ElementType::kInt32) {
    return FoldFloatCast(*operands.front());
  }
  if (operands.front()->type == ElementType::kInt32) {
    RNNSERVE_RETURN_IF_ERROR(CheckNoOverflow(code, *operands.front()));
  }
  std::vector<Elements> words;
  for (const OnnxTensor* operand : operands) {
    RNNSERVE_ASSIGN_OR_RETURN(Elements elements, Words(*operand));
    words.push_back(std::move(elements));
  }
  std::vector<OnnxTensor> results;
  const std::vector<Elements> computed = Run(single, words);
  for (size_t i = 0; i < computed.size(); ++i) {
    results.push_back(FromWords(single.program.values[single.operation.results[i]], computed[i]));
  }
  return results;
}

}  // namespace rnnserve
