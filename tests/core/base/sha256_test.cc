// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests SHA-256 with the examples in the standard.

#include "core/base/sha256.h"

#include <gtest/gtest.h>

namespace rnnserve::testing {
namespace {

TEST(Sha256Test, DigestsTheEmptyString) {
  EXPECT_EQ(Sha256().Finish(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256Test, PartsHaveTheDigestOfTheWhole) {
  Sha256 digest;
  digest.Add("a");
  digest.Add("");
  digest.Add("bc");

  EXPECT_EQ(digest.Finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace rnnserve::testing
