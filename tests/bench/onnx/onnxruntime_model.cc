// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/onnx/onnxruntime_model.h"

#include <dlfcn.h>

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "tests/bench/peers/onnxruntime_api.h"

namespace rnnserve::testing {
namespace {

constexpr int kOrtInt64 = 7;  // ONNX's number for the element type

absl::StatusOr<const OrtApi*> LoadApi(const std::string& library) {
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const get_base = handle == nullptr ? nullptr : dlsym(handle, "OrtGetApiBase");
  if (get_base == nullptr) {
    return absl::UnimplementedError(absl::StrCat("'", library, "': ", dlerror()));
  }
  return reinterpret_cast<const OrtApiBase* (*)()>(get_base)()->GetApi(kOrtFirstVersion);
}

// Owns an object of the library and releases it in its destructor.
template <typename Object>
using Owned = std::unique_ptr<Object, void (*)(Object*)>;

// A prepared call.
struct Call {
  std::vector<Owned<OrtValue>> values;
  std::vector<const float*> outputs;
  OrtIoBinding* binding = nullptr;
};

}  // namespace

struct OnnxRuntimeModel::Parts {
  absl::Status Check(OrtStatus* status) const {
    if (status == nullptr) return absl::OkStatus();
    absl::Status result =
        absl::UnimplementedError(absl::StrCat("ONNX Runtime: ", api->GetErrorMessage(status)));
    api->ReleaseStatus(status);
    return result;
  }

  // Released with the process: a benchmark has one model.
  const OrtApi* api = nullptr;
  OrtEnv* env = nullptr;
  OrtMemoryInfo* memory = nullptr;
  OrtSession* session = nullptr;
  std::vector<Call> calls;
};

OnnxRuntimeModel::OnnxRuntimeModel(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
OnnxRuntimeModel::~OnnxRuntimeModel() = default;

absl::StatusOr<std::unique_ptr<OnnxRuntimeModel>> OnnxRuntimeModel::Load(const std::string& library,
                                                                         absl::string_view model) {
  auto parts = std::make_unique<Parts>();
  RNNSERVE_ASSIGN_OR_RETURN(parts->api, LoadApi(library));
  const OrtApi& api = *parts->api;
  RNNSERVE_RETURN_IF_ERROR(parts->Check(api.CreateEnv(kOrtLogError, "bench", &parts->env)));
  OrtSessionOptions* options = nullptr;
  RNNSERVE_RETURN_IF_ERROR(parts->Check(api.CreateSessionOptions(&options)));
  const Owned<OrtSessionOptions> owned(options, api.ReleaseSessionOptions);
  RNNSERVE_RETURN_IF_ERROR(parts->Check(api.SetIntraOpNumThreads(options, 1)));
  RNNSERVE_RETURN_IF_ERROR(parts->Check(api.SetInterOpNumThreads(options, 1)));
  RNNSERVE_RETURN_IF_ERROR(parts->Check(api.CreateSessionFromArray(
      parts->env, model.data(), model.size(), options, &parts->session)));
  RNNSERVE_RETURN_IF_ERROR(parts->Check(
      api.CreateCpuMemoryInfo(kOrtDeviceAllocator, kOrtDefaultMemory, &parts->memory)));
  return std::unique_ptr<OnnxRuntimeModel>(new OnnxRuntimeModel(std::move(parts)));
}

absl::StatusOr<size_t> OnnxRuntimeModel::Prepare(absl::Span<const Input> inputs,
                                                 absl::Span<const std::string> outputs) {
  const OrtApi& api = *parts_->api;
  Call call;
  RNNSERVE_RETURN_IF_ERROR(parts_->Check(api.CreateIoBinding(parts_->session, &call.binding)));
  std::vector<const char*> input_names, output_names;
  std::vector<const OrtValue*> input_values;
  for (const Input& input : inputs) {
    OrtValue* value = nullptr;
    RNNSERVE_RETURN_IF_ERROR(parts_->Check(api.CreateTensorWithDataAsOrtValue(
        parts_->memory, input.data, input.bytes, input.shape.data(), input.shape.size(),
        input.is_integer ? kOrtInt64 : kOrtFloat, &value)));
    call.values.emplace_back(value, api.ReleaseValue);
    RNNSERVE_RETURN_IF_ERROR(parts_->Check(api.BindInput(call.binding, input.name.c_str(), value)));
    input_names.push_back(input.name.c_str());
    input_values.push_back(value);
  }
  for (const std::string& output : outputs) output_names.push_back(output.c_str());
  // The first run allocates the outputs.
  std::vector<OrtValue*> output_values(outputs.size(), nullptr);
  RNNSERVE_RETURN_IF_ERROR(parts_->Check(api.Run(
      parts_->session, nullptr, input_names.data(), input_values.data(), input_values.size(),
      output_names.data(), output_names.size(), output_values.data())));
  for (size_t i = 0; i < outputs.size(); ++i) {
    call.values.emplace_back(output_values[i], api.ReleaseValue);
    void* data = nullptr;
    RNNSERVE_RETURN_IF_ERROR(parts_->Check(api.GetTensorMutableData(output_values[i], &data)));
    call.outputs.push_back(static_cast<const float*>(data));
    RNNSERVE_RETURN_IF_ERROR(
        parts_->Check(api.BindOutput(call.binding, output_names[i], output_values[i])));
  }
  parts_->calls.push_back(std::move(call));
  return parts_->calls.size() - 1;
}

void OnnxRuntimeModel::Run(size_t call) {
  const absl::Status status = parts_->Check(
      parts_->api->RunWithBinding(parts_->session, nullptr, parts_->calls[call].binding));
  if (!status.ok()) {
    std::cerr << status << "\n";
    std::abort();
  }
}

absl::Span<const float* const> OnnxRuntimeModel::outputs(size_t call) const {
  return parts_->calls[call].outputs;
}

}  // namespace rnnserve::testing
