// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests what changes the digest of a step (DigestOfStep) and what does not. The expected bytes come
// from Python's hashlib over the bytes that the header describes.

#include "core/engine/step/payload_digest.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "tests/support/owned_tensor.h"

namespace rnnserve::testing {
namespace {

const OwnedTensor kInput = OwnedTensor::Floats({2, 1}, {1, 2});

// Returns the digest of a step with one input.
PayloadDigest DigestOf(const TensorView& input, const std::optional<TensorView>& mask = {},
                       const std::vector<NamedState>& initial_state = {},
                       bool return_state = false) {
  const StepInput step_input{input, mask};
  return DigestOfStep({&step_input, 1}, initial_state, return_state);
}

TEST(PayloadDigestTest, EveryPartChangesTheDigest) {
  const OwnedTensor other_values = OwnedTensor::Floats({2, 1}, {1, 3});
  const OwnedTensor other_shape = OwnedTensor::Floats({1, 2}, {1, 2});
  const OwnedTensor state = OwnedTensor::Floats({1}, {0});
  const std::vector<NamedState> ab = {{"a", "b", state}};
  const std::vector<NamedState> other_cut = {{"ab", "", state}};
  const TensorView mask{DataType::kBool, {2}, absl::string_view("\1\1", 2)};
  const TensorView other_mask{DataType::kBool, {2}, absl::string_view("\1\0", 2)};

  const std::set<PayloadDigest> digests = {DigestOf(kInput),
                                           DigestOf(other_values),
                                           DigestOf(other_shape),
                                           DigestOf(kInput, mask),
                                           DigestOf(kInput, other_mask),
                                           DigestOf(kInput, {}, ab),
                                           DigestOf(kInput, {}, other_cut),
                                           DigestOf(kInput, {}, {}, true)};

  EXPECT_EQ(digests.size(), 8u);
}

TEST(PayloadDigestTest, EveryPartOfSeveralInputsChangesTheDigest) {
  const OwnedTensor other = OwnedTensor::Floats({2, 1}, {1, 3});
  const TensorView mask{DataType::kBool, {2}, absl::string_view("\1\1", 2)};
  const auto digest_of = [](const std::vector<StepInput>& inputs) {
    return DigestOfStep(inputs, {}, false);
  };

  const std::set<PayloadDigest> digests = {digest_of({{kInput, {}}}),
                                           digest_of({{kInput, {}}, {kInput, {}}}),
                                           digest_of({{kInput, {}}, {other, {}}}),
                                           digest_of({{other, {}}, {kInput, {}}}),
                                           digest_of({{kInput, mask}, {other, {}}}),
                                           digest_of({{kInput, {}}, {other, mask}}),
                                           digest_of({{kInput, {}}, {other, {}}, {other, {}}})};

  EXPECT_EQ(digests.size(), 7u);
}

TEST(PayloadDigestTest, EqualContentsHaveEqualDigests) {
  EXPECT_EQ(DigestOf(kInput), DigestOf(OwnedTensor::Floats({2, 1}, {1, 2})));
}

TEST(PayloadDigestTest, IsTheSameEverywhere) {
  const PayloadDigest digest = DigestOf(kInput);

  EXPECT_EQ(absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()}),
            "8d90d811cf72a57f0e1c8c04c325938f");
}

}  // namespace
}  // namespace rnnserve::testing
