// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/rnnctl/failure.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"
#include "nlohmann/json.hpp"

namespace rnnserve::client {
namespace {

// Marks a status that does not come from a server.
constexpr char kLocalMark[] = "rnnctl.local";

}  // namespace

absl::Status LocalError(const std::string& place, const absl::Status& status) {
  absl::Status marked = WithText(status, absl::StrCat(place, ": ", status.message()));
  marked.SetPayload(kLocalMark, absl::Cord());
  return marked;
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  if (status.GetPayload(kLocalMark).has_value()) return 2;
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ? 3 : 1;
}

std::string FormatFailure(const absl::Status& status, bool is_json) {
  const std::string code = absl::StatusCodeToString(status.code());
  const std::string reason = ErrorReason(status);
  if (!is_json) {
    return absl::StrCat(code, reason.empty() ? "" : absl::StrCat(" (", reason, ")"), ": ",
                        status.message());
  }
  const nlohmann::json error = {
      {"code", code}, {"reason", reason}, {"message", std::string(status.message())}};
  // An error text from a server may contain any bytes.
  return error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace rnnserve::client
