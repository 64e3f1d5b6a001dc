// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/input_validation.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/workspace.h"

namespace rnnserve {
namespace {

// Ids and names are keys of maps and go into replies and logs; 128 is room for a UUID and a prefix.
constexpr size_t kMaxNameLength = 128;
// What ResetStateRequest promises. All their leases are held at once.
constexpr size_t kMaxResetIds = 1024;

absl::Status CheckName(absl::string_view name, absl::string_view punctuation,
                       absl::string_view reason, absl::string_view what) {
  if (name.empty() || name.size() > kMaxNameLength) {
    return InvalidArgument(
        reason, absl::StrCat(what, " has ", name.size(), " characters, not 1 to ", kMaxNameLength));
  }
  const auto is_bad = [punctuation](char c) {
    return !absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
           punctuation.find(c) == absl::string_view::npos;
  };
  const auto bad = std::find_if(name.begin(), name.end(), is_bad);
  if (bad == name.end()) return absl::OkStatus();
  return InvalidArgument(reason, absl::StrCat(what, ": character ", bad - name.begin(),
                                              " is not a letter, a digit or one of ", punctuation));
}

// [leading..., ...input shape] of the model.
absl::Status CheckRank(const TensorView& input, int num_leading, const Model& model,
                       absl::string_view leading) {
  const int rank = num_leading + model.input_shape().rank();
  if (input.shape.rank() == rank) return absl::OkStatus();
  return InvalidArgument("INPUT_RANK",
                         absl::StrCat("input has ", input.shape.rank(), " dimensions, shape ",
                                      input.shape.ToString(), ", but the model needs ", rank, ": ",
                                      leading, " and ", model.input_shape().ToString()));
}

absl::Status CheckExtent(int64_t extent, int64_t max, absl::string_view reason,
                         absl::string_view what) {
  if (extent >= 1 && extent <= max) return absl::OkStatus();
  return InvalidArgument(reason, absl::StrCat("input has ", extent, " ", what, ", not 1 to ", max));
}

// Everything behind the leading dimensions.
absl::Status CheckFeatures(const TensorView& input, int num_leading, const Model& model) {
  for (int i = 0; i < model.input_shape().rank(); ++i) {
    if (input.shape[num_leading + i] == model.input_shape()[i]) continue;
    return InvalidArgument(
        "INPUT_SHAPE", absl::StrCat("input has ", input.shape[num_leading + i], " in dimension ",
                                    num_leading + i, " of ", input.shape.ToString(),
                                    ", but the model needs ", model.input_shape()[i]));
  }
  return absl::OkStatus();
}

// Element i of an INT32 or INT64 tensor. ElementAt would round the largest ones.
int64_t IntegerAt(const TensorView& tensor, int64_t i) {
  const bool is_wide = tensor.dtype == DataType::kInt64;
  const char* element = tensor.bytes.data() + i * DataTypeBytes(tensor.dtype);
  int64_t wide = 0;
  int32_t narrow = 0;
  if (is_wide) {
    std::memcpy(&wide, element, sizeof(wide));
  } else {
    std::memcpy(&narrow, element, sizeof(narrow));
  }
  return is_wide ? wide : narrow;
}

absl::Status CheckTokens(const TensorView& input, int64_t num_tokens) {
  const int64_t count = *input.shape.NumElements();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t token = IntegerAt(input, i);
    if (token >= 0 && token < num_tokens) continue;
    return InvalidArgument("TOKEN_RANGE", absl::StrCat("input: token ", i, " is ", token,
                                                       ", not from 0 to ", num_tokens - 1));
  }
  return absl::OkStatus();
}

absl::Status CheckValues(const TensorView& input, const Model& model) {
  const bool is_integer = input.dtype == DataType::kInt32 || input.dtype == DataType::kInt64;
  if (model.reads_token_ids() ? !is_integer : input.dtype != DataType::kFloat32) {
    return InvalidArgument(
        "INPUT_DTYPE",
        absl::StrCat("input is ", DataTypeName(input.dtype), ", but the model needs ",
                     model.reads_token_ids() ? "INT32 or INT64" : "FLOAT32"));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckLength(input, "input"));
  RNNSERVE_RETURN_IF_ERROR(CheckFinite(input, "input"));
  return model.reads_token_ids() ? CheckTokens(input, model.num_tokens()) : absl::OkStatus();
}

// `expected`: the leading extents of the input.
absl::Status CheckMask(const std::optional<TensorView>& mask, const Shape& expected) {
  if (!mask.has_value()) return absl::OkStatus();
  if (mask->dtype != DataType::kBool) {
    return InvalidArgument("MASK_DTYPE",
                           absl::StrCat("mask is ", DataTypeName(mask->dtype), ", not BOOL"));
  }
  if (!(mask->shape == expected)) {
    return InvalidArgument("MASK_SHAPE",
                           absl::StrCat("mask has shape ", mask->shape.ToString(),
                                        ", but the input needs ", expected.ToString()));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckLength(*mask, "mask"));
  const size_t bad = mask->bytes.find_first_not_of(absl::string_view("\0\1", 2));
  if (bad == absl::string_view::npos) return absl::OkStatus();
  return InvalidArgument(
      "MASK_VALUE",
      absl::StrCat("mask: byte ", bad, " is ",
                   static_cast<int>(static_cast<unsigned char>(mask->bytes[bad])), ", not 0 or 1"));
}

// The states, the outputs and, for a model that cannot be stepped, the workspace.
std::optional<int64_t> InferBytes(const Model& model, int64_t batch, int64_t time) {
  // Neither product overflows: batch and time are within the options, which main bounds, and sizes
  // within what a loaded model can have.
  const int64_t row_outputs = (model.returns_sequences() ? time : 1) * model.output_size();
  const int64_t row_bytes =
      model.state_layout().bytes() + row_outputs * static_cast<int64_t>(sizeof(float));
  const auto result_bytes = CheckedMultiply(batch, row_bytes);
  if (model.non_streamable_layer() == nullptr || !result_bytes.has_value()) return result_bytes;
  const auto workspace_bytes = Workspace::Bytes(model, batch, time);
  if (!workspace_bytes.has_value()) return std::nullopt;
  return *result_bytes + *workspace_bytes;
}

absl::Status CheckInferBytes(const Model& model, int64_t batch, int64_t time, int64_t max_bytes) {
  const auto bytes = InferBytes(model, batch, time);
  if (bytes.has_value() && *bytes <= max_bytes) return absl::OkStatus();
  return InvalidArgument("INFER_BYTES",
                         absl::StrCat(batch, " rows of ", time, " timesteps take ",
                                      bytes.has_value() ? absl::StrCat(*bytes) : "too many",
                                      " bytes, of at most ", max_bytes, "; send fewer rows"));
}

}  // namespace

absl::Status ValidateModelName(absl::string_view name) {
  return CheckName(name, "._-", "MODEL_NAME", "the model name");
}

absl::Status ValidateSessionId(absl::string_view id) {
  return CheckName(id, "._:-", "SESSION_ID", "session_id");
}

absl::StatusOr<absl::Duration> ValidateIdleTimeout(absl::Duration requested,
                                                   const EngineOptions& options) {
  if (requested == absl::ZeroDuration()) return options.max_idle_timeout;
  if (requested > absl::ZeroDuration() && requested <= options.max_idle_timeout) return requested;
  return InvalidArgument("IDLE_TIMEOUT",
                         absl::StrCat("the idle timeout is ", absl::FormatDuration(requested),
                                      ", not more than 0 and at most ",
                                      absl::FormatDuration(options.max_idle_timeout)));
}

absl::Status ValidateStep(const StepCall& call, const Model& model, const EngineOptions& options) {
  const TensorView& input = call.input;
  RNNSERVE_RETURN_IF_ERROR(CheckRank(input, 1, model, "time"));
  const int64_t time = input.shape[0];
  RNNSERVE_RETURN_IF_ERROR(CheckExtent(time, options.max_timesteps, "TIMESTEPS", "timesteps"));
  RNNSERVE_RETURN_IF_ERROR(CheckFeatures(input, 1, model));
  RNNSERVE_RETURN_IF_ERROR(CheckMask(call.mask, Shape{time}));
  return CheckValues(input, model);
}

absl::Status ValidateInfer(const InferCall& call, const Model& model,
                           const EngineOptions& options) {
  const TensorView& input = call.input;
  RNNSERVE_RETURN_IF_ERROR(CheckRank(input, 2, model, "batch, time"));
  const int64_t batch = input.shape[0];
  const int64_t time = input.shape[1];
  // More rows than the queue takes would be refused for ever: say so at once.
  const int64_t max_rows = std::min(options.max_infer_rows, options.max_queued_steps);
  RNNSERVE_RETURN_IF_ERROR(CheckExtent(batch, max_rows, "BATCH_ROWS", "rows"));
  RNNSERVE_RETURN_IF_ERROR(CheckExtent(time, options.max_timesteps, "TIMESTEPS", "timesteps"));
  RNNSERVE_RETURN_IF_ERROR(CheckFeatures(input, 2, model));
  RNNSERVE_RETURN_IF_ERROR(CheckInferBytes(model, batch, time, options.max_infer_bytes));
  RNNSERVE_RETURN_IF_ERROR(CheckMask(call.mask, Shape{batch, time}));
  return CheckValues(input, model);
}

absl::Status ValidateResetTarget(const ResetStateCall& call) {
  const size_t num_ids = call.session_ids.size();
  if (call.model.empty() == (num_ids == 0)) {
    return InvalidArgument("RESET_TARGET",
                           absl::StrCat("give either session_ids or model: there are ", num_ids,
                                        " ids and ", call.model.empty() ? "no" : "one", " model"));
  }
  if (num_ids > kMaxResetIds) {
    return InvalidArgument("RESET_TARGET", absl::StrCat("there are ", num_ids,
                                                        " session_ids, at most ", kMaxResetIds));
  }
  absl::flat_hash_set<absl::string_view> seen;
  for (size_t i = 0; i < num_ids; ++i) {
    if (seen.insert(call.session_ids[i]).second) continue;
    return InvalidArgument("RESET_TARGET",
                           absl::StrCat("session_ids[", i, "] is there twice, of ", num_ids));
  }
  return absl::OkStatus();
}

}  // namespace rnnserve
