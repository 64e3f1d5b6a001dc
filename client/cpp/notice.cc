// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/notice.h"

#include "absl/strings/str_cat.h"

namespace rnnserve::client {
namespace {

std::string What(const Notice& notice) {
  switch (notice.kind) {
    case Notice::Kind::kExpiring:
      return absl::StrCat("will expire in ", absl::FormatDuration(notice.remaining));
    case Notice::Kind::kEnded:
      return absl::StrCat("has ended: ", notice.reason);
    case Notice::Kind::kMoving:
      if (notice.session_id.empty()) return "the server drains";
      return notice.resume_token.empty() ? "will be lost: its server drains"
                                         : "has to move: its server drains";
  }
  return "";
}

}  // namespace

std::string Describe(const Notice& notice) {
  if (notice.session_id.empty()) return What(notice);
  return absl::StrCat("session ", notice.session_id, ": ", What(notice));
}

}  // namespace rnnserve::client
