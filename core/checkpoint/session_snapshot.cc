// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/checkpoint/session_snapshot.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/kernels/isa.h"

namespace rnnserve {
namespace {

Snapshot::Digest ModelDigest(const Model& model) {
  const std::string bytes = absl::HexStringToBytes(model.digest());
  Snapshot::Digest digest{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
  return digest;
}

Snapshot::Digest LayoutDigest(const Model& model) {
  Sha256 hash;
  for (const StateLayout::Tensor& tensor : model.state_layout().tensors) {
    hash.Add(absl::StrCat(tensor.layer, "/", tensor.name, " ", tensor.shape.ToString(), " at ",
                          tensor.offset, "\n"));
  }
  hash.Add(absl::StrCat(model.state_layout().size));
  return hash.FinishBytes();
}

StoredReply ToStored(const KeptReply& reply) {
  return {reply.index, reply.digest, 0, reply.output_shape, reply.output, reply.state};
}

}  // namespace

Snapshot SnapshotOf(const SessionLease& lease) {
  const Model& model = *lease.model();
  Snapshot snapshot;
  snapshot.session_id = lease.id();
  snapshot.model = lease.model_name();
  snapshot.model_digest = ModelDigest(model);
  snapshot.layout_digest = LayoutDigest(model);
  snapshot.kernel_fingerprint = std::string(IsaName(ActiveIsa()));
  snapshot.epoch = lease.epoch();
  snapshot.version = lease.version();
  snapshot.idle_timeout = lease.idle_timeout();
  snapshot.reply_window = lease.reply_window();
  snapshot.durability = static_cast<uint8_t>(lease.durability());
  if (lease.durability() != Durability::kNone) snapshot.nonce = lease.checkpoint().nonce;
  const absl::Span<const float> block = lease.state().block();
  snapshot.state.assign(block.begin(), block.end());
  for (const KeptReply& reply : lease.replies()) snapshot.replies.push_back(ToStored(reply));
  return snapshot;
}

SnapshotFence FenceOf(const SessionLease& lease) {
  const CheckpointProgress& checkpoint = lease.checkpoint();
  return {lease.epoch(), checkpoint.nonce, checkpoint.revision};
}

bool IsOfModel(const Snapshot& snapshot, const Model& model) {
  return snapshot.model_digest == ModelDigest(model);
}

absl::Status CheckModel(const Snapshot& snapshot, const Model& model) {
  if (!IsOfModel(snapshot, model)) {
    return FailedPrecondition(
        "MODEL_CHANGED", "the session was of another model of that name than the one served here");
  }
  const auto size = static_cast<int64_t>(snapshot.state.size());
  if (snapshot.layout_digest != LayoutDigest(model) || size != model.state_layout().size) {
    return MakeError(absl::StatusCode::kDataLoss, "SNAPSHOT_BAD",
                     absl::StrCat("the snapshot has states of ", size, " floats, the model of ",
                                  model.state_layout().size, ", or they lie in another order"));
  }
  for (const StoredReply& reply : snapshot.replies) {
    const size_t num_states = reply.states.size();
    const auto num_outputs = static_cast<int64_t>(reply.outputs.size());
    if (reply.step_index < snapshot.version &&
        (num_states == 0 || num_states == snapshot.state.size()) &&
        model.TimestepsOfStepOutput(num_outputs).has_value()) {
      continue;
    }
    return MakeError(absl::StatusCode::kDataLoss, "SNAPSHOT_BAD",
                     absl::StrCat("a reply of step ", reply.step_index, " with ", num_states,
                                  " floats of state and ", num_outputs,
                                  " of outputs in a session of ", snapshot.version, " steps"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SessionTable::OpenRequest> OpenRequestOf(Snapshot snapshot,
                                                        const SnapshotFence& fence,
                                                        PinnedModel model, SessionTable& sessions) {
  SessionState state(*model.model);
  state.view().CopyFrom(snapshot.state);
  std::vector<KeptReply> replies;
  for (StoredReply& stored : snapshot.replies) {
    KeptReply reply;
    const auto num_floats = static_cast<int64_t>(stored.outputs.size() + stored.states.size());
    RNNSERVE_ASSIGN_OR_RETURN(reply.share, sessions.ReserveReply(KeptReply::BytesOf(num_floats)));
    reply.index = stored.step_index;
    reply.digest = stored.payload_digest;
    reply.output_shape = std::move(stored.output_shape);
    reply.output = std::move(stored.outputs);
    reply.state = std::move(stored.states);
    replies.push_back(std::move(reply));
  }
  return SessionTable::OpenRequest{.id = std::move(snapshot.session_id),
                                   .model_name = std::move(snapshot.model),
                                   .model = std::move(model.model),
                                   .state = std::move(state),
                                   .detached = true,
                                   .idle_timeout = snapshot.idle_timeout,
                                   .reply_window = snapshot.reply_window,
                                   .version = snapshot.version,
                                   .epoch = fence.epoch,
                                   .replies = std::move(replies),
                                   .durability = static_cast<Durability>(snapshot.durability),
                                   .nonce = fence.nonce,
                                   .revision = fence.version,
                                   .host = std::move(model.host)};
}

}  // namespace rnnserve
