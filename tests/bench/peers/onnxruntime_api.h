// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PEERS_ONNXRUNTIME_API_H_
#define RNNSERVE_TESTS_BENCH_PEERS_ONNXRUNTIME_API_H_

#include <cstddef>
#include <cstdint>

// The few functions of ONNX Runtime's C interface that the benchmark calls. They are declared here
// because the packages with the library contain no header. The interface is a table of functions; a
// new version only appends to it, so the index of a function never changes. The indices are
// asserted below. A null status means success.

namespace rnnserve::testing {

struct OrtEnv;
struct OrtIoBinding;
struct OrtMemoryInfo;
struct OrtRunOptions;
struct OrtSession;
struct OrtSessionOptions;
struct OrtStatus;
struct OrtValue;

constexpr int kOrtLogError = 3;
constexpr int kOrtDeviceAllocator = 0;
constexpr int kOrtDefaultMemory = 0;
constexpr int kOrtFloat = 1;              // ONNX's number for the element type
constexpr uint32_t kOrtFirstVersion = 8;  // the first version with all functions below

struct OrtApi {
  using Unused = void (*)();

  Unused unused_0[2];
  const char* (*GetErrorMessage)(const OrtStatus*);
  OrtStatus* (*CreateEnv)(int log_level, const char* log_id, OrtEnv**);
  Unused unused_4[4];
  OrtStatus* (*CreateSessionFromArray)(const OrtEnv*, const void* model, size_t model_bytes,
                                       const OrtSessionOptions*, OrtSession**);
  OrtStatus* (*Run)(OrtSession*, const OrtRunOptions*, const char* const* input_names,
                    const OrtValue* const* inputs, size_t num_inputs,
                    const char* const* output_names, size_t num_outputs, OrtValue** outputs);
  OrtStatus* (*CreateSessionOptions)(OrtSessionOptions**);
  Unused unused_11[13];
  OrtStatus* (*SetIntraOpNumThreads)(OrtSessionOptions*, int num_threads);
  OrtStatus* (*SetInterOpNumThreads)(OrtSessionOptions*, int num_threads);
  Unused unused_26[23];
  OrtStatus* (*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo*, void* data, size_t data_bytes,
                                               const int64_t* shape, size_t num_dimensions,
                                               int element_type, OrtValue**);
  Unused unused_50[1];
  OrtStatus* (*GetTensorMutableData)(OrtValue*, void** data);
  Unused unused_52[17];
  OrtStatus* (*CreateCpuMemoryInfo)(int allocator_type, int memory_type, OrtMemoryInfo**);
  Unused unused_70[22];
  void (*ReleaseEnv)(OrtEnv*);
  void (*ReleaseStatus)(OrtStatus*);
  void (*ReleaseMemoryInfo)(OrtMemoryInfo*);
  void (*ReleaseSession)(OrtSession*);
  void (*ReleaseValue)(OrtValue*);
  Unused unused_97[3];
  void (*ReleaseSessionOptions)(OrtSessionOptions*);
  Unused unused_101[32];
  OrtStatus* (*RunWithBinding)(OrtSession*, const OrtRunOptions*, const OrtIoBinding*);
  OrtStatus* (*CreateIoBinding)(OrtSession*, OrtIoBinding**);
  void (*ReleaseIoBinding)(OrtIoBinding*);
  OrtStatus* (*BindInput)(OrtIoBinding*, const char* name, const OrtValue*);
  OrtStatus* (*BindOutput)(OrtIoBinding*, const char* name, const OrtValue*);
};

static_assert(offsetof(OrtApi, CreateSessionFromArray) == 8 * sizeof(void*));
static_assert(offsetof(OrtApi, SetIntraOpNumThreads) == 24 * sizeof(void*));
static_assert(offsetof(OrtApi, CreateTensorWithDataAsOrtValue) == 49 * sizeof(void*));
static_assert(offsetof(OrtApi, GetTensorMutableData) == 51 * sizeof(void*));
static_assert(offsetof(OrtApi, CreateCpuMemoryInfo) == 69 * sizeof(void*));
static_assert(offsetof(OrtApi, ReleaseEnv) == 92 * sizeof(void*));
static_assert(offsetof(OrtApi, ReleaseSessionOptions) == 100 * sizeof(void*));
static_assert(offsetof(OrtApi, RunWithBinding) == 133 * sizeof(void*));
static_assert(offsetof(OrtApi, BindOutput) == 137 * sizeof(void*));

struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

extern "C" const OrtApiBase* OrtGetApiBase();

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_ONNXRUNTIME_API_H_
