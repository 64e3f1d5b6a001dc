// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// clang-tidy reads this file even if the library is not installed.
#if __has_include(<oneapi/dnnl/dnnl.hpp>)

#include "tests/bench/peers/onednn_peer.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <oneapi/dnnl/dnnl.hpp>

#include "absl/strings/str_cat.h"

// Part of OpenMP's interface, declared here because clang-tidy does not find the compiler's
// <omp.h>.
extern "C" void omp_set_num_threads(int num_threads);

namespace rnnserve::testing {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

constexpr auto kInference = dnnl::prop_kind::forward_inference;
constexpr auto kForward = dnnl::rnn_direction::unidirectional_left2right;

// The memory descriptions of a primitive's arguments. oneDNN also has dimensions for layers and
// directions; both are 1 here.
struct Arguments {
  memory::desc x, h, c, kernel, recurrent_kernel, bias, y, next_h, next_c;
};

// Describes the arguments of the task. If `packed` is set, the primitive chooses the layout of the
// weights. Otherwise it is Keras' layout, which oneDNN calls ldigo: input, gate, output. The order
// of the gates is the same in both.
Arguments Describe(const PeerTask& task, Type type, bool packed) {
  const int64_t batch = task.batch;
  const int64_t units = task.units;
  const int64_t gates = task.num_gates();
  const int64_t bias_rows = gates + (task.cell == PeerCell::kGruResetAfter ? 1 : 0);
  const Tag weights = packed ? Tag::any : Tag::ldigo;
  Arguments result;
  result.x = {{task.num_timesteps, batch, task.input_size}, type, Tag::tnc};
  result.h = {{1, 1, batch, units}, type, Tag::ldnc};
  result.c = {{1, 1, batch, units}, Type::f32, Tag::ldnc};
  result.kernel = {{1, 1, task.input_size, gates, units}, type, weights};
  result.recurrent_kernel = {{1, 1, units, gates, units}, type, weights};
  result.bias = {{1, 1, bias_rows, units}, Type::f32, Tag::ldgo};
  result.y = {{task.num_timesteps, batch, units}, type, Tag::tnc};
  result.next_h = result.h;
  result.next_c = result.c;
  return result;
}

dnnl::primitive_desc ChoosePrimitive(const PeerTask& task, Type type, const dnnl::engine& engine) {
  const Arguments a = Describe(task, type, /*packed=*/true);
  switch (task.cell) {
    case PeerCell::kLstm:
      return dnnl::lstm_forward::primitive_desc(engine, kInference, kForward, a.x, a.h, a.c,
                                                a.kernel, a.recurrent_kernel, a.bias, a.y, a.next_h,
                                                a.next_c);
    case PeerCell::kGruResetAfter:
      return dnnl::lbr_gru_forward::primitive_desc(engine, kInference, kForward, a.x, a.h, a.kernel,
                                                   a.recurrent_kernel, a.bias, a.y, a.next_h);
    case PeerCell::kGruResetBefore:
      break;
  }
  return dnnl::gru_forward::primitive_desc(engine, kInference, kForward, a.x, a.h, a.kernel,
                                           a.recurrent_kernel, a.bias, a.y, a.next_h);
}

// Keras has two biases for every gate. Only their sum matters, except for the last gate, because
// the reset gate is applied between the two. oneDNN's rows are z, r, h and the second h.
std::vector<float> Bias(const PeerTask& task) {
  std::vector<float> bias(task.bias.begin(), task.bias.end());
  if (task.cell != PeerCell::kGruResetAfter) return bias;
  const auto units = static_cast<size_t>(task.units);
  for (size_t u = 0; u < 2 * units; ++u) bias[u] += bias[3 * units + u];
  bias.erase(bias.begin() + static_cast<ptrdiff_t>(3 * units),
             bias.begin() + static_cast<ptrdiff_t>(5 * units));
  return bias;
}

class OneDnnPeer final : public Peer {
 public:
  OneDnnPeer(const PeerTask& task, Type type) {
    omp_set_num_threads(1);
    const dnnl::primitive_desc chosen = ChoosePrimitive(task, type, engine_);
    const Arguments given = Describe(task, Type::f32, /*packed=*/false);
    AddInput(chosen, DNNL_ARG_SRC_LAYER, given.x, task.x);
    AddInput(chosen, DNNL_ARG_SRC_ITER, given.h, task.h);
    AddInput(chosen, DNNL_ARG_WEIGHTS_LAYER, given.kernel, task.kernel);
    AddInput(chosen, DNNL_ARG_WEIGHTS_ITER, given.recurrent_kernel, task.recurrent_kernel);
    AddInput(chosen, DNNL_ARG_BIAS, given.bias, Bias(task));
    AddOutput(chosen, DNNL_ARG_DST_ITER);
    if (task.cell == PeerCell::kLstm) {
      AddInput(chosen, DNNL_ARG_SRC_ITER_C, given.c, task.c);
      AddOutput(chosen, DNNL_ARG_DST_ITER_C);
    }
    y_ = AddOutput(chosen, DNNL_ARG_DST_LAYER);
    y_desc_ = given.y;
    primitive_ = dnnl::primitive(chosen);
  }

  // Uses the C function because the C++ one copies its map of arguments first. With the OpenMP
  // runtime a CPU stream has finished when the call returns.
  void Step() override {
    const dnnl_status_t status = dnnl_primitive_execute(
        primitive_.get(), stream_.get(), static_cast<int>(arguments_.size()), arguments_.data());
    if (status != dnnl_success) {
      std::cerr << "oneDNN failed with status " << status << "\n";
      std::abort();
    }
  }

  std::vector<float> Output() const override {
    std::vector<float> result(y_desc_.get_size() / sizeof(float));
    memory from = y_;
    memory to(y_desc_, engine_, result.data());
    Reorder(from, to);
    return result;
  }

 private:
  void AddInput(const dnnl::primitive_desc& chosen, int argument, const memory::desc& desc,
                absl::Span<const float> values) {
    std::vector<float> copy(values.begin(), values.end());
    memory from(desc, engine_, copy.data());
    memory to = Add(chosen, argument);
    Reorder(from, to);
  }

  // Sets the memory to zero, so that every page is resident before the first step is timed.
  memory AddOutput(const dnnl::primitive_desc& chosen, int argument) {
    memory result = Add(chosen, argument);
    std::fill_n(static_cast<char*>(result.get_data_handle()), result.get_desc().get_size(), '\0');
    return result;
  }

  memory Add(const dnnl::primitive_desc& chosen, int argument) {
    const memory::desc desc = chosen.query_md(dnnl::query::exec_arg_md, argument);
    memories_.emplace_back(desc, engine_);
    arguments_.push_back({argument, memories_.back().get()});
    return memories_.back();
  }

  void Reorder(memory& from, memory& to) const {
    dnnl::stream stream(engine_);
    dnnl::reorder(from, to).execute(stream, from, to);
    stream.wait();
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::primitive primitive_;
  std::vector<memory> memories_;  // Keeps alive what arguments_ points to.
  std::vector<dnnl_exec_arg_t> arguments_;
  memory y_;             // In the type that the primitive writes,
  memory::desc y_desc_;  // and in the type that Output() returns.
};

absl::StatusOr<std::unique_ptr<Peer>> MakePeer(const PeerTask& task, Type type) {
  try {
    return std::make_unique<OneDnnPeer>(task, type);
  } catch (const dnnl::error& error) {
    return absl::UnimplementedError(absl::StrCat("oneDNN: ", error.what()));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> MakeOneDnnFp32Peer(const PeerTask& task) {
  return MakePeer(task, Type::f32);
}

absl::StatusOr<std::unique_ptr<Peer>> MakeOneDnnBf16Peer(const PeerTask& task) {
  return MakePeer(task, Type::bf16);
}

std::string OneDnnVersion() {
  const dnnl::version_t* version = dnnl::version();
  return absl::StrCat(version->major, ".", version->minor, ".", version->patch);
}

}  // namespace rnnserve::testing

#endif  // __has_include(<oneapi/dnnl/dnnl.hpp>)
