// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// ONNX models: the input is a file, or a ModelProto in protobuf's text form. If its producer_name
// begins with a brace, it is the sidecar MODEL.onnx.json. The model is imported as rnnserve-import
// does, but tensors in other files are refused, and initial states in files become zeros.

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "core/import/onnx/graph_reader.h"
#include "core/import/onnx/onnx_import.h"
#include "core/import/onnx/onnx_options.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/message_mutator.h"

namespace rnnserve::testing {
namespace {

using google::protobuf::Message;

// ModelProto with reflection. The generated classes are those of the small runtime, which has none.
class ModelMessages {
 public:
  ModelMessages() {
    std::ifstream file(RNNSERVE_ONNX_DESCRIPTORS, std::ios::binary);
    google::protobuf::FileDescriptorSet files;
    Require(files.ParseFromIstream(&file) && files.file_size() == 1, "onnx.proto cannot be read");
    pool_.BuildFile(files.file(0));
  }

  std::unique_ptr<Message> New() {
    const auto* const type = pool_.FindMessageTypeByName("onnx.ModelProto");
    Require(type != nullptr, "onnx.proto has no ModelProto");
    return std::unique_ptr<Message>(factory_.GetPrototype(type)->New());
  }

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
};

std::unique_ptr<Message> NewModel() {
  static ModelMessages& messages = *new ModelMessages();
  return messages.New();
}

std::string SidecarOf(const Message& model) {
  const auto* const field = model.GetDescriptor()->FindFieldByName("producer_name");
  const std::string name = model.GetReflection()->GetString(model, field);
  return absl::StartsWith(name, "{") ? name : "";
}

absl::Status Import(const std::string& file, const std::string& sidecar) {
  static const LayerRegistry& registry = *new LayerRegistry(LayerRegistry::BuiltIn());
  const auto model = ReadOnnx(file, "");
  if (!model.ok()) return model.status();
  auto options = sidecar.empty() ? OnnxOptions() : ReadOnnxOptions(sidecar, "");
  if (!options.ok()) return options.status();
  for (auto& [state, path] : options->initial_state) path = "zeros";
  return ImportOnnx(*model, *options, registry).status();
}

}  // namespace
}  // namespace rnnserve::testing

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return rnnserve::testing::MutateMessage(*rnnserve::testing::NewModel(), data, size, max_size,
                                          seed);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rnnserve::testing;  // NOLINT(google-build-using-namespace)
  const auto model = NewModel();
  const MessageForm form = ReadMessage(TextOf(data, size), *model);
  std::string file(TextOf(data, size));
  if (form == MessageForm::kText) model->SerializePartialToString(&file);
  const std::string sidecar = form == MessageForm::kNone ? "" : SidecarOf(*model);
  RequireReason(Import(file, sidecar));
  return 0;
}
