// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_SESSION_H_
#define RNNSERVE_CLIENT_CPP_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/call_options.h"
#include "client/cpp/tensor.h"

namespace rnnserve::client {

class ActionChannel;

// How much of a session survives the loss of its server. All but kNone require a server with a
// snapshot store.
enum class Durability {
  kDefault,  // the server's `--durability`
  kNone,     // the session is lost with its server
  kAsync,    // stored every few steps: the last steps are lost and must be sent again
  kSync,     // stored before each reply: no answered step is lost
};

// Options for opening a session.
struct SessionOptions {
  // 1 to 128 characters of [A-Za-z0-9._:-]. Default: the server chooses.
  std::string session_id;
  // Either none or every state of the model. Default: the cells' own initial states.
  std::vector<StateTensor> initial_state;
  // On a stream: whether the session outlives the stream. Sessions opened without a stream always
  // do.
  bool is_detached = false;
  // How long a detached session may be idle before it expires. Default: the server's limit.
  absl::Duration idle_timeout = absl::ZeroDuration();
  // The number of replies that the server keeps for steps that are sent again, and the number of
  // indexed steps that may be in flight; 1 to 16. Default: 1.
  int reply_window = 0;
  // FAILED_PRECONDITION (NO_STORE) if the server has no snapshot store. Only for detached sessions.
  Durability durability = Durability::kDefault;
};

// The priority of a request in the server's queue.
enum class Priority { kLow, kNormal, kHigh };

struct StepOptions : CallOptions {
  // Bool, [time]; the state does not change at a timestep that is false. Default: all true.
  std::optional<Tensor> mask;
  // The states to start from instead of the session's own: either none or every state.
  std::vector<StateTensor> initial_state;
  // Whether the result contains the states after the step.
  bool return_state = false;
  // The index of this step in its session, counted from 0; it equals the version before the step.
  // If no answer comes, a step with an index may be sent again, over any connection, and is
  // performed only once. Default: none; then a step that is sent again is performed again.
  std::optional<uint64_t> step_index;
  // The epoch of this writer, Session::epoch: the step is refused with ABORTED (STEP_FENCED) once
  // another writer has attached. Default: not compared.
  std::optional<uint64_t> epoch;
  Priority priority = Priority::kNormal;
};

struct StepResult {
  // Float; [time, outputs] if the model returns sequences, else [outputs]. Empty, of shape [0], if
  // the model has several outputs.
  Tensor output;
  // The number of steps committed so far, including this one.
  uint64_t version = 0;
  // With `return_state`: every state of the model after the step.
  std::vector<StateTensor> state;
  // Whether this is the stored reply to an earlier transmission of the same step.
  bool is_replayed = false;
  // At least this version would survive the loss of the server; 0 without durability.
  uint64_t durable_version = 0;
  // If the model has several outputs: all of them, in the order of DescribeModel. Each is
  // [time, outputs], or [outputs] after the last timestep if it has no time axis.
  std::vector<NamedTensor> outputs{};
};

using StepCallback = absl::AnyInvocable<void(absl::StatusOr<StepResult>)>;

// One session on the server: a model's recurrent state, advanced step by step.
//
// Owns the session and closes it when destroyed; Release gives it up. Made by Stream (the session
// ends with its stream, and calls are pipelined) or by Client (unary calls, and the session is
// detached). Thread-compatible. If it outlives its Stream or, without a stream, its Client, calls
// fail with CANCELLED or UNAVAILABLE, and only the server closes the session: at once, or after its
// idle timeout.
//
// Every call may fail with the codes that proto/rnnserve/v1/inference.proto lists for it, and with
// DEADLINE_EXCEEDED after its timeout; ErrorReason gives the reason. The .proto file also says for
// each code whether the state has changed. Blocking calls must not be made in a callback of this
// library.
//
//   auto stream = client->OpenStream();
//   auto session = stream->OpenSession("japanese_vowels");
//   for (const Tensor& frame : frames) auto result = session->Step(frame);
class Session {
 public:
  // Closes the session without waiting for the answer. (Client's destructor does wait.)
  ~Session();
  Session(Session&& other) noexcept;
  Session& operator=(Session&& other) noexcept;
  // Not copied: two owners would close the session twice.
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::string& id() const { return id_; }
  // Returns the epoch that this owner got when it opened the session or attached to it; 0 for a
  // session that was adopted by id.
  uint64_t epoch() const { return epoch_; }
  // Returns the number of steps that were committed at that time: the index of the first step made
  // through this object.
  uint64_t first_index() const { return first_index_; }

  // Advances the session by the timesteps of `input`: [time, features] float, or [time] token ids.
  absl::StatusOr<StepResult> Step(const Tensor& input, const StepOptions& options = {});
  // Advances the session of a model with several inputs, all of which are given in any order. Those
  // with a time axis have the same number of timesteps; the others hold for all of these. The masks
  // are given with the inputs, not in the options.
  absl::StatusOr<StepResult> Step(const std::vector<NamedTensor>& inputs,
                                  const StepOptions& options = {});

  // Sends a step without waiting. Over a stream, steps that are sent without waiting for each other
  // are performed in the order sent. `callback` is called once: on a gRPC thread or, if the step
  // cannot be sent, on this thread. It must not block. Over a stream the step has no timeout.
  void StepAsync(const Tensor& input, const StepOptions& options, StepCallback callback);
  void StepAsync(const std::vector<NamedTensor>& inputs, const StepOptions& options,
                 StepCallback callback);

  // Resets the session to the cells' own initial states, or to `state` (every state).
  absl::Status ResetState(const std::vector<StateTensor>& state = {},
                          const CallOptions& options = {});

  // Returns every state, in the order in which DescribeModel lists them.
  absl::StatusOr<std::vector<StateTensor>> GetState(const CallOptions& options = {});

  // Overwrites every state.
  absl::Status SetState(const std::vector<StateTensor>& state, const CallOptions& options = {});

  // Copies the session into `num_forks` new ones, 1 to 1024: all of them or none. The forks are
  // detached if this session has no stream; otherwise they end with the stream.
  absl::StatusOr<std::vector<Session>> Fork(int num_forks, const CallOptions& options = {});

  // Closes the session and waits. After success the destructor does nothing.
  absl::Status Close(const CallOptions& options = {});

  // Keeps the session open on the server and returns its id. Only the destructor may follow.
  std::string Release();

 private:
  friend class Client;
  friend class Stream;
  Session(std::shared_ptr<ActionChannel> channel, std::string id, uint64_t epoch = 0,
          uint64_t first_index = 0);

  // `Inputs` is one of the two forms that Step takes.
  template <typename Inputs>
  void SendStep(const Inputs& inputs, const StepOptions& options, StepCallback callback);

  // Null after a close, a release or a move.
  std::shared_ptr<ActionChannel> channel_;
  std::string id_;
  uint64_t epoch_;
  uint64_t first_index_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_SESSION_H_
