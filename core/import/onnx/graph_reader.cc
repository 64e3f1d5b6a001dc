// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/graph_reader.h"

#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/onnx_limits.h"
#include "core/import/onnx/tensor_reader.h"
#include "core/model/input_file.h"
#include "onnx/onnx.pb.h"

namespace rnnserve {
namespace {

using onnx::AttributeProto;

constexpr int64_t kOpsetMin = 7;

absl::Status Malformed(absl::string_view text) { return InvalidArgument("MODEL_FORMAT", text); }

absl::Status Unsupported(absl::string_view text) {
  return MakeError(absl::StatusCode::kUnimplemented, "MODEL_UNSUPPORTED", text);
}

std::string DomainOf(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

// Turns the messages of a file into the structs of onnx_graph.h. Recursion is bounded twice: by the
// reader of protocol buffers, and by kOnnxDepthMax.
class GraphReader {
 public:
  explicit GraphReader(std::string folder) : tensors_(std::move(folder)) {}

  absl::StatusOr<OnnxModel> Read(onnx::ModelProto& proto);

 private:
  absl::StatusOr<OnnxGraph> ReadGraph(onnx::GraphProto& proto, int depth);
  absl::StatusOr<OnnxFunction> ReadFunction(onnx::FunctionProto& proto);
  absl::StatusOr<OnnxNode> ReadNode(onnx::NodeProto& proto, int depth);
  absl::StatusOr<std::vector<OnnxNode>> ReadNodes(
      google::protobuf::RepeatedPtrField<onnx::NodeProto>& protos, int depth);
  absl::StatusOr<OnnxAttribute> ReadAttribute(AttributeProto& proto, int depth);

  TensorReader tensors_;
  int64_t num_nodes_ = 0;
};

// Returns the type of an attribute. Files of the first version of the format do not say it.
AttributeProto::AttributeType TypeOf(const AttributeProto& proto) {
  if (proto.type() != AttributeProto::UNDEFINED) return proto.type();
  if (proto.has_f()) return AttributeProto::FLOAT;
  if (proto.has_i()) return AttributeProto::INT;
  if (proto.has_s()) return AttributeProto::STRING;
  if (proto.has_t()) return AttributeProto::TENSOR;
  if (proto.has_g()) return AttributeProto::GRAPH;
  if (proto.floats_size() > 0) return AttributeProto::FLOATS;
  if (proto.ints_size() > 0) return AttributeProto::INTS;
  if (proto.strings_size() > 0) return AttributeProto::STRINGS;
  return AttributeProto::UNDEFINED;
}

absl::StatusOr<OnnxAttribute> GraphReader::ReadAttribute(AttributeProto& proto, int depth) {
  if (!proto.ref_attr_name().empty()) return OnnxAttributeReference{proto.ref_attr_name()};
  switch (TypeOf(proto)) {
    case AttributeProto::FLOAT:
      return proto.f();
    case AttributeProto::INT:
      return static_cast<int64_t>(proto.i());
    case AttributeProto::STRING:
      return proto.s();
    case AttributeProto::TENSOR:
      return tensors_.Read(*proto.mutable_t());
    case AttributeProto::GRAPH: {
      RNNSERVE_ASSIGN_OR_RETURN(OnnxGraph graph, ReadGraph(*proto.mutable_g(), depth + 1));
      return std::make_shared<const OnnxGraph>(std::move(graph));
    }
    case AttributeProto::FLOATS:
      return std::vector<float>(proto.floats().begin(), proto.floats().end());
    case AttributeProto::INTS:
      return std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
    case AttributeProto::STRINGS:
      return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
    default:
      return Unsupported(absl::StrCat("attribute '", proto.name(), "' has the type ",
                                      static_cast<int>(proto.type()), ", which is not supported"));
  }
}

absl::StatusOr<OnnxNode> GraphReader::ReadNode(onnx::NodeProto& proto, int depth) {
  if (++num_nodes_ > kOnnxNodesMax) {
    return InvalidArgument("MODEL_TOO_LARGE", absl::StrCat("more than ", kOnnxNodesMax, " nodes"));
  }
  OnnxNode node;
  node.name = proto.name();
  node.domain = DomainOf(proto.domain());
  node.op_type = proto.op_type();
  node.overload = proto.overload();
  node.inputs.assign(proto.input().begin(), proto.input().end());
  node.outputs.assign(proto.output().begin(), proto.output().end());
  for (AttributeProto& attribute : *proto.mutable_attribute()) {
    absl::StatusOr<OnnxAttribute> value = ReadAttribute(attribute, depth);
    if (!value.ok()) {
      return Annotate(value.status(), absl::StrCat("node '", node.name, "' (", node.op_type, ")"));
    }
    if (!node.attributes.emplace(attribute.name(), *std::move(value)).second) {
      return Malformed(
          absl::StrCat("node '", node.name, "' has two attributes '", attribute.name(), "'"));
    }
  }
  return node;
}

absl::StatusOr<std::vector<OnnxNode>> GraphReader::ReadNodes(
    google::protobuf::RepeatedPtrField<onnx::NodeProto>& protos, int depth) {
  std::vector<OnnxNode> nodes;
  for (onnx::NodeProto& proto : protos) {
    RNNSERVE_ASSIGN_OR_RETURN(OnnxNode node, ReadNode(proto, depth));
    nodes.push_back(std::move(node));
  }
  return nodes;
}

// The bodies of Ifs and Loops may leave out the types of their inputs and outputs.
absl::StatusOr<OnnxValueInfo> ReadValueInfo(const onnx::ValueInfoProto& proto, bool is_body) {
  OnnxValueInfo info;
  info.name = proto.name();
  if (!proto.type().has_tensor_type()) {
    if (is_body) return info;
    return Unsupported(absl::StrCat("'", info.name, "' is not a tensor"));
  }
  const onnx::TypeProto::Tensor& tensor = proto.type().tensor_type();
  const std::string what = absl::StrCat("'", info.name, "'");
  if (tensor.elem_type() != 0 || !is_body) {
    RNNSERVE_ASSIGN_OR_RETURN(info.type, ElementTypeOfOnnx(tensor.elem_type(), what));
  }
  if (!tensor.has_shape()) return info;
  info.axes.emplace();
  for (const auto& dim : tensor.shape().dim()) {
    OnnxValueInfo::Axis axis;
    axis.symbol = dim.dim_param();
    // An extent of 0 is what some exporters write for one that they do not know.
    if (dim.has_dim_value() && dim.dim_value() > 0) axis.extent = dim.dim_value();
    info.axes->push_back(std::move(axis));
  }
  return info;
}

absl::StatusOr<OnnxGraph> GraphReader::ReadGraph(onnx::GraphProto& proto, int depth) {
  if (depth > kOnnxDepthMax) {
    return InvalidArgument("MODEL_TOO_LARGE",
                           absl::StrCat("graphs are nested more than ", kOnnxDepthMax, " deep"));
  }
  if (proto.sparse_initializer_size() > 0) {
    return Unsupported(absl::StrCat("sparse tensor '", proto.sparse_initializer(0).values().name(),
                                    "': only dense tensors are supported"));
  }
  OnnxGraph graph;
  graph.name = proto.name();
  for (onnx::TensorProto& tensor : *proto.mutable_initializer()) {
    const std::string name = tensor.name();
    RNNSERVE_ASSIGN_OR_RETURN(OnnxTensor read, tensors_.Read(tensor));
    if (!graph.initializers.emplace(name, std::make_shared<const OnnxTensor>(std::move(read)))
             .second) {
      return Malformed(absl::StrCat("there are two tensors named '", name, "'"));
    }
  }
  for (const onnx::ValueInfoProto& input : proto.input()) {
    if (graph.initializers.count(input.name()) > 0) continue;
    RNNSERVE_ASSIGN_OR_RETURN(OnnxValueInfo info, ReadValueInfo(input, depth > 0));
    graph.inputs.push_back(std::move(info));
  }
  for (const onnx::ValueInfoProto& output : proto.output()) {
    RNNSERVE_ASSIGN_OR_RETURN(OnnxValueInfo info, ReadValueInfo(output, depth > 0));
    graph.outputs.push_back(std::move(info));
  }
  RNNSERVE_ASSIGN_OR_RETURN(graph.nodes, ReadNodes(*proto.mutable_node(), depth));
  return graph;
}

OnnxOpsets ReadOpsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& protos) {
  OnnxOpsets opsets;
  for (const onnx::OperatorSetIdProto& proto : protos) {
    opsets[DomainOf(proto.domain())] = proto.version();
  }
  return opsets;
}

absl::Status CheckOpsets(const OnnxOpsets& opsets) {
  const auto onnx = opsets.find("");
  if (onnx == opsets.end() || onnx->second >= kOpsetMin) return absl::OkStatus();
  return Unsupported(absl::StrCat("the file is written for operator set ", onnx->second,
                                  "; the oldest that is supported is ", kOpsetMin,
                                  ". onnx.version_converter can convert it"));
}

absl::StatusOr<OnnxFunction> GraphReader::ReadFunction(onnx::FunctionProto& proto) {
  OnnxFunction function;
  function.inputs.assign(proto.input().begin(), proto.input().end());
  function.outputs.assign(proto.output().begin(), proto.output().end());
  function.opsets = ReadOpsets(proto.opset_import());
  RNNSERVE_RETURN_IF_ERROR(CheckOpsets(function.opsets));
  RNNSERVE_ASSIGN_OR_RETURN(function.nodes, ReadNodes(*proto.mutable_node(), 0));
  for (AttributeProto& attribute : *proto.mutable_attribute_proto()) {
    RNNSERVE_ASSIGN_OR_RETURN(OnnxAttribute value, ReadAttribute(attribute, 0));
    function.defaults.emplace(attribute.name(), std::move(value));
  }
  return function;
}

absl::StatusOr<OnnxModel> GraphReader::Read(onnx::ModelProto& proto) {
  if (!proto.has_graph() || proto.ir_version() < 1 || proto.opset_import_size() == 0) {
    return Malformed("the file is not an ONNX model: it has no graph, version or operator set");
  }
  OnnxModel model;
  model.producer = absl::StrCat(proto.producer_name(), proto.producer_version().empty() ? "" : " ",
                                proto.producer_version());
  model.opsets = ReadOpsets(proto.opset_import());
  RNNSERVE_RETURN_IF_ERROR(CheckOpsets(model.opsets));
  RNNSERVE_ASSIGN_OR_RETURN(model.graph, ReadGraph(*proto.mutable_graph(), 0));
  for (onnx::FunctionProto& function : *proto.mutable_functions()) {
    const std::string key =
        FunctionKey(DomainOf(function.domain()), function.name(), function.overload());
    RNNSERVE_ASSIGN_OR_RETURN(OnnxFunction read, ReadFunction(function));
    model.functions.emplace(key, std::move(read));
  }
  return model;
}

}  // namespace

absl::StatusOr<OnnxModel> ReadOnnx(absl::string_view content, const std::string& folder) {
  if (static_cast<int64_t>(content.size()) > kOnnxFileBytesMax) {
    return InvalidArgument(
        "MODEL_TOO_LARGE",
        absl::StrCat(content.size(), " bytes; at most ", kOnnxFileBytesMax,
                     ". Save the weights in a file of their own (save_as_external_data)"));
  }
  onnx::ModelProto proto;
  if (!proto.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    return Malformed("the file is damaged or is not an ONNX model: it is not a protocol buffer");
  }
  return GraphReader(folder).Read(proto);
}

absl::StatusOr<OnnxModel> ReadOnnxFile(const std::string& path) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::string content, ReadInputFile(path, kOnnxFileBytesMax));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  absl::StatusOr<OnnxModel> model = ReadOnnx(content, folder.empty() ? "." : folder);
  if (!model.ok()) return Annotate(model.status(), absl::StrCat("'", path, "'"));
  return model;
}

std::string FunctionKey(absl::string_view domain, absl::string_view name,
                        absl::string_view overload) {
  return absl::StrCat(domain, "::", name, "::", overload);
}

}  // namespace rnnserve
