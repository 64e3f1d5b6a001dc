// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_ONNX_ONNXRUNTIME_MODEL_H_
#define RNNSERVE_TESTS_BENCH_ONNX_ONNXRUNTIME_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace rnnserve::testing {

// A model in ONNX Runtime, on its CPU provider and on the calling thread alone, with the default
// optimizations. The library is loaded while the program runs, from the Python package, so building
// does not need it. Used by one thread at a time: the one that measures.
class OnnxRuntimeModel {
 public:
  // An input in memory of the caller, which must outlive the model.
  struct Input {
    std::string name;
    bool is_integer = false;  // 64 bits; else float
    std::vector<int64_t> shape;
    void* data = nullptr;
    size_t bytes = 0;
  };

  // Errors: UNIMPLEMENTED, if the library cannot be loaded or refuses the model.
  static absl::StatusOr<std::unique_ptr<OnnxRuntimeModel>> Load(const std::string& library,
                                                                absl::string_view model);
  ~OnnxRuntimeModel();
  OnnxRuntimeModel(const OnnxRuntimeModel&) = delete;
  OnnxRuntimeModel& operator=(const OnnxRuntimeModel&) = delete;

  // Runs the model once, and prepares calls with the same inputs that write their outputs to the
  // same memory. Returns the number of the call. Errors: UNIMPLEMENTED, if the graph does not take
  // inputs of these shapes.
  absl::StatusOr<size_t> Prepare(absl::Span<const Input> inputs,
                                 absl::Span<const std::string> outputs);

  // Runs a prepared call. Copies nothing.
  void Run(size_t call);
  // Returns where its outputs are, in the order of Prepare.
  absl::Span<const float* const> outputs(size_t call) const;

 private:
  struct Parts;
  explicit OnnxRuntimeModel(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_ONNX_ONNXRUNTIME_MODEL_H_
