// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/program_texts.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

// Writes the text of a program. Functions that add an operation return the name of its result.
class TextWriter {
 public:
  std::string Input(const std::string& name, const Json& shape) {
    text_["inputs"].push_back({{"name", name}, {"shape", shape}});
    return name;
  }
  std::string State(const std::string& name, const Json& shape) {
    text_["states"].push_back({{"name", name}, {"shape", shape}, {"next", ""}});
    return name;
  }
  std::string Weight(const std::string& name, const Json& shape) {
    text_["weights"][name] = shape;
    return name;
  }
  std::string Add(const std::string& op, const Json& in, Json attributes = Json::object()) {
    attributes["op"] = op;
    attributes["in"] = in;
    attributes["out"] = absl::StrCat("t", text_["operations"].size());
    text_["operations"].push_back(attributes);
    return attributes["out"];
  }
  std::string Dot(const std::string& x, const std::string& weights) {
    return Add("dot", {x, weights}, {{"equation", "a,ac->c"}});
  }
  // Returns x times a new weight, [rows, cols].
  std::string Dense(const std::string& x, const std::string& name, int64_t rows, int64_t cols) {
    return Dot(x, Weight(name, {rows, cols}));
  }
  std::string Reshape(const std::string& x, const Json& shape) {
    return Add("reshape", {x}, {{"shape", shape}});
  }
  std::string Slice(const std::string& x, int64_t first, int64_t size) {
    return Add("slice", {x}, {{"slices", {{first, first + size, 1}}}});
  }
  std::string Sum(const std::string& x, int64_t axis) {
    return Add("reduce_sum", {x}, {{"axes", {axis}}});
  }
  void Next(size_t state, const std::string& value) { text_["states"][state]["next"] = value; }
  std::string Finish(const std::string& output) {
    text_["outputs"].push_back({{"name", "y"}, {"value", output}});
    return text_.dump();
  }

 private:
  Json text_ = {{"program_version", 1},        {"inputs", Json::array()},
                {"states", Json::array()},     {"weights", Json::object()},
                {"operations", Json::array()}, {"outputs", Json::array()}};
};

}  // namespace

std::string SimpleRnnText(int64_t inputs, int64_t units) {
  TextWriter p;
  const std::string x = p.Input("x", {inputs});
  const std::string h = p.State("h", {units});
  const std::string xk = p.Dense(x, "kernel", inputs, units);
  const std::string hr = p.Dense(h, "recurrent_kernel", units, units);
  const std::string z = p.Add("add", {p.Add("add", {xk, hr}), p.Weight("bias", {units})});
  const std::string h2 = p.Add("tanh", {z});
  p.Next(0, h2);
  return p.Finish(h2);
}

std::string LstmText(int64_t inputs, int64_t units) {
  TextWriter p;
  const std::string x = p.Input("x", {inputs});
  const std::string h = p.State("h", {units});
  const std::string c = p.State("c", {units});
  const std::string xk = p.Dense(x, "kernel", inputs, 4 * units);
  const std::string hr = p.Dense(h, "recurrent_kernel", units, 4 * units);
  const std::string z = p.Add("add", {p.Add("add", {xk, hr}), p.Weight("bias", {4 * units})});
  const std::string i = p.Add("sigmoid", {p.Slice(z, 0, units)});
  const std::string f = p.Add("sigmoid", {p.Slice(z, units, units)});
  const std::string g = p.Add("tanh", {p.Slice(z, 2 * units, units)});
  const std::string o = p.Add("sigmoid", {p.Slice(z, 3 * units, units)});
  const std::string c2 = p.Add("add", {p.Add("mul", {f, c}), p.Add("mul", {i, g})});
  const std::string h2 = p.Add("mul", {o, p.Add("tanh", {c2})});
  p.Next(0, h2);
  p.Next(1, c2);
  return p.Finish(h2);
}

std::string GruText(int64_t inputs, int64_t units) {
  TextWriter p;
  const std::string x = p.Input("x", {inputs});
  const std::string h = p.State("h", {units});
  const std::string bias = p.Weight("bias", {2, 3 * units});
  const auto row = [&](int64_t i) {
    return p.Reshape(p.Add("slice", {bias}, {{"slices", {{i, i + 1, 1}, {0, 3 * units, 1}}}}),
                     {3 * units});
  };
  const std::string zx = p.Add("add", {p.Dense(x, "kernel", inputs, 3 * units), row(0)});
  const std::string zh = p.Add("add", {p.Dense(h, "recurrent_kernel", units, 3 * units), row(1)});
  const auto gate = [&](int64_t i) {
    return p.Add("sigmoid",
                 {p.Add("add", {p.Slice(zx, i * units, units), p.Slice(zh, i * units, units)})});
  };
  const std::string z = gate(0);
  const std::string r = gate(1);
  const std::string reset = p.Add("mul", {r, p.Slice(zh, 2 * units, units)});
  const std::string hh = p.Add("tanh", {p.Add("add", {p.Slice(zx, 2 * units, units), reset})});
  const std::string h2 =
      p.Add("add", {p.Add("mul", {z, h}), p.Add("mul", {p.Add("sub", {1.0, z}), hh})});
  p.Next(0, h2);
  return p.Finish(h2);
}

std::string MlstmText(int64_t heads, int64_t size) {
  TextWriter p;
  const int64_t n = heads * size;
  const std::string x = p.Input("x", {n});
  const std::string c = p.State("c", {heads, size, size});
  const std::string norm = p.State("n", {heads, size});
  const std::string m = p.State("m", {heads});
  const auto project = [&](const std::string& name) {
    return p.Reshape(p.Dense(x, name, n, n), {heads, size});
  };
  const std::string q = project("wq");
  const std::string k = project("wk");
  const std::string v = project("wv");
  const std::string i = p.Dense(x, "wi", n, heads);
  const std::string f = p.Add("log_sigmoid", {p.Dense(x, "wf", n, heads)});
  const std::string kept = p.Add("add", {f, m});
  const std::string m2 = p.Add("max", {kept, i});
  const std::string fs = p.Add("exp", {p.Add("sub", {kept, m2})});
  const std::string is = p.Add("exp", {p.Add("sub", {i, m2})});
  const auto wide = [&](const std::string& value) { return p.Reshape(value, {heads, 1, 1}); };
  const std::string outer =
      p.Add("mul", {p.Reshape(v, {heads, size, 1}), p.Reshape(k, {heads, 1, size})});
  const std::string c2 =
      p.Add("add", {p.Add("mul", {wide(fs), c}), p.Add("mul", {wide(is), outer})});
  const auto tall = [&](const std::string& value) { return p.Reshape(value, {heads, 1}); };
  const std::string n2 =
      p.Add("add", {p.Add("mul", {tall(fs), norm}), p.Add("mul", {tall(is), k})});
  const std::string read = p.Sum(p.Add("mul", {c2, p.Reshape(q, {heads, 1, size})}), 2);
  const std::string scale = p.Add("max", {p.Add("abs", {p.Sum(p.Add("mul", {n2, q}), 1)}), 1.0});
  p.Next(0, c2);
  p.Next(1, n2);
  p.Next(2, m2);
  return p.Finish(p.Reshape(p.Add("div", {read, tall(scale)}), {n}));
}

std::string GatedDeltaNetText(int64_t heads, int64_t size) {
  TextWriter p;
  const int64_t n = heads * size;
  const std::string x = p.Input("x", {n});
  const std::string s = p.State("s", {heads, size, size});  // [heads, keys, values]
  const auto project = [&](const std::string& name, const Json& shape) {
    return p.Reshape(p.Dense(x, name, n, n), shape);
  };
  const std::string q = project("wq", {heads, size, 1});
  const std::string k = project("wk", {heads, size, 1});
  const std::string v = project("wv", {heads, size});
  const std::string g = p.Add("sigmoid", {p.Dense(x, "wg", n, heads)});
  const std::string b = p.Add("sigmoid", {p.Dense(x, "wb", n, heads)});
  const std::string decayed = p.Add("mul", {s, p.Reshape(g, {heads, 1, 1})});
  const std::string known = p.Sum(p.Add("mul", {decayed, k}), 1);
  const std::string delta = p.Add("mul", {p.Add("sub", {v, known}), p.Reshape(b, {heads, 1})});
  const std::string s2 =
      p.Add("add", {decayed, p.Add("mul", {k, p.Reshape(delta, {heads, 1, size})})});
  p.Next(0, s2);
  return p.Finish(p.Reshape(p.Sum(p.Add("mul", {s2, q}), 1), {n}));
}

std::string Rwkv7Text(int64_t heads, int64_t size) {
  TextWriter p;
  const int64_t n = heads * size;
  const std::string x = p.Input("x", {n});
  const std::string s = p.State("s", {heads, size, size});  // [heads, values, keys]
  const auto project = [&](const std::string& name) {
    return p.Reshape(p.Dense(x, name, n, n), {heads, 1, size});
  };
  const std::string r = project("wr");
  const std::string w =
      p.Add("exp", {p.Add("mul", {p.Add("sigmoid", {project("ww")}), -0.606531})});
  const std::string k = project("wk");
  const std::string v = p.Reshape(p.Dense(x, "wv", n, n), {heads, size, 1});
  const std::string a = p.Add("sigmoid", {project("wa")});
  const std::string removed = p.Add("neg", {p.Add("tanh", {k})});
  const std::string known = p.Reshape(p.Sum(p.Add("mul", {s, removed}), 2), {heads, size, 1});
  const std::string replaced = p.Add("mul", {known, p.Add("neg", {p.Add("mul", {removed, a})})});
  const std::string s2 =
      p.Add("add", {p.Add("add", {p.Add("mul", {s, w}), replaced}), p.Add("mul", {v, k})});
  p.Next(0, s2);
  return p.Finish(p.Reshape(p.Sum(p.Add("mul", {s2, r}), 2), {n}));
}

std::string MambaText(int64_t channels, int64_t states) {
  TextWriter p;
  const std::string x = p.Input("x", {channels});
  const std::string h = p.State("h", {channels, states});
  const std::string dt = p.Add("softplus", {p.Dense(x, "wdt", channels, channels)});
  const std::string b = p.Reshape(p.Dense(x, "wb", channels, states), {1, states});
  const std::string c = p.Reshape(p.Dense(x, "wc", channels, states), {1, states});
  const std::string a = p.Add("neg", {p.Add("exp", {p.Weight("a_log", {channels, states})})});
  const std::string decay = p.Add("exp", {p.Add("mul", {p.Reshape(dt, {channels, 1}), a})});
  const std::string input = p.Reshape(p.Add("mul", {dt, x}), {channels, 1});
  const std::string h2 = p.Add("add", {p.Add("mul", {decay, h}), p.Add("mul", {input, b})});
  const std::string y = p.Sum(p.Add("mul", {h2, c}), 1);
  p.Next(0, h2);
  return p.Finish(p.Add("add", {y, p.Add("mul", {p.Weight("d", {channels}), x})}));
}

std::vector<std::pair<std::string, std::string>> CellTexts() {
  return {{"simple_rnn", SimpleRnnText(9, 21)},
          {"lstm", LstmText(9, 21)},
          {"gru", GruText(9, 21)},
          {"mlstm", MlstmText(2, 19)},
          {"mlstm_large", MlstmText(2, 96)},
          {"gated_delta_net", GatedDeltaNetText(2, 19)},
          {"gated_delta_net_large", GatedDeltaNetText(1, 128)},
          {"rwkv7", Rwkv7Text(2, 19)},
          {"rwkv7_large", Rwkv7Text(3, 64)},
          {"mamba", MambaText(37, 8)},
          {"mamba_large", MambaText(200, 16)}};
}

}  // namespace rnnserve::testing
