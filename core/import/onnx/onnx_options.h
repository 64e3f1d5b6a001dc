// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_ONNX_OPTIONS_H_
#define RNNSERVE_CORE_IMPORT_ONNX_ONNX_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve {

// The facts that an ONNX file lacks. Every name must be one of the file's. The same things can be
// said in two ways, and the flags win:
//
//   flag of rnnserve-import         key of the file MODEL.onnx.json next to the model
//   --set sr=16000                  "set": {"sr": 16000}
//   --set T=1                       "set": {"T": 1}
//   --shape input=1,576             "shape": {"input": [1, 576]}
//   --batch-axis state=1            "batch_axis": {"state": 1}
//   --batch-axis table=none         "batch_axis": {"table": null}
//   --time-axis x=1                 "time_axis": {"x": 1}
//   --state h=hn                    "state": {"h": "hn"}
//   --state cache=none              "state": {"cache": null}
//   --initial-state h=h0.npy        "initial_state": {"h": "h0.npy"}
//   --overlap input=64              "overlap": {"input": 64}
//
// A value type.
struct OnnxOptions {
  static constexpr int64_t kNoAxis = -1;

  // The numbers of an input that is the same at every step, or the extent of a symbolic dimension.
  std::map<std::string, std::vector<double>> set;
  // The whole shape of an input, with its batch axis.
  std::map<std::string, std::vector<int64_t>> shape;
  // The axis of an input or output that is the batch; kNoAxis if there is none.
  std::map<std::string, int64_t> batch_axis;
  // The axis of an input that is time, in a model whose recurrence is inside the file.
  std::map<std::string, int64_t> time_axis;
  // The output that holds an input's value at the next step; "" if the input is no state.
  std::map<std::string, std::string> state;
  // A file in NumPy's format with the value of a state before the first step; "zeros" for zeros. In
  // a MODEL.onnx.json a path is relative to its folder, and must stay below it.
  std::map<std::string, std::string> initial_state;
  // How many elements of an input's last frame are put in front of the next one. Clients send the
  // others.
  std::map<std::string, int64_t> overlap;
};

// Reads the content of a MODEL.onnx.json. `folder` is where it is. Errors: INVALID_ARGUMENT, reason
// MODEL_CONFIG, naming the key; also if a path leads out of the folder.
absl::StatusOr<OnnxOptions> ReadOnnxOptions(absl::string_view text, const std::string& folder);

// Adds a flag, named without dashes, with its value: ("batch-axis", "state=1"). Replaces what the
// options say about the same name. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG.
absl::Status AddOnnxFlag(absl::string_view flag, absl::string_view value, OnnxOptions& options);

// Returns the flags that AddOnnxFlag knows.
std::vector<absl::string_view> OnnxFlags();
// Returns the text about such a flag for the help of a program.
absl::string_view OnnxFlagHelp(absl::string_view flag);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_ONNX_OPTIONS_H_
