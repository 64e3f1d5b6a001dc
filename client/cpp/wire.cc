// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/wire.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rnnserve::client {
namespace {

static_assert(std::endian::native == std::endian::little,
              "raw tensors are copied without conversion");

template <typename T>
void WriteRaw(absl::Span<const T> values, v1::DataType dtype, v1::Tensor* message) {
  message->set_dtype(dtype);
  message->set_raw(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

absl::StatusOr<size_t> NumElements(const v1::Tensor& message) {
  // Larger than a message can hold, and far from overflow.
  constexpr int64_t kMaxElements = int64_t{1} << 31;
  int64_t product = 1;
  for (int64_t extent : message.shape()) {
    if (extent < 0 || extent > kMaxElements || product * extent > kMaxElements) {
      return absl::InternalError(absl::StrCat("the reply has a tensor of extent ", extent));
    }
    product *= extent;
  }
  return static_cast<size_t>(product);
}

// Reads the elements of `message`: the raw ones, or `typed` if it is not empty.
template <typename T, typename Typed>
absl::StatusOr<Tensor> Read(const v1::Tensor& message, const Typed& typed) {
  const absl::StatusOr<size_t> expected = NumElements(message);
  if (!expected.ok()) return expected.status();
  const bool is_raw = typed.empty();
  const size_t stored = is_raw ? message.raw().size() : typed.size();
  const size_t wanted = is_raw ? *expected * sizeof(T) : *expected;
  if (stored != wanted) {
    return absl::InternalError(absl::StrCat("the reply has a tensor of ", stored,
                                            is_raw ? " bytes" : " elements", "; its shape needs ",
                                            wanted));
  }
  std::vector<T> values(*expected);
  if (is_raw && stored > 0) {
    std::memcpy(values.data(), message.raw().data(), stored);
  } else {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<T>(typed.Get(static_cast<int>(i)));
    }
  }
  return Tensor({message.shape().begin(), message.shape().end()}, std::move(values));
}

v1::DataType TypeOf(const v1::Tensor& message) {
  if (message.dtype() != v1::DATA_TYPE_UNSPECIFIED) return message.dtype();
  if (message.float_values_size() > 0) return v1::DATA_TYPE_FLOAT32;
  if (message.int_values_size() > 0) return v1::DATA_TYPE_INT64;
  return v1::DATA_TYPE_UNSPECIFIED;
}

}  // namespace

void ToMessage(const Tensor& tensor, v1::Tensor* message) {
  message->Clear();
  message->mutable_shape()->Add(tensor.shape().begin(), tensor.shape().end());
  if (tensor.is_float()) {
    WriteRaw(tensor.floats(), v1::DATA_TYPE_FLOAT32, message);
  } else if (tensor.is_int32()) {
    WriteRaw(tensor.int32s(), v1::DATA_TYPE_INT32, message);
  } else if (tensor.is_int64()) {
    WriteRaw(tensor.int64s(), v1::DATA_TYPE_INT64, message);
  } else {
    WriteRaw(tensor.bools(), v1::DATA_TYPE_BOOL, message);
  }
}

void ToMessage(const std::vector<StateTensor>& states,
               google::protobuf::RepeatedPtrField<v1::StateTensor>* messages) {
  messages->Clear();
  for (const StateTensor& state : states) {
    v1::StateTensor* message = messages->Add();
    message->set_layer(state.layer);
    message->set_name(state.name);
    ToMessage(state.value, message->mutable_value());
  }
}

void ToMessage(const std::string& model, const SessionOptions& options,
               v1::OpenSessionRequest* message) {
  message->set_model(model);
  message->set_session_id(options.session_id);
  ToMessage(options.initial_state, message->mutable_initial_state());
  message->set_detached(options.is_detached);
  message->set_idle_timeout_ms(absl::ToInt64Milliseconds(options.idle_timeout));
  message->set_reply_window(options.reply_window);
  message->set_durability(ToMessage(options.durability));
}

void ToMessage(const std::vector<NamedTensor>& tensors,
               google::protobuf::RepeatedPtrField<v1::NamedTensor>* messages) {
  messages->Clear();
  for (const NamedTensor& tensor : tensors) {
    v1::NamedTensor* message = messages->Add();
    message->set_name(tensor.name);
    ToMessage(tensor.value, message->mutable_tensor());
    if (tensor.mask.has_value()) ToMessage(*tensor.mask, message->mutable_mask());
  }
}

void ToMessage(const std::string& session_id, const Tensor& input, const StepOptions& options,
               v1::StepRequest* message) {
  ToMessage(session_id, std::vector<NamedTensor>(), options, message);
  ToMessage(input, message->mutable_input());
}

void ToMessage(const std::string& session_id, const std::vector<NamedTensor>& inputs,
               const StepOptions& options, v1::StepRequest* message) {
  message->set_session_id(session_id);
  ToMessage(inputs, message->mutable_inputs());
  if (options.mask.has_value()) ToMessage(*options.mask, message->mutable_mask());
  ToMessage(options.initial_state, message->mutable_initial_state());
  message->set_return_state(options.return_state);
  if (options.step_index.has_value()) message->set_step_index(*options.step_index);
  if (options.epoch.has_value()) message->set_epoch(*options.epoch);
  message->set_priority(ToMessage(options.priority));
  message->set_timeout_ms(TimeoutMs(options));
}

v1::Priority ToMessage(Priority priority) {
  switch (priority) {
    case Priority::kLow:
      return v1::PRIORITY_LOW;
    case Priority::kNormal:
      return v1::PRIORITY_NORMAL;
    case Priority::kHigh:
      return v1::PRIORITY_HIGH;
  }
  return v1::PRIORITY_UNSPECIFIED;
}

v1::Durability ToMessage(Durability durability) {
  switch (durability) {
    case Durability::kDefault:
      return v1::DURABILITY_UNSPECIFIED;
    case Durability::kNone:
      return v1::DURABILITY_NONE;
    case Durability::kAsync:
      return v1::DURABILITY_ASYNC;
    case Durability::kSync:
      return v1::DURABILITY_SYNC;
  }
  return v1::DURABILITY_UNSPECIFIED;
}

int64_t TimeoutMs(const CallOptions& options) {
  if (options.timeout == absl::InfiniteDuration()) return 0;
  return std::max<int64_t>(1, absl::ToInt64Milliseconds(options.timeout));
}

absl::StatusOr<Tensor> FromMessage(const v1::Tensor& message) {
  switch (TypeOf(message)) {
    case v1::DATA_TYPE_FLOAT32:
      return Read<float>(message, message.float_values());
    case v1::DATA_TYPE_INT32:
      return Read<int32_t>(message, message.int_values());
    case v1::DATA_TYPE_INT64:
      return Read<int64_t>(message, message.int_values());
    default:
      return absl::InternalError(
          absl::StrCat("the reply has a tensor of element type ", message.dtype()));
  }
}

absl::StatusOr<std::vector<StateTensor>> FromMessages(
    const google::protobuf::RepeatedPtrField<v1::StateTensor>& messages) {
  std::vector<StateTensor> states;
  for (const v1::StateTensor& message : messages) {
    absl::StatusOr<Tensor> value = FromMessage(message.value());
    if (!value.ok()) return value.status();
    states.push_back({message.layer(), message.name(), *std::move(value)});
  }
  return states;
}

absl::StatusOr<std::vector<NamedTensor>> FromMessages(
    const google::protobuf::RepeatedPtrField<v1::NamedTensor>& messages) {
  std::vector<NamedTensor> tensors;
  for (const v1::NamedTensor& message : messages) {
    absl::StatusOr<Tensor> value = FromMessage(message.tensor());
    if (!value.ok()) return value.status();
    tensors.push_back({message.name(), *std::move(value)});
  }
  return tensors;
}

absl::StatusOr<StepResult> FromMessage(const v1::StepResponse& message) {
  absl::StatusOr<std::vector<NamedTensor>> outputs = FromMessages(message.outputs());
  if (!outputs.ok()) return outputs.status();
  absl::StatusOr<Tensor> output = outputs->empty() ? FromMessage(message.output()) : Tensor();
  if (!output.ok()) return output.status();
  absl::StatusOr<std::vector<StateTensor>> state = FromMessages(message.state());
  if (!state.ok()) return state.status();
  return StepResult{*std::move(output), message.version(),         *std::move(state),
                    message.replayed(), message.durable_version(), *std::move(outputs)};
}

}  // namespace rnnserve::client
