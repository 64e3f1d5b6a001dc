// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the table of step_remedy.h, row by row.

#include "client/cpp/step_remedy.h"

#include <gtest/gtest.h>

#include <string>

#include "client/cpp/status_conversion.h"
#include "google/rpc/error_details.pb.h"

namespace rnnserve::client {
namespace {

struct Case {
  const char* name;
  absl::StatusCode code;
  const char* reason;
  bool has_delay;
  StepRemedy remedy;
};

absl::Status StatusOf(const Case& c) {
  google::rpc::Status message;
  message.set_code(static_cast<int>(c.code));
  google::rpc::ErrorInfo info;
  info.set_domain("rnnserve");
  info.set_reason(c.reason);
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  if (!info.reason().empty()) message.add_details()->PackFrom(info);
  if (c.has_delay) message.add_details()->PackFrom(retry);
  return FromMessage(message);
}

class StepRemedyTest : public ::testing::TestWithParam<Case> {};

using Code = absl::StatusCode;

INSTANTIATE_TEST_SUITE_P(
    , StepRemedyTest,
    ::testing::Values(
        Case{"ConnectionLost", Code::kUnavailable, "", false, StepRemedy::kResend},
        Case{"Cancelled", Code::kCancelled, "", false, StepRemedy::kResend},
        Case{"StreamBroken", Code::kInternal, "", false, StepRemedy::kResend},
        Case{"UnknownFromAProxy", Code::kUnknown, "", false, StepRemedy::kResend},
        Case{"NoAnswer", Code::kDeadlineExceeded, "", false, StepRemedy::kResend},
        Case{"TooLarge", Code::kResourceExhausted, "", false, StepRemedy::kNone},
        Case{"ProxyIsBusy", Code::kResourceExhausted, "", true, StepRemedy::kWait},
        Case{"NoSuchMethod", Code::kUnimplemented, "", false, StepRemedy::kNone},
        Case{"Fenced", Code::kAborted, "STEP_FENCED", false, StepRemedy::kStop},
        Case{"Reused", Code::kFailedPrecondition, "STEP_REUSED", false, StepRemedy::kStop},
        Case{"TooOld", Code::kOutOfRange, "STEP_TOO_OLD", false, StepRemedy::kStop},
        Case{"Unknown", Code::kNotFound, "SESSION_UNKNOWN", false, StepRemedy::kAttach},
        Case{"Moved", Code::kNotFound, "SESSION_MOVED", false, StepRemedy::kAttach},
        Case{"Stale", Code::kUnavailable, "STALE_OWNER", false, StepRemedy::kAttach},
        Case{"FencedByTheStore", Code::kAborted, "FENCED", false, StepRemedy::kAttach},
        Case{"Gap", Code::kAborted, "STEP_GAP", false, StepRemedy::kAttach},
        Case{"Draining", Code::kUnavailable, "DRAINING", false, StepRemedy::kMoveOn},
        Case{"QueueFull", Code::kResourceExhausted, "QUEUE_ROWS", true, StepRemedy::kWait},
        Case{"NeverAnyRoom", Code::kResourceExhausted, "SESSION_LIMIT", false, StepRemedy::kNone},
        Case{"WindowFull", Code::kUnavailable, "WINDOW_FULL", false, StepRemedy::kWait},
        Case{"StoreDown", Code::kUnavailable, "STORE_DOWN", false, StepRemedy::kWait},
        Case{"NotExecuted", Code::kDeadlineExceeded, "NOT_EXECUTED", false, StepRemedy::kWait},
        Case{"Expired", Code::kNotFound, "SESSION_EXPIRED", false, StepRemedy::kStop},
        Case{"Broken", Code::kInternal, "SESSION_BROKEN", false, StepRemedy::kStop},
        Case{"BadSnapshot", Code::kDataLoss, "SNAPSHOT_BAD", false, StepRemedy::kStop},
        Case{"BadInput", Code::kInvalidArgument, "INPUT_SHAPE", false, StepRemedy::kNone}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_P(StepRemedyTest, IsTheRemedyOfTheTable) {
  EXPECT_EQ(RemedyFor(StatusOf(GetParam())), GetParam().remedy);
}

}  // namespace
}  // namespace rnnserve::client
