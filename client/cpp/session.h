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

// What becomes of a session when its server is lost; all but kNone need a server with a store.
enum class Durability {
  kDefault,  // as the server's `--durability` says
  kNone,     // it ends with its server
  kAsync,    // it is stored every few steps: the last ones are lost, and are to be sent again
  kSync,     // it is stored before each reply: nothing that was answered is lost
};

// How a session is opened.
struct SessionOptions {
  // 1 to 128 of [A-Za-z0-9._:-]. Default: the server chooses.
  std::string session_id;
  // Either none or every state of the model. Default: the cells' own initial states.
  std::vector<StateTensor> initial_state;
  // On a stream: whether the session outlives it. Sessions opened without a stream always do.
  bool is_detached = false;
  // How long a detached session may lie idle before it expires. Default: the server's limit.
  absl::Duration idle_timeout = absl::ZeroDuration();
  // How many replies the server keeps for steps that are sent again, and how many steps with an
  // index may be under way; 1 to 16. Default: 1.
  int reply_window = 0;
  // FAILED_PRECONDITION (NO_STORE) where the server has no store; only for detached sessions.
  Durability durability = Durability::kDefault;
};

// The class of a request among those that wait on the server.
enum class Priority { kLow, kNormal, kHigh };

struct StepOptions : CallOptions {
  // Bool, [time]; false leaves the state as it is at that timestep. Default: all true.
  std::optional<Tensor> mask;
  // The states to start from instead of the session's own; either none or every state.
  std::vector<StateTensor> initial_state;
  // Whether the result carries the states after the step.
  bool return_state = false;
  // The place of this step among those of its session, from 0: the version before it. A step that
  // has one may be sent again if no answer came, over any connection, and is done once. Default: a
  // step that is sent again is another step.
  std::optional<uint64_t> step_index;
  // The epoch of this writer, Session::epoch: refused with ABORTED (STEP_FENCED) once another has
  // attached. Default: not compared.
  std::optional<uint64_t> epoch;
  Priority priority = Priority::kNormal;
};

struct StepResult {
  // Float; [time, outputs] if the model returns sequences, else [outputs].
  Tensor output;
  // The steps committed so far, this one included.
  uint64_t version = 0;
  // With `return_state`: every state of the model after the step.
  std::vector<StateTensor> state;
  // Whether it is the answer to an earlier sending of the same step.
  bool is_replayed = false;
  // The version that would survive the loss of the server, at least; 0 without durability.
  uint64_t durable_version = 0;
};

using StepCallback = absl::AnyInvocable<void(absl::StatusOr<StepResult>)>;

// One session on the server: a model's recurrent state, advanced step by step.
//
// Owns the session and closes it when destroyed; Release gives that up. Made by Stream (the session
// ends with its stream, calls are pipelined) or by Client (unary calls, the session is detached).
// Thread-compatible. Where it outlives its Stream, or without a stream its Client, calls fail with
// CANCELLED or UNAVAILABLE, and nobody closes it but the server: at once, or after its idle time.
//
// Every call may fail with the codes that proto/rnnserve/v1/inference.proto lists for it, and with
// DEADLINE_EXCEEDED after its timeout; ErrorReason tells more. Whether the state has moved is told
// there for each code. Blocking calls must not be made in a callback of this library.
//
//   auto stream = client->OpenStream();
//   auto session = stream->OpenSession("japanese_vowels");
//   for (const Tensor& frame : frames) auto result = session->Step(frame);
class Session {
 public:
  // Closes the session without waiting for the answer. (Client's destructor waits for it.)
  ~Session();
  Session(Session&& other) noexcept;
  Session& operator=(Session&& other) noexcept;
  // Not copied: two owners would close it twice.
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::string& id() const { return id_; }
  // The epoch in which it was opened or attached to; 0 for one that was adopted by its id alone.
  uint64_t epoch() const { return epoch_; }
  // The steps that were committed then: the index of the first step from here.
  uint64_t first_index() const { return first_index_; }

  // Advances the session by the timesteps of `input`: [time, features] float, or [time] token ids.
  absl::StatusOr<StepResult> Step(const Tensor& input, const StepOptions& options = {});

  // Step without waiting. Over a stream, steps sent without waiting for each other are done in the
  // order sent. `callback` is called once, from a thread of gRPC, or from this one if the step
  // cannot be sent; it must not block. Over a stream it has no timeout.
  void StepAsync(const Tensor& input, const StepOptions& options, StepCallback callback);

  // Starts the session over: with the cells' own initial states, or with `state` (every state).
  absl::Status ResetState(const std::vector<StateTensor>& state = {},
                          const CallOptions& options = {});

  // Every state, in the order DescribeModel lists them.
  absl::StatusOr<std::vector<StateTensor>> GetState(const CallOptions& options = {});

  // Overwrites every state.
  absl::Status SetState(const std::vector<StateTensor>& state, const CallOptions& options = {});

  // Copies the session into `num_forks` new ones, 1 to 1024: all of them or none. They are detached
  // if this one has no stream, else they end with it.
  absl::StatusOr<std::vector<Session>> Fork(int num_forks, const CallOptions& options = {});

  // Closes the session and waits. After success the destructor does nothing more.
  absl::Status Close(const CallOptions& options = {});

  // Lets the session live on at the server and returns its id. Only the destructor may follow.
  std::string Release();

 private:
  friend class Client;
  friend class Stream;
  Session(std::shared_ptr<ActionChannel> channel, std::string id, uint64_t epoch = 0,
          uint64_t first_index = 0);

  // Null once closed, released or moved from.
  std::shared_ptr<ActionChannel> channel_;
  std::string id_;
  uint64_t epoch_;
  uint64_t first_index_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_SESSION_H_
