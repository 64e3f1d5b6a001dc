// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/reference_cells.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <utility>

namespace rnnserve::testing {
namespace {

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double Softplus(double x) { return x > 30 ? x : std::log(1 + std::exp(x)); }
double HardSigmoid(double x) { return std::min(std::max(x + 3, 0.0), 6.0) / 6; }

using Function = std::function<double(double)>;

const std::map<std::string, Function>& Functions() {
  static const std::map<std::string, Function> functions = {
      {"linear", [](double x) { return x; }},
      {"relu", [](double x) { return x > 0 ? x : 0; }},
      {"relu6", [](double x) { return x < 0   ? 0
                                      : x > 6 ? 6
                                              : x; }},
      {"leaky_relu", [](double x) { return x > 0 ? x : x / 5; }},
      {"elu", [](double x) { return x > 0 ? x : std::exp(x) - 1; }},
      {"selu",
       [](double x) {
         return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (std::exp(x) - 1));
       }},
      {"celu", [](double x) { return x > 0 ? x : std::exp(x) - 1; }},
      {"tanh", [](double x) { return 1 - 2 / (std::exp(2 * x) + 1); }},
      {"sigmoid", Sigmoid},
      {"exponential", [](double x) { return std::exp(x); }},
      {"softplus", Softplus},
      {"softsign", [](double x) { return x / (1 + std::fabs(x)); }},
      {"hard_sigmoid", HardSigmoid},
      {"hard_sigmoid_v1", [](double x) { return std::min(std::max(0.2 * x + 0.5, 0.0), 1.0); }},
      {"hard_silu", [](double x) { return x * HardSigmoid(x); }},
      {"hard_tanh", [](double x) { return x < -1  ? -1
                                          : x > 1 ? 1
                                                  : x; }},
      {"silu", [](double x) { return x * Sigmoid(x); }},
      {"gelu", [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2)); }},
      {"mish", [](double x) { return x * std::tanh(Softplus(x)); }},
      {"log_sigmoid", [](double x) { return -Softplus(-x); }},
      {"tanh_shrink", [](double x) { return x - std::tanh(x); }},
      {"hard_shrink", [](double x) { return x > 0.5 || x < -0.5 ? x : 0; }},
      {"soft_shrink", [](double x) { return x > 0.5    ? x - 0.5
                                            : x < -0.5 ? x + 0.5
                                                       : 0; }},
      {"squareplus", [](double x) { return (x + std::sqrt(x * x + 4)) / 2; }},
      {"sparse_plus", [](double x) { return x < -1  ? 0
                                            : x > 1 ? x
                                                    : (x + 1) * (x + 1) / 4; }},
      {"sparse_sigmoid", [](double x) { return x < -1  ? 0
                                               : x > 1 ? 1
                                                       : (x + 1) / 2; }},
  };
  return functions;
}

Vector Softmax(Vector x) {
  double sum = 0;
  for (double& value : x) sum += value = std::exp(value);
  for (double& value : x) value /= sum;
  return x;
}

// Computes the same as Keras, whose threshold adds up the cumulative sums of all values in the
// support. Martins and Astudillo (2016) use only the last of these sums.
Vector Sparsemax(Vector x) {
  Vector sorted = x;
  std::sort(sorted.rbegin(), sorted.rend());
  double cumulated = 0;
  double sum = 0;
  double threshold = 0;
  for (size_t k = 0; k < sorted.size(); ++k) {
    cumulated += sorted[k];
    const double count = static_cast<double>(k + 1);
    if (sorted[k] - (cumulated - 1) / count <= 0) break;
    sum += cumulated;
    threshold = (sum - 1) / count;
  }
  for (double& value : x) value = std::max(value - threshold, 0.0);
  return x;
}

// Returns v W plus row `bias_row` of the bias, for gate `gate` of `gates`. W is [v.size(), gates *
// units].
Vector Gate(const ReferenceCell& cell, const Vector& v, const std::vector<float>& weights,
            size_t gate, size_t gates, int bias_row) {
  Vector result(cell.units, 0);
  for (size_t u = 0; u < cell.units; ++u) {
    for (size_t k = 0; k < v.size(); ++k) {
      result[u] += v[k] * weights[(k * gates + gate) * cell.units + u];
    }
    if (cell.use_bias && bias_row >= 0) {
      result[u] += cell.bias[(static_cast<size_t>(bias_row) * gates + gate) * cell.units + u];
    }
  }
  return result;
}

Vector Combine(const Vector& a, const Vector& b, const std::function<double(double, double)>& f) {
  Vector result(a.size());
  std::transform(a.begin(), a.end(), b.begin(), result.begin(), f);
  return result;
}

Vector Plus(const Vector& a, const Vector& b) { return Combine(a, b, std::plus<double>()); }
Vector Times(const Vector& a, const Vector& b) { return Combine(a, b, std::multiplies<double>()); }

// Returns x K + b + h R of one gate.
Vector Preactivation(const ReferenceCell& cell, const Vector& x, const Vector& h, size_t gate,
                     size_t gates) {
  return Plus(Gate(cell, x, cell.kernel, gate, gates, 0),
              Gate(cell, h, cell.recurrent_kernel, gate, gates, -1));
}

Vector LstmStep(const ReferenceCell& cell, const Vector& x, std::vector<Vector>& states) {
  Vector& h = states[0];
  Vector& c = states[1];
  const auto gate = [&](size_t index, const std::string& activation) {
    return ReferenceActivate(activation, Preactivation(cell, x, h, index, 4));
  };
  const Vector i = gate(0, cell.recurrent_activation);
  const Vector f = gate(1, cell.recurrent_activation);
  const Vector g = gate(2, cell.activation);
  const Vector o = gate(3, cell.recurrent_activation);
  c = Plus(Times(f, c), Times(i, g));
  h = Times(o, ReferenceActivate(cell.activation, c));
  return h;
}

Vector GruStep(const ReferenceCell& cell, const Vector& x, std::vector<Vector>& states) {
  Vector& h = states[0];
  const auto recurrent = [&](const Vector& v, size_t index) {
    return Gate(cell, v, cell.recurrent_kernel, index, 3, cell.reset_after ? 1 : -1);
  };
  const auto input = [&](size_t index) { return Gate(cell, x, cell.kernel, index, 3, 0); };
  const Vector z = ReferenceActivate(cell.recurrent_activation, Plus(input(0), recurrent(h, 0)));
  const Vector r = ReferenceActivate(cell.recurrent_activation, Plus(input(1), recurrent(h, 1)));
  const Vector candidate = cell.reset_after ? Times(r, recurrent(h, 2)) : recurrent(Times(r, h), 2);
  const Vector hh = ReferenceActivate(cell.activation, Plus(input(2), candidate));
  for (size_t u = 0; u < cell.units; ++u) h[u] = z[u] * h[u] + (1 - z[u]) * hh[u];
  return h;
}

}  // namespace

Vector ReferenceActivate(const std::string& activation, Vector x) {
  if (activation == "softmax") return Softmax(std::move(x));
  if (activation == "sparsemax") return Sparsemax(std::move(x));
  if (activation == "log_softmax") {
    x = Softmax(std::move(x));
    for (double& value : x) value = std::log(value);
    return x;
  }
  const Function& function = Functions().at(activation);
  std::transform(x.begin(), x.end(), x.begin(), function);
  return x;
}

Vector ReferenceStep(const ReferenceCell& cell, const Vector& x, std::vector<Vector>& states) {
  if (cell.kind == "LSTMCell") return LstmStep(cell, x, states);
  if (cell.kind == "GRUCell") return GruStep(cell, x, states);
  if (cell.kind != "SimpleRNNCell" && cell.kind != "rnnserve>MinimalRNNCell") {
    std::cerr << "ReferenceStep: no cell '" << cell.kind << "'\n";
    std::abort();
  }
  const Vector sum = Preactivation(cell, x, states[0], 0, 1);
  return states[0] =
             cell.kind == "rnnserve>MinimalRNNCell" ? sum : ReferenceActivate(cell.activation, sum);
}

}  // namespace rnnserve::testing
