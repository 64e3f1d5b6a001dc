// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/snapshot/snapshot.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/snapshot/field_reader.h"
#include "core/snapshot/snapshot_frame.h"

namespace rnnserve {
namespace {

static_assert(std::endian::native == std::endian::little,
              "numbers are read and written as they lie in memory");

// The sizes in version 1 of the fixed fields, including those of the head, and of the fixed fields
// of a reply.
constexpr uint16_t kHeaderBytes = 137;
constexpr size_t kReplyHeaderBytes = 40;

// The idle timeout of a session that never expires. All others fit into an int64_t.
constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

// Returns a human-readable description of what is wrong with a text; empty if nothing is.
template <typename Allowed>
std::string FaultOfText(absl::string_view field, absl::string_view text, size_t size_min,
                        size_t size_max, Allowed allowed) {
  if (text.size() < size_min || text.size() > size_max) {
    return absl::StrCat(field, ": ", text.size(), " characters, not ", size_min, " to ", size_max);
  }
  const auto bad = std::find_if_not(text.begin(), text.end(), allowed);
  if (bad == text.end()) return "";
  return absl::StrCat(field, ": character ", bad - text.begin() + 1, " of ", text.size(),
                      " is not allowed");
}

bool IsModelCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

bool IsSessionCharacter(char c) { return IsModelCharacter(c) || c == ':'; }

bool IsPrintable(char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); }

std::string FaultOfReply(const StoredReply& reply, size_t i) {
  if (reply.output_shape.rank() > kReplyRankMax) {
    return absl::StrCat("reply ", i, ": ", reply.output_shape.rank(), " extents, at most ",
                        kReplyRankMax);
  }
  const std::optional<int64_t> size = reply.output_shape.NumElements();
  if (size.has_value() && static_cast<uint64_t>(*size) == reply.outputs.size()) return "";
  return absl::StrCat("reply ", i, ": ", reply.outputs.size(), " outputs of shape ",
                      reply.output_shape.ToString());
}

std::string FaultOfReplies(const Snapshot& snapshot) {
  const std::vector<StoredReply>& replies = snapshot.replies;
  if (snapshot.reply_window < 1 || snapshot.reply_window > static_cast<int>(kReplyWindowMax)) {
    return absl::StrCat("a reply window of ", snapshot.reply_window, ", not 1 to ",
                        kReplyWindowMax);
  }
  if (replies.size() > static_cast<size_t>(snapshot.reply_window)) {
    return absl::StrCat(replies.size(), " replies in a window of ", snapshot.reply_window);
  }
  for (size_t i = 0; i < replies.size(); ++i) {
    if (i > 0 && replies[i].step_index <= replies[i - 1].step_index) {
      return absl::StrCat("reply ", i, " is of step ", replies[i].step_index,
                          ", the one before of step ", replies[i - 1].step_index);
    }
    if (std::string fault = FaultOfReply(replies[i], i); !fault.empty()) return fault;
  }
  return "";
}

// Returns a human-readable description of what is wrong with the fields; empty if nothing is.
std::string FaultOf(const Snapshot& snapshot) {
  std::string fault =
      FaultOfText("session id", snapshot.session_id, 1, kSnapshotNameSizeMax, IsSessionCharacter);
  if (!fault.empty()) return fault;
  fault = FaultOfText("model name", snapshot.model, 1, kSnapshotNameSizeMax, IsModelCharacter);
  if (!fault.empty()) return fault;
  fault = FaultOfText("kernel fingerprint", snapshot.kernel_fingerprint, 0, kFingerprintSizeMax,
                      IsPrintable);
  if (!fault.empty()) return fault;
  const absl::Duration timeout = snapshot.idle_timeout;
  const bool is_whole = absl::Nanoseconds(absl::ToInt64Nanoseconds(timeout)) == timeout;
  if (timeout <= absl::ZeroDuration() || (!is_whole && timeout != absl::InfiniteDuration())) {
    return absl::StrCat("an idle timeout of ", absl::FormatDuration(timeout),
                        ", not 1 to 2^63-1 ns or infinite");
  }
  if (snapshot.durability > kDurabilityMax) {
    return absl::StrCat("a durability of ", snapshot.durability, ", not 0 to ", kDurabilityMax);
  }
  return FaultOfReplies(snapshot);
}

template <typename T>
void Append(const T& value, std::string& bytes) {
  static_assert(std::is_arithmetic_v<T> || std::is_same_v<T, Snapshot::Digest> ||
                std::is_same_v<T, std::array<uint8_t, 16>>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
void AppendMany(absl::Span<const T> values, std::string& bytes) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

void AppendHeader(const Snapshot& snapshot, std::string& bytes) {
  const absl::Duration timeout = snapshot.idle_timeout;
  Append(snapshot.model_digest, bytes);
  Append(snapshot.layout_digest, bytes);
  Append(snapshot.epoch, bytes);
  Append(snapshot.nonce, bytes);
  Append(snapshot.version, bytes);
  Append(timeout == absl::InfiniteDuration()
             ? kNever
             : static_cast<uint64_t>(absl::ToInt64Nanoseconds(timeout)),
         bytes);
  Append(static_cast<uint16_t>(snapshot.session_id.size()), bytes);
  Append(static_cast<uint16_t>(snapshot.model.size()), bytes);
  Append(static_cast<uint16_t>(snapshot.kernel_fingerprint.size()), bytes);
  Append(static_cast<uint8_t>(snapshot.reply_window), bytes);
  Append(static_cast<uint8_t>(snapshot.replies.size()), bytes);
  Append(static_cast<uint64_t>(snapshot.state.size()), bytes);
  Append(snapshot.durability, bytes);
}

void AppendReply(const StoredReply& reply, std::string& bytes) {
  Append(reply.step_index, bytes);
  Append(reply.payload_digest, bytes);
  Append(reply.flags, bytes);
  Append(static_cast<uint32_t>(reply.output_shape.rank()), bytes);
  Append(static_cast<uint64_t>(reply.states.size()), bytes);
  AppendMany(reply.output_shape.extents(), bytes);
  AppendMany<float>(reply.outputs, bytes);
  AppendMany<float>(reply.states, bytes);
}

size_t EncodedBytes(const Snapshot& snapshot) {
  size_t bytes = kHeaderBytes + snapshot.session_id.size() + snapshot.model.size() +
                 snapshot.kernel_fingerprint.size() + snapshot.state.size() * sizeof(float) +
                 kFrameTailBytes;
  for (const StoredReply& reply : snapshot.replies) {
    bytes += kReplyHeaderBytes + reply.output_shape.extents().size() * sizeof(int64_t) +
             (reply.outputs.size() + reply.states.size()) * sizeof(float);
  }
  return bytes;
}

absl::Status CheckVersion(uint16_t version) {
  if (version > kSnapshotVersion) {
    return FailedPrecondition("SNAPSHOT_VERSION",
                              absl::StrCat("snapshot: format version ", version,
                                           "; this server reads up to ", kSnapshotVersion));
  }
  if (version >= kOldestSnapshotVersion) return absl::OkStatus();
  return BadSnapshot(absl::StrCat("format version ", version, "; this server reads from ",
                                  kOldestSnapshotVersion, " on"));
}

absl::StatusOr<StoredReply> TakeReply(absl::string_view name, FieldReader& reader) {
  RNNSERVE_RETURN_IF_ERROR(reader.CheckLeft(name, 1, kReplyHeaderBytes));
  StoredReply reply;
  reply.step_index = reader.Take<uint64_t>();
  reply.payload_digest = reader.Take<std::array<uint8_t, 16>>();
  reply.flags = reader.Take<uint32_t>();
  const auto rank = reader.Take<uint32_t>();
  const auto num_states = reader.Take<uint64_t>();
  if (rank > static_cast<uint32_t>(kReplyRankMax)) {
    return BadSnapshot(absl::StrCat(name, ": ", rank, " extents, at most ", kReplyRankMax));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<int64_t> extents,
                            reader.TakeMany<int64_t>(absl::StrCat(name, ", extents"), rank));
  reply.output_shape = Shape(extents);
  const std::optional<int64_t> num_outputs = reply.output_shape.NumElements();
  if (!num_outputs.has_value()) {
    return BadSnapshot(
        absl::StrCat(name, ": no outputs have the shape ", reply.output_shape.ToString()));
  }
  RNNSERVE_ASSIGN_OR_RETURN(reply.outputs,
                            reader.TakeMany<float>(absl::StrCat(name, ", outputs"), *num_outputs));
  RNNSERVE_ASSIGN_OR_RETURN(reply.states,
                            reader.TakeMany<float>(absl::StrCat(name, ", states"), num_states));
  return reply;
}

absl::StatusOr<absl::Duration> IdleTimeoutOf(uint64_t nanoseconds) {
  if (nanoseconds == kNever) return absl::InfiniteDuration();
  if (std::in_range<int64_t>(nanoseconds))
    return absl::Nanoseconds(static_cast<int64_t>(nanoseconds));
  return BadSnapshot(
      absl::StrCat("an idle timeout of ", nanoseconds, " ns, not 1 to 2^63-1 ns or infinite"));
}

// The lengths of the variable fields, as the fixed fields give them.
struct Lengths {
  uint16_t session_id = 0;
  uint16_t model = 0;
  uint16_t kernel_fingerprint = 0;
  uint8_t num_replies = 0;
  uint64_t state = 0;
};

// Reads the header. REQUIRES: kHeaderBytes - kFrameHeadBytes bytes are left.
absl::StatusOr<Lengths> TakeHeader(FieldReader& reader, Snapshot& snapshot) {
  snapshot.model_digest = reader.Take<Snapshot::Digest>();
  snapshot.layout_digest = reader.Take<Snapshot::Digest>();
  snapshot.epoch = reader.Take<uint64_t>();
  snapshot.nonce = reader.Take<uint64_t>();
  snapshot.version = reader.Take<uint64_t>();
  RNNSERVE_ASSIGN_OR_RETURN(snapshot.idle_timeout, IdleTimeoutOf(reader.Take<uint64_t>()));
  Lengths lengths;
  lengths.session_id = reader.Take<uint16_t>();
  lengths.model = reader.Take<uint16_t>();
  lengths.kernel_fingerprint = reader.Take<uint16_t>();
  snapshot.reply_window = reader.Take<uint8_t>();
  lengths.num_replies = reader.Take<uint8_t>();
  lengths.state = reader.Take<uint64_t>();
  snapshot.durability = reader.Take<uint8_t>();
  return lengths;
}

absl::StatusOr<Snapshot> DecodeVersion1(const SnapshotFrame& frame, const SnapshotLimits& limits) {
  if (frame.header_bytes != kHeaderBytes) {
    return BadSnapshot(
        absl::StrCat("a header of ", frame.header_bytes, " bytes, not ", kHeaderBytes));
  }
  FieldReader reader(frame.content);
  RNNSERVE_RETURN_IF_ERROR(reader.CheckLeft("header", 1, kHeaderBytes - kFrameHeadBytes));
  Snapshot snapshot;
  RNNSERVE_ASSIGN_OR_RETURN(const Lengths lengths, TakeHeader(reader, snapshot));
  RNNSERVE_ASSIGN_OR_RETURN(snapshot.session_id, reader.TakeText("session id", lengths.session_id));
  RNNSERVE_ASSIGN_OR_RETURN(snapshot.model, reader.TakeText("model name", lengths.model));
  RNNSERVE_ASSIGN_OR_RETURN(snapshot.kernel_fingerprint,
                            reader.TakeText("kernel fingerprint", lengths.kernel_fingerprint));
  if (lengths.state > limits.state_size_max) {
    return BadSnapshot(
        absl::StrCat("a state of ", lengths.state, " floats, at most ", limits.state_size_max));
  }
  RNNSERVE_ASSIGN_OR_RETURN(snapshot.state, reader.TakeMany<float>("state", lengths.state));
  RNNSERVE_RETURN_IF_ERROR(reader.CheckLeft("replies", lengths.num_replies, kReplyHeaderBytes));
  snapshot.replies.reserve(lengths.num_replies);
  for (int i = 0; i < lengths.num_replies; ++i) {
    RNNSERVE_ASSIGN_OR_RETURN(StoredReply reply, TakeReply(absl::StrCat("reply ", i), reader));
    snapshot.replies.push_back(std::move(reply));
  }
  if (reader.num_left() != 0) {
    return BadSnapshot(absl::StrCat(reader.num_left(), " bytes are left after the last field"));
  }
  return snapshot;
}

}  // namespace

absl::Status CheckSnapshot(const Snapshot& snapshot) {
  const std::string fault = FaultOf(snapshot);
  return fault.empty() ? absl::OkStatus()
                       : InvalidArgument("SNAPSHOT_FIELD", absl::StrCat("snapshot: ", fault));
}

std::string EncodeSnapshot(const Snapshot& snapshot, const SnapshotKey& key) {
  if (!FaultOf(snapshot).empty()) std::abort();
  std::string bytes;
  bytes.reserve(EncodedBytes(snapshot));
  bytes.resize(kFrameHeadBytes);
  AppendHeader(snapshot, bytes);
  bytes.append(snapshot.session_id);
  bytes.append(snapshot.model);
  bytes.append(snapshot.kernel_fingerprint);
  AppendMany<float>(snapshot.state, bytes);
  for (const StoredReply& reply : snapshot.replies) AppendReply(reply, bytes);
  SealSnapshot(kSnapshotVersion, kHeaderBytes, key, bytes);
  return bytes;
}

absl::StatusOr<Snapshot> DecodeSnapshot(absl::string_view bytes, const SnapshotKeys& keys,
                                        std::optional<absl::string_view> session_id,
                                        const SnapshotLimits& limits) {
  if (bytes.size() > limits.bytes_max) {
    return BadSnapshot(absl::StrCat(bytes.size(), " bytes, at most ", limits.bytes_max));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const SnapshotFrame frame, OpenSnapshot(bytes, keys));
  RNNSERVE_RETURN_IF_ERROR(CheckVersion(frame.format_version));
  RNNSERVE_ASSIGN_OR_RETURN(Snapshot snapshot, DecodeVersion1(frame, limits));
  const std::string fault = FaultOf(snapshot);
  if (!fault.empty()) return BadSnapshot(fault);
  if (session_id.has_value() && snapshot.session_id != *session_id)
    return BadSnapshot("it is of another session");
  return snapshot;
}

bool MayBeReadElsewhere(absl::string_view bytes, const SnapshotKeys& keys) {
  const absl::StatusOr<SnapshotFrame> frame = OpenSnapshot(bytes, keys);
  if (!frame.ok()) return HasForeignKey(bytes, keys);
  return !CheckVersion(frame->format_version).ok();
}

}  // namespace rnnserve
