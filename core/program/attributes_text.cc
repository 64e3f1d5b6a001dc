// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/attributes_text.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/program/operation_traits.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

struct AttributeKey {
  uint32_t attribute;
  absl::string_view key;
};

// In the order in which error texts list them.
constexpr AttributeKey kKeys[] = {
    {kAttributeAxis, "axis"},
    {kAttributeAxes, "axes"},
    {kAttributePerm, "perm"},
    {kAttributeShape, "shape"},
    {kAttributeSlices, "slices"},
    {kAttributePads, "pads"},
    {kAttributePads, "mode"},
    {kAttributeStarts, "starts"},
    {kAttributeType, "type"},
    {kAttributeEquation, "equation"},
    {kAttributeK, "k"},
    {kAttributeReverse, "reverse"},
    {kAttributeExclusive, "exclusive"},
    {kAttributeDescending, "descending"},
    {kAttributeSize, "size"},
    {kAttributeWindow, "strides"},
    {kAttributeWindow, "dilations"},
    {kAttributeWindow, "pads"},
    {kAttributeOutputPads, "output_pads"},
    {kAttributeGroups, "groups"},
};

constexpr absl::string_view kModes[] = {"constant", "reflect", "edge"};  // in the order of PadMode

absl::StatusOr<std::vector<Attributes::Slice>> ReadSlices(const TextFields& fields) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto lists, fields.IntegerLists("slices", 2, 3));
  std::vector<Attributes::Slice> slices;
  slices.reserve(lists.size());
  for (const std::vector<int64_t>& list : lists) {
    slices.push_back({list[0], list[1], list.size() == 3 ? list[2] : 1});
  }
  return slices;
}

absl::StatusOr<std::vector<Attributes::Pad>> ReadPads(const TextFields& fields) {
  RNNSERVE_ASSIGN_OR_RETURN(const auto lists, fields.IntegerLists("pads", 2, 2));
  std::vector<Attributes::Pad> pads;
  pads.reserve(lists.size());
  for (const std::vector<int64_t>& list : lists) pads.push_back({list[0], list[1]});
  return pads;
}

absl::StatusOr<PadMode> ReadMode(const TextFields& fields) {
  if (!fields.Has("mode")) return PadMode::kConstant;
  RNNSERVE_ASSIGN_OR_RETURN(const std::string name, fields.String("mode"));
  for (int i = 0; i < 3; ++i) {
    if (name == kModes[i]) return static_cast<PadMode>(i);
  }
  return fields.Error(
      absl::StrCat("'mode' is '", name.substr(0, 64), "', not constant, reflect or edge"));
}

absl::StatusOr<std::vector<int64_t>> IntegersOr(const TextFields& fields, absl::string_view key,
                                                size_t count, int64_t fallback) {
  if (!fields.Has(key)) return std::vector<int64_t>(count, fallback);
  return fields.Integers(key);
}

absl::StatusOr<Attributes::Window> ReadWindow(uint32_t has, const TextFields& fields,
                                              size_t spatial_axes) {
  Attributes::Window window;
  RNNSERVE_ASSIGN_OR_RETURN(window.strides, IntegersOr(fields, "strides", spatial_axes, 1));
  RNNSERVE_ASSIGN_OR_RETURN(window.dilations, IntegersOr(fields, "dilations", spatial_axes, 1));
  window.pads.resize(spatial_axes);
  if (fields.Has("pads")) {
    RNNSERVE_ASSIGN_OR_RETURN(window.pads, ReadPads(fields));
  }
  if ((has & kAttributeSize) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(window.size, fields.Integers("size"));
  }
  if ((has & kAttributeOutputPads) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(window.output_pads,
                              IntegersOr(fields, "output_pads", spatial_axes, 0));
  }
  if ((has & kAttributeGroups) != 0 && fields.Has("groups")) {
    RNNSERVE_ASSIGN_OR_RETURN(window.groups, fields.Integer("groups"));
  }
  return window;
}

Json PadsToText(const std::vector<Attributes::Pad>& pads) {
  Json text = Json::array();
  for (const Attributes::Pad& pad : pads) text.push_back({pad.low, pad.high});
  return text;
}

void WriteWindow(uint32_t has, const Attributes::Window& window, Json& text) {
  text["strides"] = window.strides;
  text["dilations"] = window.dilations;
  text["pads"] = PadsToText(window.pads);
  if ((has & kAttributeSize) != 0) text["size"] = window.size;
  if ((has & kAttributeOutputPads) != 0) text["output_pads"] = window.output_pads;
  if ((has & kAttributeGroups) != 0) text["groups"] = window.groups;
}

}  // namespace

std::vector<absl::string_view> AttributeKeys(OpCode code) {
  const uint32_t has = TraitsOf(code).attributes;
  std::vector<absl::string_view> keys;
  for (const AttributeKey& key : kKeys) {
    if ((has & key.attribute) != 0) keys.push_back(key.key);
  }
  return keys;
}

absl::StatusOr<Attributes> ReadAttributes(OpCode code, const TextFields& fields,
                                          size_t spatial_axes) {
  const uint32_t has = TraitsOf(code).attributes;
  Attributes read;
  if ((has & kAttributeAxis) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.axis, fields.Integer("axis"));
  }
  if ((has & kAttributeAxes) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.axes, fields.Integers("axes"));
  }
  if ((has & kAttributePerm) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.perm, fields.Integers("perm"));
  }
  if ((has & kAttributeShape) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.shape, fields.ReadShape("shape"));
  }
  if ((has & kAttributeSlices) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.slices, ReadSlices(fields));
  }
  if ((has & kAttributePads) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.pads, ReadPads(fields));
    RNNSERVE_ASSIGN_OR_RETURN(read.mode, ReadMode(fields));
  }
  if ((has & kAttributeStarts) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.starts, fields.Integers("starts"));
  }
  if ((has & kAttributeType) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.type, fields.Type("type"));
  }
  if ((has & kAttributeEquation) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.equation, fields.String("equation"));
  }
  if ((has & kAttributeK) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.k, fields.Integer("k"));
  }
  if ((has & kAttributeReverse) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.reverse, fields.BoolOr("reverse", false));
  }
  if ((has & kAttributeExclusive) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.exclusive, fields.BoolOr("exclusive", false));
  }
  if ((has & kAttributeDescending) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.descending, fields.BoolOr("descending", false));
  }
  if ((has & kAttributeWindow) != 0) {
    RNNSERVE_ASSIGN_OR_RETURN(read.window, ReadWindow(has, fields, spatial_axes));
  }
  return read;
}

void WriteAttributes(OpCode code, const Attributes& attributes, Json& text) {
  const uint32_t has = TraitsOf(code).attributes;
  if ((has & kAttributeAxis) != 0) text["axis"] = attributes.axis;
  if ((has & kAttributeAxes) != 0) text["axes"] = attributes.axes;
  if ((has & kAttributePerm) != 0) text["perm"] = attributes.perm;
  if ((has & kAttributeShape) != 0) {
    const absl::Span<const int64_t> extents = attributes.shape.extents();
    text["shape"] = std::vector<int64_t>(extents.begin(), extents.end());
  }
  if ((has & kAttributeSlices) != 0) {
    text["slices"] = Json::array();
    for (const Attributes::Slice& slice : attributes.slices) {
      text["slices"].push_back({slice.start, slice.limit, slice.step});
    }
  }
  if ((has & kAttributePads) != 0) {
    text["pads"] = PadsToText(attributes.pads);
    text["mode"] = std::string(kModes[static_cast<size_t>(attributes.mode)]);
  }
  if ((has & kAttributeStarts) != 0) text["starts"] = attributes.starts;
  if ((has & kAttributeType) != 0) text["type"] = std::string(ElementTypeName(attributes.type));
  if ((has & kAttributeEquation) != 0) text["equation"] = attributes.equation;
  if ((has & kAttributeK) != 0) text["k"] = attributes.k;
  if ((has & kAttributeReverse) != 0) text["reverse"] = attributes.reverse;
  if ((has & kAttributeExclusive) != 0) text["exclusive"] = attributes.exclusive;
  if ((has & kAttributeDescending) != 0) text["descending"] = attributes.descending;
  if ((has & kAttributeWindow) != 0) WriteWindow(has, attributes.window, text);
}

}  // namespace rnnserve
