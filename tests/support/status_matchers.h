// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define RNNSERVE_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <gmock/gmock.h>

#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/error.h"

// GoogleTest matchers for absl::Status and absl::StatusOr:
//
//   EXPECT_THAT(engine.AddModel("m", model), IsOk());
//   EXPECT_THAT(Load(path), StatusIs(absl::StatusCode::kInvalidArgument));
//   EXPECT_THAT(Load(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[2, 12]")));
//   EXPECT_THAT(Load(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[2, 12]"),
//                                    "MODEL_WEIGHTS"));
namespace rnnserve::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }

template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

// Matches OK.
MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  *result_listener << StatusOf(arg);
  return arg.ok();
}

// Matches an error of the given code whose text and reason (see ErrorReason) match.
class StatusIsMatcher {
 public:
  using is_gtest_matcher = void;

  StatusIsMatcher(absl::StatusCode code, ::testing::Matcher<std::string> message,
                  ::testing::Matcher<std::string> reason)
      : code_(code), message_(std::move(message)), reason_(std::move(reason)) {}

  template <typename StatusLike>
  bool MatchAndExplain(const StatusLike& value, std::ostream* listener) const {
    const absl::Status& status = StatusOf(value);
    const std::string reason = ErrorReason(status);
    if (listener != nullptr) *listener << status << ", reason \"" << reason << "\"";
    return status.code() == code_ && message_.Matches(std::string(status.message())) &&
           reason_.Matches(reason);
  }

  void DescribeTo(std::ostream* out) const {
    *out << "is " << code_ << " with a text that ";
    message_.DescribeTo(out);
    *out << " and a reason that ";
    reason_.DescribeTo(out);
  }

  void DescribeNegationTo(std::ostream* out) const {
    *out << "not: ";
    DescribeTo(out);
  }

 private:
  const absl::StatusCode code_;
  const ::testing::Matcher<std::string> message_;
  const ::testing::Matcher<std::string> reason_;
};

inline StatusIsMatcher StatusIs(absl::StatusCode code,
                                ::testing::Matcher<std::string> message = ::testing::_,
                                ::testing::Matcher<std::string> reason = ::testing::_) {
  return StatusIsMatcher(code, std::move(message), std::move(reason));
}

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_STATUS_MATCHERS_H_
