// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/peers/onnxruntime_peer.h"

#include <cstdlib>
#include <deque>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "tests/bench/peers/onnx_model.h"
#include "tests/bench/peers/onnxruntime_api.h"

namespace rnnserve::testing {
namespace {

const OrtApi& Api() {
  static const OrtApi* const api = OrtGetApiBase()->GetApi(kOrtFirstVersion);
  return *api;
}

absl::Status ToStatus(OrtStatus* status) {
  if (status == nullptr) return absl::OkStatus();
  absl::Status result =
      absl::UnimplementedError(absl::StrCat("ONNX Runtime: ", Api().GetErrorMessage(status)));
  Api().ReleaseStatus(status);
  return result;
}

// Owns an object of the library and releases it in its destructor.
template <typename Object>
using Owned = std::unique_ptr<Object, void (*)(Object*)>;

class OnnxRuntimePeer final : public Peer {
 public:
  absl::Status Load(const PeerTask& task) {
    RNNSERVE_RETURN_IF_ERROR(Create(Api().CreateEnv, env_, kOrtLogError, "bench"));
    Owned<OrtSessionOptions> options(nullptr, Api().ReleaseSessionOptions);
    RNNSERVE_RETURN_IF_ERROR(Create(Api().CreateSessionOptions, options));
    RNNSERVE_RETURN_IF_ERROR(ToStatus(Api().SetIntraOpNumThreads(options.get(), 1)));
    RNNSERVE_RETURN_IF_ERROR(ToStatus(Api().SetInterOpNumThreads(options.get(), 1)));
    const std::string model = OnnxModel(task);
    RNNSERVE_RETURN_IF_ERROR(Create(Api().CreateSessionFromArray, session_, env_.get(),
                                    model.data(), model.size(), options.get()));
    RNNSERVE_RETURN_IF_ERROR(Create(Api().CreateIoBinding, binding_, session_.get()));
    return BindAll(task);
  }

  void Step() override {
    OrtStatus* const status = Api().RunWithBinding(session_.get(), nullptr, binding_.get());
    if (status != nullptr) {
      std::cerr << ToStatus(status) << "\n";
      std::abort();
    }
  }

  std::vector<float> Output() const override { return *y_; }

 private:
  using Shape = std::vector<int64_t>;

  // Calls create(arguments..., &object).
  template <typename Function, typename Object, typename... Arguments>
  static absl::Status Create(Function create, Owned<Object>& object, Arguments... arguments) {
    Object* created = nullptr;
    RNNSERVE_RETURN_IF_ERROR(ToStatus(create(arguments..., &created)));
    object.reset(created);
    return absl::OkStatus();
  }

  absl::Status BindAll(const PeerTask& task) {
    RNNSERVE_RETURN_IF_ERROR(
        Create(Api().CreateCpuMemoryInfo, memory_, kOrtDeviceAllocator, kOrtDefaultMemory));
    const Shape state = {1, task.batch, task.units};
    const std::vector<float> zeros(task.h.size());
    RNNSERVE_RETURN_IF_ERROR(
        Bind(Api().BindInput, "X", {task.num_timesteps, task.batch, task.input_size}, task.x));
    RNNSERVE_RETURN_IF_ERROR(Bind(Api().BindInput, "H", state, task.h));
    RNNSERVE_RETURN_IF_ERROR(Bind(Api().BindOutput, "Y_h", state, zeros));
    if (task.cell == PeerCell::kLstm) {
      RNNSERVE_RETURN_IF_ERROR(Bind(Api().BindInput, "C", state, task.c));
      RNNSERVE_RETURN_IF_ERROR(Bind(Api().BindOutput, "Y_c", state, zeros));
    }
    const std::vector<float> zero_outputs(zeros.size() * static_cast<size_t>(task.num_timesteps));
    RNNSERVE_RETURN_IF_ERROR(
        Bind(Api().BindOutput, "Y", {task.num_timesteps, 1, task.batch, task.units}, zero_outputs));
    y_ = &buffers_.back();
    return absl::OkStatus();
  }

  // Copies `values` into a new buffer and binds it. `bind` is BindInput or BindOutput.
  absl::Status Bind(OrtStatus* (*bind)(OrtIoBinding*, const char*, const OrtValue*),
                    const char* name, const Shape& shape, absl::Span<const float> values) {
    std::vector<float>& buffer = buffers_.emplace_back(values.begin(), values.end());
    Owned<OrtValue> value(nullptr, Api().ReleaseValue);
    RNNSERVE_RETURN_IF_ERROR(Create(Api().CreateTensorWithDataAsOrtValue, value, memory_.get(),
                                    buffer.data(), buffer.size() * sizeof(float), shape.data(),
                                    shape.size(), kOrtFloat));
    RNNSERVE_RETURN_IF_ERROR(ToStatus(bind(binding_.get(), name, value.get())));
    values_.push_back(std::move(value));
    return absl::OkStatus();
  }

  // Released in the reverse order.
  std::deque<std::vector<float>> buffers_;  // A deque, because the library keeps their addresses.
  const std::vector<float>* y_ = nullptr;   // the buffer of the outputs
  Owned<OrtEnv> env_{nullptr, Api().ReleaseEnv};
  Owned<OrtSession> session_{nullptr, Api().ReleaseSession};
  Owned<OrtMemoryInfo> memory_{nullptr, Api().ReleaseMemoryInfo};
  std::vector<Owned<OrtValue>> values_;
  Owned<OrtIoBinding> binding_{nullptr, Api().ReleaseIoBinding};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> MakeOnnxRuntimePeer(const PeerTask& task) {
  auto peer = std::make_unique<OnnxRuntimePeer>();
  RNNSERVE_RETURN_IF_ERROR(peer->Load(task));
  return peer;
}

std::string OnnxRuntimeVersion() { return OrtGetApiBase()->GetVersionString(); }

}  // namespace rnnserve::testing
