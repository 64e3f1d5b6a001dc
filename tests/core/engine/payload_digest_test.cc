// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests what changes the digest of a step (DigestOfStep) and what does not. The expected bytes come
// from Python's hashlib over the bytes that the header describes.

#include "core/engine/step/payload_digest.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "tests/support/owned_tensor.h"

namespace rnnserve::testing {
namespace {

const OwnedTensor kInput = OwnedTensor::Floats({2, 1}, {1, 2});

TEST(PayloadDigestTest, EveryPartChangesTheDigest) {
  const OwnedTensor other_values = OwnedTensor::Floats({2, 1}, {1, 3});
  const OwnedTensor other_shape = OwnedTensor::Floats({1, 2}, {1, 2});
  const OwnedTensor state = OwnedTensor::Floats({1}, {0});
  const std::vector<NamedState> ab = {{"a", "b", state}};
  const std::vector<NamedState> other_cut = {{"ab", "", state}};
  const TensorView mask{DataType::kBool, {2}, absl::string_view("\1\1", 2)};
  const TensorView other_mask{DataType::kBool, {2}, absl::string_view("\1\0", 2)};

  const std::set<PayloadDigest> digests = {
      DigestOfStep(kInput, {}, {}, false),         DigestOfStep(other_values, {}, {}, false),
      DigestOfStep(other_shape, {}, {}, false),    DigestOfStep(kInput, mask, {}, false),
      DigestOfStep(kInput, other_mask, {}, false), DigestOfStep(kInput, {}, ab, false),
      DigestOfStep(kInput, {}, other_cut, false),  DigestOfStep(kInput, {}, {}, true)};

  EXPECT_EQ(digests.size(), 8u);
}

TEST(PayloadDigestTest, EqualContentsHaveEqualDigests) {
  EXPECT_EQ(DigestOfStep(kInput, {}, {}, false),
            DigestOfStep(OwnedTensor::Floats({2, 1}, {1, 2}), {}, {}, false));
}

TEST(PayloadDigestTest, IsTheSameEverywhere) {
  const PayloadDigest digest = DigestOfStep(kInput, {}, {}, false);

  EXPECT_EQ(absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()}),
            "8d90d811cf72a57f0e1c8c04c325938f");
}

}  // namespace
}  // namespace rnnserve::testing
