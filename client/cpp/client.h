// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_CLIENT_H_
#define RNNSERVE_CLIENT_CPP_CLIENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/call_options.h"
#include "client/cpp/message_stream.h"
#include "client/cpp/session.h"
#include "client/cpp/stream.h"
#include "client/cpp/tensor.h"
#include "rnnserve/v1/model.pb.h"
#include "rnnserve/v1/session.pb.h"

namespace rnnserve::client {

// A batch of whole sequences for Client::Infer.
struct InferRequest {
  std::string model;
  // Float [batch, time, features], or token ids [batch, time].
  Tensor input;
  // Bool [batch, time]; false skips a timestep of a row. Default: all true.
  std::optional<Tensor> mask;
  // The initial states, each [batch, units]: either none, or every state of the model.
  std::vector<StateTensor> initial_state;
  // Whether the result contains the states after the last timestep.
  bool return_state = false;
  // Whether dropout is active, as in Keras' model(x, training=True). Equal rows are then
  // independent samples.
  bool training = false;
  // With `training`: the random seed; the same seed gives the same result. Default: the server
  // chooses one, and the result contains it.
  std::optional<uint64_t> seed;
  // For a model with several inputs: all of them in any order, instead of `input` and `mask`. Each
  // has the axis `batch` in front; those with a time axis may have different numbers of timesteps.
  std::vector<NamedTensor> inputs{};
};

struct InferResult {
  // Float; [batch, time, outputs] if the model returns sequences, else [batch, outputs]. Empty, of
  // shape [0], if the model has several outputs.
  Tensor output;
  // With `return_state`: every state of the model, each [batch, units].
  std::vector<StateTensor> state;
  // With `training`: the seed that was used.
  std::optional<uint64_t> seed;
  // If the model has several outputs: all of them, in the order of DescribeModel, each with the
  // axis `batch` in front.
  std::vector<NamedTensor> outputs{};
};

// Selects the sessions that Client::ListSessions lists.
struct SessionFilter {
  std::string model{};        // empty: sessions of all models
  std::string id_prefix{};    // empty: all ids
  absl::Duration min_idle{};  // the shortest time since the last call
};

// A connection to an rnnserve server.
//
// Owns the gRPC channel, which reconnects by itself; Streams share it and may outlive the Client.
// Thread-safe. The destructor waits for the calls in flight of Sessions without a stream: closes,
// for at most 5 s, and asynchronous steps. It must not run in a callback of this library. Calls
// fail with the codes listed in proto/rnnserve/v1, with DEADLINE_EXCEEDED after their timeout, and
// with UNAVAILABLE if no server answers.
//
//   auto client = Client::Connect("localhost:50051");
//   if (!client.ok()) return client.status();
//   auto stream = (*client)->OpenStream();
//   auto session = stream->OpenSession("sunspots");
//   auto result = session->Step(Tensor({1, 1}, std::vector<float>{0.5f}));
class Client {
 public:
  struct Options {
    // How long Connect may take.
    absl::Duration connect_timeout = absl::Seconds(5);
    // The size of the largest reply that is accepted. Replies grow with batch, time and outputs.
    int max_message_bytes = 64 << 20;
    // Whether the client has a TCP connection of its own. By default gRPC lets all clients of one
    // target share one connection; own connections help when one connection is saturated.
    bool has_own_connection = false;
  };

  // Connects to `target`, which is "host:port" or any gRPC target, without TLS. UNAVAILABLE, with
  // the target in the text, if nothing answers there.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& target,
                                                         const Options& options);
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& target);

  ~Client();
  // Neither copied nor moved: threads share it by reference.
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  absl::StatusOr<std::vector<v1::ModelSummary>> ListModels(const CallOptions& options = {});
  absl::StatusOr<v1::DescribeModelResponse> DescribeModel(const std::string& model,
                                                          const CallOptions& options = {});

  // Makes the server reload a model; open sessions stay on the previous version. model.proto lists
  // the errors; after an error nothing has changed.
  absl::StatusOr<v1::ReloadModelResponse> ReloadModel(const std::string& model,
                                                      const CallOptions& options = {});

  // Computes a batch of whole sequences, without a session.
  absl::StatusOr<InferResult> Infer(const InferRequest& request, const CallOptions& options = {});

  // Opens a stream. Never fails: if the server cannot be reached, the first action on the stream
  // reports it.
  std::unique_ptr<Stream> OpenStream(const StreamOptions& options = {});

  // Opens a stream for a program that writes its own messages. Never fails: if the server cannot be
  // reached, OnEnd reports it. `listener` must outlive the result.
  std::unique_ptr<MessageStream> OpenMessageStream(MessageStream::Listener& listener);

  // Opens a detached session that is used by unary calls. Fails with the codes of
  // Stream::OpenSession.
  absl::StatusOr<Session> OpenSession(const std::string& model, const SessionOptions& options = {},
                                      const CallOptions& call_options = {});

  // Takes over an open session and becomes its owner: from then on, the server refuses steps that
  // carry the epoch of an earlier writer. NOT_FOUND if there is no such session; INVALID_ARGUMENT
  // if a `resume_token` (from a Notice) is given that does not belong to this session.
  absl::StatusOr<Session> AttachSession(const std::string& session_id,
                                        const CallOptions& options = {},
                                        const std::string& resume_token = {});

  // Becomes the owner of the open detached session with this id, without a call to the server.
  Session AdoptSession(std::string session_id);

  // Advances many sessions with one unary call. Fails with the codes of Stream::StepSessions.
  absl::StatusOr<StepSessionsResult> StepSessions(const StepSessionsRequest& request,
                                                  const CallOptions& options = {});

  // Resets the given sessions, or all sessions of a model. Returns their number.
  absl::StatusOr<uint64_t> ResetSessions(const std::vector<std::string>& session_ids,
                                         const CallOptions& options = {});
  absl::StatusOr<uint64_t> ResetModelSessions(const std::string& model,
                                              const CallOptions& options = {});

  // Returns the open sessions that match the filter, read page by page; `options` apply to each
  // page.
  absl::StatusOr<std::vector<v1::SessionSummary>> ListSessions(const SessionFilter& filter = {},
                                                               const CallOptions& options = {});

  // ExportSession returns a session as bytes. ImportSession opens a detached session that continues
  // from them, on any server that has the same snapshot key and model. An empty `session_id` keeps
  // the id.
  absl::StatusOr<std::string> ExportSession(const std::string& session_id,
                                            const CallOptions& options = {});
  absl::StatusOr<Session> ImportSession(const std::string& snapshot,
                                        const std::string& session_id = "",
                                        const CallOptions& options = {});

  // Ends a session on behalf of the server's operator; its client receives SESSION_EVICTED. Returns
  // the number of steps that were committed.
  absl::StatusOr<uint64_t> EvictSession(const std::string& session_id,
                                        const CallOptions& options = {});

 private:
  struct Connection;
  explicit Client(std::unique_ptr<Connection> connection);

  const std::unique_ptr<Connection> connection_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_CLIENT_H_
