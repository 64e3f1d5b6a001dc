// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_MESSAGE_H_
#define RNNSERVE_TESTS_SIMULATION_MESSAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve::testing {

// A request from a writer to a replica. A value type.
struct Request {
  enum class Kind { kOpen, kAttach, kStep };

  Kind kind = Kind::kOpen;
  int session = 0;
  int writer = 0;
  int replica = 0;
  // Counts the writer's attempts to own the session, so that it recognizes late replies.
  uint64_t attempt = 0;
  uint64_t index = 0;  // of the step
  uint64_t epoch = 0;
  uint32_t input = 0;
  uint64_t cursor = 0;  // the first step without an answer when the writer sent this step
  // The two fields below are set on arrival.
  uint64_t arrival = 0;      // counts the requests that have reached any replica
  bool was_created = false;  // whether the session had been created by then
};

// The reply of a replica. A value type.
struct Reply {
  Request request;
  absl::Status status;
  uint64_t incarnation = 0;  // which start of the replica replied
  uint64_t version = 0;
  uint64_t epoch = 0;
  uint64_t durable_version = 0;
  float output = 0;
  // Whether the session may be gone by now without breaking a promise.
  bool may_be_gone = false;
};

inline std::string Text(const Request& request) {
  const char* const kinds[] = {"open", "attach", "step"};
  std::string text =
      absl::StrCat(kinds[static_cast<int>(request.kind)], " s", request.session, " w",
                   request.writer, " r", request.replica, " attempt ", request.attempt);
  if (request.kind == Request::Kind::kStep) {
    absl::StrAppend(&text, " epoch ", request.epoch, " index ", request.index, " x ",
                    request.input);
  }
  return text;
}

inline std::string Text(const Reply& reply) {
  std::string text = absl::StrCat(Text(reply.request), " -> ");
  if (!reply.status.ok()) return absl::StrCat(text, ErrorReason(reply.status));
  return absl::StrCat(text, "v ", reply.version, " epoch ", reply.epoch, " durable ",
                      reply.durable_version, " y ", reply.output);
}

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_MESSAGE_H_
