// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// LSTM, GRU and RNN over a number of timesteps that is known at import: they are written out, step
// by step. The matrices have one row for each gate and unit,
//
//   LSTM   gates i, o, f, c;  peepholes i, o, f
//   GRU    gates z, r, h
//
// in W [directions, gates * hidden, input], R [directions, gates * hidden, hidden] and
// B [directions, 2 * gates * hidden], which is the bias of W and then that of R.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/import/onnx/ops/contraction.h"
#include "core/import/onnx/ops/converter_lists.h"
#include "core/import/onnx/ops/formula.h"
#include "core/import/onnx/ops/recurrent_activation.h"

namespace rnnserve {
namespace {

using Results = absl::StatusOr<std::vector<BuiltValue>>;

// The operands and attributes that the three operators have in common. Values have the layout 0:
// time, batch, features.
struct Recurrence {
  BuiltValue x;  // [time, batch, input]
  BuiltValue kernel;
  BuiltValue recurrent_kernel;
  std::optional<BuiltValue> bias;
  std::optional<BuiltValue> lengths;  // [batch], int32: where the rows end
  BuiltValue initial_h;               // [directions, batch, hidden]
  int64_t time = 0;
  int64_t batch = 0;
  int64_t hidden = 0;
  std::vector<bool> is_reverse;  // of each direction
  std::vector<RecurrentActivation> activations;
  size_t activations_per_direction = 0;
  float clip = 0.0f;  // 0: none
  bool is_batch_first = false;
};

// One direction of a recurrence.
struct Direction {
  BuiltValue kernel;            // [gates * hidden, input]
  BuiltValue recurrent_kernel;  // [gates * hidden, hidden]
  BuiltValue kernel_bias;       // [gates * hidden]
  BuiltValue recurrent_bias;    // the same
  std::vector<RecurrentActivation> activations;
};

// Returns the state [directions, batch, hidden] that an operand gives, or zeros.
BuiltValue InitialState(NodeConversion& node, Formula& f, size_t operand, const Recurrence& r) {
  const Shape shape({static_cast<int64_t>(r.is_reverse.size()), r.batch, r.hidden});
  if (!node.has(operand)) return f.Broadcast(f.Floats({0.0f}, Shape()), shape);
  BuiltValue state = node.operand(operand);
  if (r.is_batch_first && state.rank() == 3) state = f.Transpose(state, {1, 0, 2});
  f.Require(!f.ok() || state.shape() == shape,
            absl::StrCat("operand ", operand, " has the shape ", state.shape().ToString(),
                         "; it needs ", shape.ToString()));
  return state;
}

Recurrence ReadRecurrence(NodeConversion& node, Formula& f, int64_t gates,
                          const std::vector<std::string>& activations) {
  Recurrence r;
  const std::string direction = node.String("direction", "forward");
  r.is_batch_first = node.Int("layout", 0) != 0;
  r.clip = node.Float("clip", 0.0f);
  f.Require(direction == "forward" || direction == "reverse" || direction == "bidirectional",
            absl::StrCat("direction is '", direction, "'"));
  if (direction != "reverse") r.is_reverse.push_back(false);
  if (direction != "forward") r.is_reverse.push_back(true);
  const auto directions = static_cast<int64_t>(r.is_reverse.size());
  r.activations = ReadActivations(node, f, activations, r.is_reverse.size());
  r.activations_per_direction = activations.size();
  r.x = node.operand(0);
  r.kernel = node.operand(1);
  r.recurrent_kernel = node.operand(2);
  if (!f.Require(r.x.rank() == 3 && r.kernel.rank() == 3 && r.recurrent_kernel.rank() == 3,
                 "X, W and R must have three axes")) {
    return r;
  }
  if (r.is_batch_first) r.x = f.Transpose(r.x, {1, 0, 2});
  if (!f.ok()) return r;
  r.time = r.x.shape()[0];
  r.batch = r.x.shape()[1];
  r.hidden = r.recurrent_kernel.shape()[2];
  f.Require(node.Int("hidden_size", r.hidden) == r.hidden, "hidden_size is not that of R");
  f.Require(r.kernel.shape() == Shape({directions, gates * r.hidden, r.x.shape()[2]}) &&
                r.recurrent_kernel.shape() == Shape({directions, gates * r.hidden, r.hidden}),
            absl::StrCat("the shapes of W, ", r.kernel.shape().ToString(), ", and R, ",
                         r.recurrent_kernel.shape().ToString(), ", do not fit"));
  if (node.has(3)) {
    r.bias = node.operand(3);
    f.Require(r.bias->shape() == Shape({directions, 2 * gates * r.hidden}),
              "the shape of B does not fit");
  }
  if (node.has(4)) {
    r.lengths = node.operand(4);
    f.Require(r.lengths->shape() == Shape({r.batch}), "the shape of sequence_lens does not fit");
    if (f.ok() && r.lengths->is_known() && r.lengths->type() == ElementType::kInt32) {
      const std::vector<int64_t>& ends = r.lengths->tensor().integers();
      const auto is_full = [&r](int64_t end) { return end >= r.time; };
      if (std::all_of(ends.begin(), ends.end(), is_full)) r.lengths.reset();
    }
  }
  r.initial_h = InitialState(node, f, 5, r);
  return r;
}

Direction DirectionOf(Formula& f, const Recurrence& r, size_t number) {
  const auto index = static_cast<int64_t>(number);
  Direction direction;
  direction.kernel = f.At(r.kernel, 0, index);
  direction.recurrent_kernel = f.At(r.recurrent_kernel, 0, index);
  const int64_t rows = f.ok() ? direction.kernel.shape()[0] : 1;
  if (r.bias.has_value()) {
    const BuiltValue both = f.At(*r.bias, 0, index);
    direction.kernel_bias = f.Slice(both, 0, 0, rows);
    direction.recurrent_bias = f.Slice(both, 0, rows, 2 * rows);
  } else {
    direction.kernel_bias = direction.recurrent_bias =
        f.Broadcast(f.Floats({0.0f}, Shape()), Shape({rows}));
  }
  const auto begin =
      r.activations.begin() + static_cast<int64_t>(number * r.activations_per_direction);
  direction.activations = {begin, begin + static_cast<int64_t>(r.activations_per_direction)};
  return direction;
}

// Returns the product of rows, [batch, n], with a matrix, [m, n]: [batch, m].
BuiltValue Product(Formula& f, const BuiltValue& rows, const BuiltValue& matrix) {
  return Contract(f, {rows, "bn"}, {matrix, "mn"}, "bm");
}

// Returns gate number `gate` of [..., gates * hidden].
BuiltValue Gate(Formula& f, const BuiltValue& gates, int64_t gate, int64_t hidden) {
  return f.Slice(gates, gates.rank() - 1, gate * hidden, (gate + 1) * hidden);
}

BuiltValue ClipAndActivate(Formula& f, const Recurrence& r, const RecurrentActivation& activation,
                           const BuiltValue& x) {
  return Activate(f, activation, r.clip > 0.0f ? f.Min(f.Max(x, -r.clip), r.clip) : x);
}

// Computes one timestep of one direction: changes the states, [batch, hidden] each, of which the
// first is h. `projected` is the product of x and the kernel, [batch, gates * hidden], without a
// bias.
class Cell {
 public:
  virtual ~Cell() = default;
  virtual void Step(const BuiltValue& projected, std::vector<BuiltValue>& states) = 0;
};

class LstmCell : public Cell {
 public:
  LstmCell(Formula& f, const Recurrence& r, Direction direction,
           std::optional<BuiltValue> peepholes, bool is_coupled)
      : f_(f),
        r_(r),
        direction_(std::move(direction)),
        peepholes_(std::move(peepholes)),
        is_coupled_(is_coupled),
        bias_(f.Add(direction_.kernel_bias, direction_.recurrent_bias)) {}

  void Step(const BuiltValue& projected, std::vector<BuiltValue>& states) override {
    const BuiltValue gates =
        f_.Add(f_.Add(projected, bias_), Product(f_, states[0], direction_.recurrent_kernel));
    const BuiltValue& c = states[1];
    const BuiltValue i = Activated(0, WithPeephole(gates, 0, 0, c));
    const BuiltValue forget =
        is_coupled_ ? f_.Sub(f_.Scalar(i, 1.0), i) : Activated(0, WithPeephole(gates, 2, 2, c));
    const BuiltValue candidate = Activated(1, Gate(f_, gates, 3, r_.hidden));
    const BuiltValue next_c = f_.Add(f_.Mul(forget, c), f_.Mul(i, candidate));
    const BuiltValue o = Activated(0, WithPeephole(gates, 1, 1, next_c));
    // ONNX Runtime clips the gates and leaves the input of this activation as it is.
    states = {f_.Mul(o, Activate(f_, direction_.activations[2], next_c)), next_c};
  }

 private:
  BuiltValue Activated(size_t which, const BuiltValue& x) {
    return ClipAndActivate(f_, r_, direction_.activations[which], x);
  }

  BuiltValue WithPeephole(const BuiltValue& gates, int64_t gate, int64_t peephole,
                          const BuiltValue& c) {
    const BuiltValue plain = Gate(f_, gates, gate, r_.hidden);
    if (!peepholes_.has_value()) return plain;
    return f_.Add(plain, f_.Mul(c, Gate(f_, *peepholes_, peephole, r_.hidden)));
  }

  Formula& f_;
  const Recurrence& r_;
  const Direction direction_;
  const std::optional<BuiltValue> peepholes_;  // [3 * hidden]
  const bool is_coupled_;
  const BuiltValue bias_;
};

class GruCell : public Cell {
 public:
  GruCell(Formula& f, const Recurrence& r, Direction direction, bool resets_after)
      : f_(f),
        r_(r),
        direction_(std::move(direction)),
        resets_after_(resets_after),
        bias_(f.Add(direction_.kernel_bias, direction_.recurrent_bias)) {}

  void Step(const BuiltValue& projected, std::vector<BuiltValue>& states) override {
    const BuiltValue h = states[0];
    const int64_t hidden = r_.hidden;
    const BuiltValue recurrent =
        Product(f_, h, resets_after_ ? direction_.recurrent_kernel : Rows(0, 2 * hidden));
    const auto gate = [&](int64_t number) {
      const BuiltValue sum =
          f_.Add(Gate(f_, projected, number, hidden), Gate(f_, recurrent, number, hidden));
      return Activated(0, f_.Add(sum, Gate(f_, bias_, number, hidden)));
    };
    const BuiltValue update = gate(0);
    const BuiltValue reset = gate(1);
    BuiltValue candidate = Gate(f_, projected, 2, hidden);
    if (resets_after_) {
      const BuiltValue inner =
          f_.Add(Gate(f_, recurrent, 2, hidden), Gate(f_, direction_.recurrent_bias, 2, hidden));
      candidate = f_.Add(f_.Add(candidate, Gate(f_, direction_.kernel_bias, 2, hidden)),
                         f_.Mul(reset, inner));
    } else {
      candidate = f_.Add(f_.Add(candidate, Gate(f_, bias_, 2, hidden)),
                         Product(f_, f_.Mul(reset, h), Rows(2 * hidden, 3 * hidden)));
    }
    candidate = Activated(1, candidate);
    states = {f_.Add(f_.Mul(f_.Sub(f_.Scalar(update, 1.0), update), candidate), f_.Mul(update, h))};
  }

 private:
  BuiltValue Activated(size_t which, const BuiltValue& x) {
    return ClipAndActivate(f_, r_, direction_.activations[which], x);
  }
  BuiltValue Rows(int64_t begin, int64_t end) {
    return f_.Slice(direction_.recurrent_kernel, 0, begin, end);
  }

  Formula& f_;
  const Recurrence& r_;
  const Direction direction_;
  const bool resets_after_;
  const BuiltValue bias_;
};

class RnnCell : public Cell {
 public:
  RnnCell(Formula& f, const Recurrence& r, Direction direction)
      : f_(f),
        r_(r),
        direction_(std::move(direction)),
        bias_(f.Add(direction_.kernel_bias, direction_.recurrent_bias)) {}

  void Step(const BuiltValue& projected, std::vector<BuiltValue>& states) override {
    const BuiltValue sum =
        f_.Add(f_.Add(projected, bias_), Product(f_, states[0], direction_.recurrent_kernel));
    states = {ClipAndActivate(f_, r_, direction_.activations[0], sum)};
  }

 private:
  Formula& f_;
  const Recurrence& r_;
  const Direction direction_;
  const BuiltValue bias_;
};

// Returns the outputs of one direction at each timestep, [1, 1, batch, hidden] each, and its last
// states.
struct Unrolled {
  std::vector<BuiltValue> outputs;
  std::vector<BuiltValue> states;
};

// A row keeps its states from its end on, and its outputs are zeros there.
void MaskStep(Formula& f, const Recurrence& r, int64_t t, const std::vector<BuiltValue>& before,
              std::vector<BuiltValue>& states, BuiltValue& output) {
  if (!r.lengths.has_value()) return;
  const BuiltValue goes_on =
      f.Reshape(f.Apply(OpCode::kLt, {f.Scalar(*r.lengths, static_cast<double>(t)), *r.lengths}),
                Shape({r.batch, 1}));
  for (size_t i = 0; i < states.size(); ++i) states[i] = f.Where(goes_on, states[i], before[i]);
  output = f.Where(goes_on, output, f.Scalar(output, 0.0));
}

Unrolled Unroll(Formula& f, const Recurrence& r, const BuiltValue& kernel, Cell& cell,
                bool is_reverse, std::vector<BuiltValue> states) {
  Unrolled unrolled;
  const BuiltValue projected = Contract(f, {r.x, "tbi"}, {kernel, "mi"}, "tbm");
  unrolled.outputs.resize(static_cast<size_t>(r.time));
  for (int64_t i = 0; i < r.time && f.ok(); ++i) {
    const int64_t t = is_reverse ? r.time - 1 - i : i;
    const std::vector<BuiltValue> before = states;
    cell.Step(f.At(projected, 0, t), states);
    BuiltValue output = states[0];
    MaskStep(f, r, t, before, states, output);
    unrolled.outputs[static_cast<size_t>(t)] = f.Reshape(output, Shape({1, 1, r.batch, r.hidden}));
  }
  unrolled.states = std::move(states);
  return unrolled;
}

// Returns the results of the node: Y, then the last value of each state.
std::vector<BuiltValue> JoinDirections(Formula& f, const Recurrence& r,
                                       const std::vector<Unrolled>& directions) {
  if (!f.ok()) return {};
  std::vector<BuiltValue> sequences;
  for (const Unrolled& direction : directions) sequences.push_back(f.Concat(direction.outputs, 0));
  BuiltValue y = f.Concat(sequences, 1);
  if (r.is_batch_first) y = f.Transpose(y, {2, 0, 1, 3});
  std::vector<BuiltValue> results = {y};
  for (size_t state = 0; state < directions[0].states.size(); ++state) {
    std::vector<BuiltValue> parts;
    for (const Unrolled& direction : directions) {
      parts.push_back(f.Reshape(direction.states[state], Shape({1, r.batch, r.hidden})));
    }
    const BuiltValue last = f.Concat(parts, 0);
    results.push_back(r.is_batch_first ? f.Transpose(last, {1, 0, 2}) : last);
  }
  return results;
}

Results Lstm(NodeConversion& node) {
  Formula f(node);
  const Recurrence r = ReadRecurrence(node, f, 4, {"Sigmoid", "Tanh", "Tanh"});
  const bool is_coupled = node.Int("input_forget", 0) != 0;
  const BuiltValue initial_c = InitialState(node, f, 6, r);
  std::optional<BuiltValue> peepholes;
  if (node.has(7)) {
    peepholes = node.operand(7);
    f.Require(
        peepholes->shape() == Shape({static_cast<int64_t>(r.is_reverse.size()), 3 * r.hidden}),
        "the shape of P does not fit");
  }
  std::vector<Unrolled> directions;
  for (size_t i = 0; i < r.is_reverse.size() && f.ok(); ++i) {
    const auto index = static_cast<int64_t>(i);
    const Direction direction = DirectionOf(f, r, i);
    std::optional<BuiltValue> own;
    if (peepholes.has_value()) own = f.At(*peepholes, 0, index);
    LstmCell cell(f, r, direction, own, is_coupled);
    directions.push_back(Unroll(f, r, direction.kernel, cell, r.is_reverse[i],
                                {f.At(r.initial_h, 0, index), f.At(initial_c, 0, index)}));
  }
  return f.Return(JoinDirections(f, r, directions));
}

Results Gru(NodeConversion& node) {
  Formula f(node);
  const Recurrence r = ReadRecurrence(node, f, 3, {"Sigmoid", "Tanh"});
  const bool resets_after = node.Int("linear_before_reset", 0) != 0;
  std::vector<Unrolled> directions;
  for (size_t i = 0; i < r.is_reverse.size() && f.ok(); ++i) {
    const Direction direction = DirectionOf(f, r, i);
    GruCell cell(f, r, direction, resets_after);
    directions.push_back(Unroll(f, r, direction.kernel, cell, r.is_reverse[i],
                                {f.At(r.initial_h, 0, static_cast<int64_t>(i))}));
  }
  return f.Return(JoinDirections(f, r, directions));
}

Results Rnn(NodeConversion& node) {
  Formula f(node);
  const Recurrence r = ReadRecurrence(node, f, 1, {"Tanh"});
  std::vector<Unrolled> directions;
  for (size_t i = 0; i < r.is_reverse.size() && f.ok(); ++i) {
    const Direction direction = DirectionOf(f, r, i);
    RnnCell cell(f, r, direction);
    directions.push_back(Unroll(f, r, direction.kernel, cell, r.is_reverse[i],
                                {f.At(r.initial_h, 0, static_cast<int64_t>(i))}));
  }
  return f.Return(JoinDirections(f, r, directions));
}

constexpr NamedConverter kConverters[] = {
    {"GRU", Gru},
    {"LSTM", Lstm},
    {"RNN", Rnn},
};

}  // namespace

absl::Span<const NamedConverter> RecurrentConverters() { return kConverters; }

}  // namespace rnnserve
