// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/ops/recurrent_activation.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace rnnserve {
namespace {

// An activation, and the numbers that it takes with their defaults.
struct Known {
  absl::string_view name;
  bool takes_alpha = false;
  bool takes_beta = false;
  float alpha = 0.0f;
  float beta = 0.0f;
};

constexpr Known kKnown[] = {
    {"affine", true, true, 1.0f, 0.0f},
    {"elu", true, false, 1.0f, 0.0f},
    {"hardsigmoid", true, true, 0.2f, 0.5f},
    {"leakyrelu", true, false, 0.01f, 0.0f},
    {"relu"},
    {"scaledtanh", true, true, 1.0f, 1.0f},
    {"sigmoid"},
    {"softplus"},
    {"softsign"},
    {"tanh"},
    {"thresholdedrelu", true, false, 1.0f, 0.0f},
};

// Takes the next number of a list, if there is one.
float Next(const std::vector<float>& list, size_t& position, float fallback) {
  return position < list.size() ? list[position++] : fallback;
}

}  // namespace

std::vector<RecurrentActivation> ReadActivations(NodeConversion& node, Formula& f,
                                                 const std::vector<std::string>& defaults,
                                                 size_t directions) {
  std::vector<std::string> all;
  for (size_t i = 0; i < directions; ++i) all.insert(all.end(), defaults.begin(), defaults.end());
  const std::vector<std::string> names = node.Strings("activations", all);
  // The lists have numbers only for those activations that take some.
  const std::vector<float> alphas = node.Floats("activation_alpha", {});
  const std::vector<float> betas = node.Floats("activation_beta", {});
  size_t next_alpha = 0;
  size_t next_beta = 0;
  std::vector<RecurrentActivation> activations;
  for (const std::string& name : names) {
    const std::string lower = absl::AsciiStrToLower(name);
    const Known* known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                      [&](const Known& line) { return line.name == lower; });
    if (known == std::end(kKnown)) {
      f.Refuse(absl::StrCat("the activation '", name, "' is not served"));
      return {};
    }
    RecurrentActivation activation = {lower, known->alpha, known->beta};
    if (known->takes_alpha) activation.alpha = Next(alphas, next_alpha, known->alpha);
    if (known->takes_beta) activation.beta = Next(betas, next_beta, known->beta);
    activations.push_back(std::move(activation));
  }
  f.Require(activations.size() == all.size(),
            absl::StrCat("it names ", activations.size(), " activations; it needs ", all.size()));
  return activations;
}

BuiltValue Activate(Formula& f, const RecurrentActivation& activation, const BuiltValue& x) {
  const absl::string_view name = activation.name;
  const float alpha = activation.alpha;
  const float beta = activation.beta;
  if (name == "sigmoid") return f.Apply(OpCode::kSigmoid, {x});
  if (name == "tanh") return f.Apply(OpCode::kTanh, {x});
  if (name == "relu") return f.Apply(OpCode::kRelu, {x});
  if (name == "softplus") return f.Apply(OpCode::kSoftplus, {x});
  if (name == "affine") return f.Add(f.Mul(x, alpha), beta);
  if (name == "scaledtanh") return f.Mul(f.Apply(OpCode::kTanh, {f.Mul(x, beta)}), alpha);
  if (name == "softsign") return f.Div(x, f.Add(f.Apply(OpCode::kAbs, {x}), 1.0));
  if (name == "leakyrelu") return f.Where(f.Less(x, 0.0), f.Mul(x, alpha), x);
  if (name == "elu") {
    return f.Where(f.Less(x, 0.0), f.Mul(f.Apply(OpCode::kExpm1, {x}), alpha), x);
  }
  if (name == "hardsigmoid") {
    return f.Max(f.Min(f.Add(f.Mul(x, alpha), beta), 1.0), 0.0);
  }
  return f.Where(f.Less(f.Scalar(x, alpha), x), x, f.Scalar(x, 0.0));  // thresholdedrelu
}

}  // namespace rnnserve
