// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/event_observer.h"

#include "core/base/sha256.h"

namespace rnnserve::server {

void EventObserver::OnQuarantined(const std::string& session_id, const absl::Status& why) {
  Sha256 hash;
  hash.Add(session_id);
  log_.Warning("snapshot put aside", {{"session_sha256", hash.Finish().substr(0, 16)},
                                      {"text", std::string(why.message())}});
  metrics_.OnQuarantined(session_id, why);
}

}  // namespace rnnserve::server
