// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_FUZZ_MESSAGE_MUTATOR_H_
#define RNNSERVE_TESTS_FUZZ_MESSAGE_MUTATOR_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace rnnserve::testing {

// The form of an input that holds a message.
enum class MessageForm { kNone, kText, kBinary };

// Reads a message in protobuf's text form or, if it is none, in the binary form. Returns which it
// was; kNone if it is neither. The message then holds what could be read.
MessageForm ReadMessage(absl::string_view input, google::protobuf::Message& message);

// Changes some fields of a message in an input, or some of its bytes, and keeps its form. `message`
// is an object of the message's type. See LLVMFuzzerCustomMutator.
size_t MutateMessage(google::protobuf::Message& message, uint8_t* data, size_t size,
                     size_t max_size, unsigned seed);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_FUZZ_MESSAGE_MUTATOR_H_
