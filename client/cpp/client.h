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

// A whole batch for Client::Infer.
struct InferRequest {
  std::string model;
  // Float [batch, time, features], or token ids [batch, time].
  Tensor input;
  // Bool [batch, time]; false skips a timestep of a row. Default: all true.
  std::optional<Tensor> mask;
  // The states to begin from, each [batch, units]; either none or every state of the model.
  std::vector<StateTensor> initial_state;
  // Whether the result carries the states after the last timestep.
  bool return_state = false;
  // Whether dropout is active, as in Keras' model(x, training=True). Equal rows are then
  // independent samples.
  bool training = false;
  // With `training`: where the random numbers come from, for the same result again. Default: the
  // server chooses, and the result tells.
  std::optional<uint64_t> seed;
};

struct InferResult {
  // Float; [batch, time, outputs] if the model returns sequences, else [batch, outputs].
  Tensor output;
  // With `return_state`: every state of the model, [batch, units].
  std::vector<StateTensor> state;
  // With `training`.
  std::optional<uint64_t> seed;
};

// Which sessions Client::ListSessions lists.
struct SessionFilter {
  std::string model{};        // empty: of all models
  std::string id_prefix{};    // empty: all
  absl::Duration min_idle{};  // without a call
};

// A connection to an rnnserve server.
//
// Owns the gRPC channel, which reconnects by itself; Streams share it and may outlive the Client.
// Thread-safe. The destructor waits for what Sessions without a stream have under way: closing, 5 s
// at most, and asynchronous steps. It must not run in a callback of this library. Calls fail with
// the codes listed in proto/rnnserve/v1, with DEADLINE_EXCEEDED after their timeout, and with
// UNAVAILABLE if no server answers.
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
    // The largest reply that is accepted. Replies grow with batch, time and outputs.
    int max_message_bytes = 64 << 20;
    // Whether it has a TCP connection of its own. Clients of one target share one otherwise, as
    // gRPC has it; more than one helps where one connection is full.
    bool has_own_connection = false;
  };

  // Connects to `target`, "host:port" or any gRPC target, without TLS. UNAVAILABLE, with the target
  // in the text, if nothing answers there.
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

  // Reads a model of the server again; sessions that are open stay on the one before. What can go
  // wrong is in model.proto; then nothing has changed.
  absl::StatusOr<v1::ReloadModelResponse> ReloadModel(const std::string& model,
                                                      const CallOptions& options = {});

  // Computes a batch of whole sequences, without a session.
  absl::StatusOr<InferResult> Infer(const InferRequest& request, const CallOptions& options = {});

  // Opens a stream. Never fails: if the server cannot be reached, the first action on it tells.
  std::unique_ptr<Stream> OpenStream(const StreamOptions& options = {});

  // Opens a stream for a program that writes its own messages. Never fails: if the server cannot be
  // reached, OnEnd tells. `listener` must outlive the result.
  std::unique_ptr<MessageStream> OpenMessageStream(MessageStream::Listener& listener);

  // Opens a detached session, used by unary calls. Codes as Stream::OpenSession.
  absl::StatusOr<Session> OpenSession(const std::string& model, const SessionOptions& options = {},
                                      const CallOptions& call_options = {});

  // Takes over a session that is open, and owns it: steps of writers before, if they give their
  // epoch, are refused from then on. NOT_FOUND if there is none; INVALID_ARGUMENT if there is a
  // `resume_token`, as a Notice tells it, and it is not one of this session.
  absl::StatusOr<Session> AttachSession(const std::string& session_id,
                                        const CallOptions& options = {},
                                        const std::string& resume_token = {});

  // Owns a detached session that is open already, by its id; asks nothing of the server.
  Session AdoptSession(std::string session_id);

  // Advances many sessions with one unary call. Codes as Stream::StepSessions.
  absl::StatusOr<StepSessionsResult> StepSessions(const StepSessionsRequest& request,
                                                  const CallOptions& options = {});

  // Starts sessions over: these, or all of a model. Returns how many.
  absl::StatusOr<uint64_t> ResetSessions(const std::vector<std::string>& session_ids,
                                         const CallOptions& options = {});
  absl::StatusOr<uint64_t> ResetModelSessions(const std::string& model,
                                              const CallOptions& options = {});

  // The open sessions that pass the filter, read page by page; `options` hold for each page.
  absl::StatusOr<std::vector<v1::SessionSummary>> ListSessions(const SessionFilter& filter = {},
                                                               const CallOptions& options = {});

  // A session as bytes, and back: ImportSession opens a detached session that goes on from there,
  // at any server that has the same snapshot key and model. An empty id: as it was.
  absl::StatusOr<std::string> ExportSession(const std::string& session_id,
                                            const CallOptions& options = {});
  absl::StatusOr<Session> ImportSession(const std::string& snapshot,
                                        const std::string& session_id = "",
                                        const CallOptions& options = {});

  // Ends a session in the name of whoever runs the server: its client is told SESSION_EVICTED.
  // Returns the steps that were committed.
  absl::StatusOr<uint64_t> EvictSession(const std::string& session_id,
                                        const CallOptions& options = {});

 private:
  struct Connection;
  explicit Client(std::unique_ptr<Connection> connection);

  const std::unique_ptr<Connection> connection_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_CLIENT_H_
