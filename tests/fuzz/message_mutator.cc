// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/message_mutator.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace rnnserve::testing {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::TextFormat;

constexpr int kTextDepthMax = 60;

class SilentErrors final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
};

// Changes a message at random. Used by one thread at a time.
class MessageDamage {
 public:
  explicit MessageDamage(unsigned seed) : random_(seed) {}

  size_t Below(size_t count) {
    return std::uniform_int_distribution<size_t>(0, count - 1)(random_);
  }

  // Changes one field of the message or of a message in it.
  void Change(Message& root) {
    messages_.clear();
    strings_.assign({"", "x"});
    Collect(root);
    Message& message = *messages_[Below(messages_.size())];
    const FieldDescriptor* const field = AnyField(message);
    if (field == nullptr) return;
    if (field->is_repeated()) {
      ChangeRepeated(message, *field);
    } else if (Below(4) == 0) {
      message.GetReflection()->ClearField(&message, field);
    } else {
      Set(message, *field, /*index=*/-1);
    }
  }

 private:
  // Lists the messages and the strings, so that they can be used elsewhere too.
  void Collect(Message& message) {
    messages_.push_back(&message);
    const Reflection& reflection = *message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) CollectFrom(message, *field, field->is_repeated() ? i : -1);
    }
  }
  void CollectFrom(Message& message, const FieldDescriptor& field, int index) {
    const Reflection& reflection = *message.GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Collect(*(index < 0 ? reflection.MutableMessage(&message, &field)
                          : reflection.MutableRepeatedMessage(&message, &field, index)));
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      strings_.push_back(index < 0 ? reflection.GetString(message, &field)
                                   : reflection.GetRepeatedString(message, &field, index));
    }
  }

  // Returns a field, more often one that is set; null if the message can have none.
  const FieldDescriptor* AnyField(const Message& message) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    if (!fields.empty() && Below(3) > 0) return fields[Below(fields.size())];
    const int count = message.GetDescriptor()->field_count();
    if (count == 0) return nullptr;
    return message.GetDescriptor()->field(static_cast<int>(Below(static_cast<size_t>(count))));
  }

  void ChangeRepeated(Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    const int count = reflection.FieldSize(message, &field);
    if (count == 0) return Set(message, field, kNewElement);
    const int i = static_cast<int>(Below(static_cast<size_t>(count)));
    switch (Below(4)) {
      case 0:
        reflection.SwapElements(&message, &field, i, count - 1);
        return reflection.RemoveLast(&message, &field);
      case 1:
        return reflection.SwapElements(&message, &field, i,
                                       static_cast<int>(Below(static_cast<size_t>(count))));
      case 2:
        return Set(message, field, kNewElement);
      default:
        return Set(message, field, i);
    }
  }

  // Sets a field; with an index, an element of it.
  void Set(Message& message, const FieldDescriptor& field, int index) {
    const Reflection& reflection = *message.GetReflection();
    // The three functions of each type, of which one fits.
#define RNNSERVE_SET(Type, value)                                                 \
  if (index == kNewElement) return reflection.Add##Type(&message, &field, value); \
  if (index < 0) return reflection.Set##Type(&message, &field, value);            \
  return reflection.SetRepeated##Type(&message, &field, index, value)
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        RNNSERVE_SET(Int32, static_cast<int32_t>(AnyInteger()));
      case FieldDescriptor::CPPTYPE_INT64:
        RNNSERVE_SET(Int64, AnyInteger());
      case FieldDescriptor::CPPTYPE_UINT32:
        RNNSERVE_SET(UInt32, static_cast<uint32_t>(AnyInteger()));
      case FieldDescriptor::CPPTYPE_UINT64:
        RNNSERVE_SET(UInt64, static_cast<uint64_t>(AnyInteger()));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        RNNSERVE_SET(Double, AnyFloat());
      case FieldDescriptor::CPPTYPE_FLOAT:
        RNNSERVE_SET(Float, static_cast<float>(AnyFloat()));
      case FieldDescriptor::CPPTYPE_BOOL:
        RNNSERVE_SET(Bool, Below(2) == 0);
      case FieldDescriptor::CPPTYPE_STRING:
        RNNSERVE_SET(String, AnyString(field.type() == FieldDescriptor::TYPE_BYTES));
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto count = static_cast<size_t>(field.enum_type()->value_count());
        RNNSERVE_SET(Enum, field.enum_type()->value(static_cast<int>(Below(count))));
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return SetMessage(message, field, index);
    }
#undef RNNSERVE_SET
  }

  // Sets a message to a copy of another of the same type, or leaves it as it is.
  void SetMessage(Message& message, const FieldDescriptor& field, int index) {
    const Reflection& reflection = *message.GetReflection();
    std::unique_ptr<Message> copy;
    const Message& other = *messages_[Below(messages_.size())];
    if (other.GetDescriptor() == field.message_type()) {
      copy.reset(other.New());
      copy->CopyFrom(other);
    }
    Message* const target = index == kNewElement ? reflection.AddMessage(&message, &field)
                            : index < 0
                                ? reflection.MutableMessage(&message, &field)
                                : reflection.MutableRepeatedMessage(&message, &field, index);
    if (copy != nullptr) target->CopyFrom(*copy);
  }

  int64_t AnyInteger() {
    static constexpr int64_t kOdd[] = {-1,
                                       127,
                                       1000000007,
                                       int64_t{1} << 31,
                                       int64_t{1} << 32,
                                       int64_t{1} << 62,
                                       std::numeric_limits<int64_t>::min(),
                                       std::numeric_limits<int64_t>::max()};
    return Below(4) == 0 ? kOdd[Below(std::size(kOdd))] : static_cast<int64_t>(Below(18));
  }
  double AnyFloat() {
    static constexpr double kOdd[] = {0,
                                      -0.0,
                                      1,
                                      1e-40,
                                      3e38,
                                      -1e300,
                                      std::numeric_limits<double>::infinity(),
                                      std::numeric_limits<double>::quiet_NaN()};
    return Below(2) == 0 ? kOdd[Below(std::size(kOdd))] : static_cast<double>(Below(100)) / 16 - 3;
  }
  // Returns one that is used elsewhere, for names refer to each other, or a changed one.
  std::string AnyString(bool is_bytes) {
    std::string text = strings_[Below(strings_.size())];
    if (Below(3) > 0) return text;
    const auto any = [&] { return static_cast<char>(is_bytes ? Below(256) : 32 + Below(95)); };
    if (text.empty() || Below(2) == 0) return text + any();
    text[Below(text.size())] = any();
    return text;
  }

  static constexpr int kNewElement = -2;

  std::mt19937 random_;
  std::vector<Message*> messages_;
  std::vector<std::string> strings_;
};

}  // namespace

MessageForm ReadMessage(absl::string_view input, Message& message) {
  SilentErrors errors;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.AllowPartialMessage(true);
  parser.SetRecursionLimit(kTextDepthMax);
  if (parser.ParseFromString(std::string(input), &message)) return MessageForm::kText;
  const bool is_read = message.ParsePartialFromArray(input.data(), static_cast<int>(input.size()));
  return is_read ? MessageForm::kBinary : MessageForm::kNone;
}

size_t MutateMessage(Message& message, uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  MessageDamage damage(seed);
  if (damage.Below(16) == 0) return LLVMFuzzerMutate(data, size, max_size);
  const MessageForm form = ReadMessage(TextOf(data, size), message);
  if (form == MessageForm::kNone) return LLVMFuzzerMutate(data, size, max_size);
  for (size_t changes = 1 + damage.Below(3); changes > 0; --changes) damage.Change(message);
  std::string changed;
  const bool is_written = form == MessageForm::kText ? TextFormat::PrintToString(message, &changed)
                                                     : message.SerializePartialToString(&changed);
  if (!is_written || changed.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(changed.begin(), changed.end(), data);
  return changed.size();
}

}  // namespace rnnserve::testing
