// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/status_mapping.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/error.h"
#include "google/rpc/error_details.pb.h"

namespace rnnserve::server {
namespace {

constexpr size_t kMaxMessageBytes = 2048;
constexpr char kDomain[] = "rnnserve";

void AddRetryInfo(absl::Duration delay, google::rpc::Status& status) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(absl::IDivDuration(delay, absl::Seconds(1), &delay));
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
  status.add_details()->PackFrom(retry);
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status rpc_status;
  rpc_status.set_code(static_cast<int>(status.code()));
  rpc_status.set_message(std::string(status.message().substr(0, kMaxMessageBytes)));
  if (std::string reason = ErrorReason(status); !reason.empty()) {
    google::rpc::ErrorInfo info;
    info.set_reason(std::move(reason));
    info.set_domain(kDomain);
    for (const auto& [name, number] : ErrorNumbers(status)) {
      (*info.mutable_metadata())[name] = absl::StrCat(number);
    }
    rpc_status.add_details()->PackFrom(info);
  }
  if (const absl::Duration delay = RetryDelay(status); delay > absl::ZeroDuration()) {
    AddRetryInfo(delay, rpc_status);
  }
  return rpc_status;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), rpc_status.message(),
                      rpc_status.SerializeAsString());
}

std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

}  // namespace rnnserve::server
