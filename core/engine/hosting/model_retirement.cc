// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/hosting/model_retirement.h"

#include <cstdint>
#include <utility>

#include "core/engine/hosting/hosted_model.h"

namespace rnnserve {
namespace {

// How many sessions are listed at a time before they are ended.
constexpr int64_t kEndedAtOnce = 256;

}  // namespace

void ModelRetirement::EndSessions(const ModelTable::Expired& expired) {
  SessionFilter filter;
  filter.model_name = expired.hosted->name();
  filter.model = expired.hosted->model().get();
  std::vector<SessionSummary> page;
  do {
    const std::string last_id = page.empty() ? "" : page.back().id;
    page = sessions_.List(filter, last_id, kEndedAtOnce);
    for (const SessionSummary& session : page) {
      sessions_.Lease(session.id, [this, expired, pass = gate_.Enter()](
                                      absl::StatusOr<SessionLease> lease) mutable {
        End(std::move(lease), expired, std::move(pass));
      });
    }
  } while (!page.empty());
  EndSpilled(expired, durable_.SpilledIdsOf(filter.model_name, filter.model), gate_.Enter());
}

void ModelRetirement::EndSpilled(const ModelTable::Expired& expired, std::vector<std::string> ids,
                                 CallGate::Pass pass) {
  if (ids.empty()) return;
  // End one at a time, because together they would not fit into memory.
  const std::string id = std::move(ids.back());
  ids.pop_back();
  durable_.Lease(id, [this, expired, ids = std::move(ids),
                      pass = std::move(pass)](absl::StatusOr<SessionLease> lease) mutable {
    End(std::move(lease), expired, pass);
    EndSpilled(expired, std::move(ids), std::move(pass));
  });
}

void ModelRetirement::End(absl::StatusOr<SessionLease> lease, const ModelTable::Expired& expired,
                          CallGate::Pass pass) {
  // By now the id may belong to a session of another model.
  if (!lease.ok() || HostedModel::HostOf(*lease) != expired.hosted) return;
  durable_.End(*std::move(lease), EndReason::kModelRetired,
               [pass = std::move(pass)](const absl::Status&) {});
}

}  // namespace rnnserve
