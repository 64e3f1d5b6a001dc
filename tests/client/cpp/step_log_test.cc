// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests which steps are kept for a replay, which are dropped, and what their outputs are compared
// by.

#include "client/cpp/step_log.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace rnnserve::client {
namespace {

v1::StepRequest RequestOf(size_t num_bytes) {
  v1::StepRequest request;
  request.mutable_input()->set_raw(std::string(num_bytes, 'x'));
  return request;
}

TEST(StepLogTest, EveryPartOfTheOutputsChangesTheirDigest) {
  const Tensor one({2}, std::vector<float>{1, 2});
  const Tensor other({2}, std::vector<float>{1, 3});
  const Tensor column({2, 1}, std::vector<float>{1, 2});
  const auto digest_of = [](const std::vector<NamedTensor>& outputs) {
    return DigestOf(Tensor(), outputs);
  };

  const std::set<OutputDigest> digests = {DigestOf(one),
                                          DigestOf(other),
                                          digest_of({{"a", one}}),
                                          digest_of({{"a", other}}),
                                          digest_of({{"a", column}}),
                                          digest_of({{"b", one}}),
                                          digest_of({{"a", one}, {"b", one}}),
                                          digest_of({{"a", one}, {"b", other}}),
                                          digest_of({{"a", other}, {"b", one}}),
                                          digest_of({{"b", one}, {"a", one}})};

  EXPECT_EQ(digests.size(), 10u);
  EXPECT_EQ(digest_of({{"a", one}}), digest_of({{"a", one}}));
}

TEST(StepLogTest, HoldsTheStepsAfterThoseDropped) {
  StepLog log(1 << 20);
  for (size_t i = 0; i < 5; ++i) log.Append(RequestOf(i));

  log.DropBefore(2);

  EXPECT_EQ(log.begin(), 2u);
  EXPECT_EQ(log.end(), 5u);
  EXPECT_EQ(log.request(3).input().raw().size(), 3u);
}

TEST(StepLogTest, DropsNoMoreThanItHas) {
  StepLog log(1 << 20);
  log.Append(RequestOf(1));

  log.DropBefore(9);

  EXPECT_EQ(log.begin(), 1u);
  EXPECT_EQ(log.end(), 1u);
  EXPECT_EQ(log.num_bytes(), 0u);
}

TEST(StepLogTest, DropsTheOldestWhenFull) {
  StepLog log(3000);

  for (int i = 0; i < 5; ++i) log.Append(RequestOf(1000));

  EXPECT_EQ(log.end(), 5u);
  EXPECT_EQ(log.begin(), 3u);
  EXPECT_LE(log.num_bytes(), 3000u);
}

TEST(StepLogTest, HoldsOneStepThatIsLargerThanAllowed) {
  StepLog log(10);

  log.Append(RequestOf(1000));

  EXPECT_EQ(log.request(0).input().raw().size(), 1000u);
}

TEST(StepLogTest, RemovesTheLastStep) {
  StepLog log(1 << 20);
  log.Append(RequestOf(1));
  const size_t num_bytes = log.num_bytes();
  log.Append(RequestOf(2));

  log.RemoveLast();

  EXPECT_EQ(log.end(), 1u);
  EXPECT_EQ(log.num_bytes(), num_bytes);
}

TEST(StepLogTest, DigestsDistinguishBitsAndShapes) {
  const Tensor row({1, 2}, std::vector<float>{0.0f, 1.0f});

  EXPECT_EQ(DigestOf(row), DigestOf(row));
  EXPECT_NE(DigestOf(row), DigestOf(row.Reshaped({2, 1})));
  EXPECT_NE(DigestOf(row), DigestOf(Tensor({1, 2}, std::vector<float>{-0.0f, 1.0f})));
}

}  // namespace
}  // namespace rnnserve::client
