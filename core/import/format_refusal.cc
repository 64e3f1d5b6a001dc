// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/error.h"
#include "core/import/file_format.h"

namespace rnnserve {
namespace {

enum class Holds { kModel, kNoModel };

constexpr absl::string_view kNothing = "";
constexpr absl::string_view kSaveKeras = "save the Keras model with model.save('model.keras')";
constexpr absl::string_view kExportTorch =
    "export the PyTorch module to ONNX with torch.onnx.export, with its states as inputs and "
    "outputs: forward(x, *states) returns (y, *new_states)";
constexpr absl::string_view kSaveOrExport =
    "save a Keras model with model.save('model.keras'), or export a PyTorch module to ONNX with "
    "its states as inputs and outputs";

struct Refusal {
  FileFormat format;
  Holds holds;
  absl::string_view what;  // completes "this is "
  // The way to a model that can be served; `last` is one that several formats have in common.
  absl::string_view first;
  absl::string_view last = kNothing;
};

constexpr std::array kRefusals = {
    Refusal{FileFormat::kBundle, Holds::kModel, "a bundle already",
            "serve its folder with rnnserve --model NAME=FOLDER"},
    Refusal{FileFormat::kTorchPickle, Holds::kModel,
            "a PyTorch file of torch.save, which holds pickled Python objects",
            "load it in Python, and ", kExportTorch},
    Refusal{FileFormat::kTorchScript, Holds::kModel, "a TorchScript program of PyTorch",
            "load it in Python with torch.jit.load, and ", kExportTorch},
    Refusal{FileFormat::kTorchExported, Holds::kModel, "a program of PyTorch's torch.export",
            "load it in Python with torch.export.load, and ", kExportTorch},
    Refusal{FileFormat::kExecuTorch, Holds::kModel, "an ExecuTorch program",
            "go back to what it was made from, and ", kExportTorch},
    Refusal{FileFormat::kSavedModel, Holds::kModel, "a TensorFlow SavedModel",
            "convert it to ONNX (python -m tf2onnx.convert --saved-model FOLDER --output "
            "model.onnx), or ",
            kSaveKeras},
    Refusal{FileFormat::kTensorFlowGraph, Holds::kModel, "a TensorFlow graph",
            "convert it to ONNX (python -m tf2onnx.convert --graphdef FILE --output model.onnx "
            "--inputs X:0,... --outputs Y:0,...), or ",
            kSaveKeras},
    Refusal{FileFormat::kTensorFlowCheckpoint, Holds::kModel,
            "a TensorFlow checkpoint, which holds weights without a model",
            "load it with model.load_weights, and ", kSaveKeras},
    Refusal{FileFormat::kTensorFlowJs, Holds::kModel, "a TensorFlow.js model",
            "go back to what it was made from, and ", kSaveKeras},
    Refusal{FileFormat::kTfLite, Holds::kModel, "a TensorFlow Lite model",
            "convert it to ONNX (python -m tf2onnx.convert --tflite FILE --output model.onnx), or ",
            kSaveKeras},
    Refusal{FileFormat::kOnnxRuntime, Holds::kModel, "a model in the ORT format of ONNX Runtime",
            "give the .onnx file that it was made from"},
    Refusal{FileFormat::kOpenVino, Holds::kModel, "an OpenVINO model",
            "give the ONNX file or the Keras model that it was made from"},
    Refusal{FileFormat::kCoreMl, Holds::kModel, "a Core ML model",
            "go back to what it was made from, and ", kSaveOrExport},
    Refusal{FileFormat::kGguf, Holds::kModel,
            "a GGUF or GGML file, which holds weights without the model",
            "go back to what it was made from, and ", kExportTorch},
    Refusal{FileFormat::kHuggingFace, Holds::kModel,
            "a folder of Hugging Face, which holds weights without the program of the model",
            "load the model in Python, and ", kExportTorch},
    Refusal{
        FileFormat::kPickle, Holds::kModel,
        "a pickle of Python objects, as pickle, joblib and scikit-learn write them, and reading "
        "one can run any code",
        "load it in Python, and ", kSaveOrExport},
    Refusal{FileFormat::kNumpy, Holds::kModel,
            "a file of NumPy arrays, which holds numbers without a model",
            "write the arrays to a bundle of model.json and weights.safetensors "
            "(core/model/FORMAT.md)"},
    Refusal{FileFormat::kSafetensors, Holds::kModel,
            "a safetensors file, which holds weights without a model",
            "put it into a bundle beside a model.json that describes the layers "
            "(core/model/FORMAT.md), or load the weights in Python, and ",
            kSaveOrExport},
    Refusal{FileFormat::kCompressed, Holds::kModel, "a compressed file", "unpack it first"},
    Refusal{FileFormat::kTar, Holds::kModel, "a tar archive", "unpack it first"},
    Refusal{FileFormat::kOtherZip, Holds::kModel, "a zip archive, but not a .keras file",
            "if a model is inside, unpack it first"},

    Refusal{FileFormat::kDamagedZip, Holds::kNoModel, "a zip archive that is damaged or cut off",
            "copy or download it again"},
    Refusal{FileFormat::kEmpty, Holds::kNoModel, "an empty file", "copy or download it again"},
    Refusal{FileFormat::kGitLfsPointer, Holds::kNoModel,
            "a pointer of Git LFS and not the file itself", "fetch the file with git lfs pull"},
    Refusal{FileFormat::kHtml, Holds::kNoModel,
            "an HTML page, perhaps the answer to a download that failed", "download it again"},
    Refusal{FileFormat::kJson, Holds::kNoModel, "a JSON file, which holds no weights",
            "give the weights of a Keras model and its configuration with --config, or the folder "
            "of a bundle"},
    Refusal{FileFormat::kText, Holds::kNoModel, "a text file",
            "give a .keras, .h5 or ONNX file, or a bundle"},
    Refusal{FileFormat::kOtherFolder, Holds::kNoModel,
            "a folder with neither a bundle (model.json) nor an unpacked .keras file "
            "(metadata.json, config.json, model.weights.h5)",
            "give the path of the model itself"},
    Refusal{FileFormat::kUnknown, Holds::kNoModel, "a file of no known format",
            "give a .keras, .h5 or ONNX file, or a bundle"},
};

}  // namespace

absl::Status FormatRefusal(FileFormat format) {
  const Refusal* refusal = kRefusals.begin();
  while (refusal->format != format && refusal->format != FileFormat::kUnknown) ++refusal;
  const std::string text =
      absl::StrCat("this is ", refusal->what, "; ", refusal->first, refusal->last);
  if (refusal->holds == Holds::kNoModel) return InvalidArgument("MODEL_FORMAT", text);
  return MakeError(absl::StatusCode::kUnimplemented, "MODEL_FORMAT_UNSUPPORTED", text);
}

}  // namespace rnnserve
