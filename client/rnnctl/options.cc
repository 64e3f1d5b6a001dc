// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/rnnctl/options.h"

#include "CLI/CLI.hpp"

namespace rnnserve::client {
namespace {

constexpr char kFooter[] =
    "Exit codes: 0 success, 1 the server returned an error, 2 the command line or a "
    "file is wrong, 3 no answer from the server.\n"
    "Files: .npy [batch, time, features]; .csv with a line for each timestep and a column\n"
    "`sequence`; .jsonl with [[...], ...] or {\"frames\": [[...], ...]} on each line.";

constexpr int64_t kMaxBatchRows = 1024;
constexpr int kMaxForks = 1024;

CLI::App* AddCommand(CLI::App& app, Options* options, Command command, const char* name,
                     const char* description) {
  CLI::App* subcommand = app.add_subcommand(name, description);
  subcommand->callback([options, command] { options->command = command; });
  return subcommand;
}

// Returns the option of the file with the sequences.
CLI::Option* AddFiles(CLI::App* command, Options* options) {
  command->add_option("model", options->model, "Name of the model")->required();
  CLI::Option* input =
      command->add_option("input", options->input, "File with the sequences; - for standard input")
          ->capture_default_str();
  command->add_option("-o,--output", options->output, "File for the outputs; - for standard output")
      ->capture_default_str();
  command
      ->add_option("--format", options->format,
                   "Format of files whose extension does not name one: npy, csv or jsonl")
      ->check(CLI::IsMember({"npy", "csv", "jsonl"}));
  return input;
}

// Adds the option that gives several inputs by name, instead of `input`.
void AddNamedInputs(CLI::App* command, CLI::Option* input, Options* options) {
  command
      ->add_option(
          "--input", options->named_inputs,
          "NAME=FILE, once for each input of a model with several; an input without a time "
          "axis has one line or row for each sequence")
      ->allow_extra_args(false)
      ->excludes(input);
}

void AddSequenceCommands(CLI::App& app, Options* options) {
  CLI::App* infer = AddCommand(app, options, Command::kInfer, "infer",
                               "Compute whole sequences, in batches and without sessions");
  AddNamedInputs(infer, AddFiles(infer, options), options);
  infer
      ->add_option("--batch", options->num_batch_rows,
                   "Number of sequences in one call; only sequences of equal length share a call")
      ->check(CLI::Range(int64_t{1}, kMaxBatchRows))
      ->capture_default_str();
  CLI::Option* training =
      infer->add_flag("--training", options->is_training,
                      "Use dropout, as in training: equal sequences become independent samples");
  infer
      ->add_option("--seed", options->seed,
                   "Seed of the first call, which makes the samples repeatable; each further call "
                   "uses the next number")
      ->needs(training);

  CLI::App* stream = AddCommand(app, options, Command::kStream, "stream",
                                "Stream each sequence through a session of its own");
  AddNamedInputs(stream, AddFiles(stream, options), options);
  stream
      ->add_option("--sessions", options->num_sessions, "Number of sessions that are open at once")
      ->check(CLI::Range(size_t{1}, kMaxSessions))
      ->capture_default_str();
  stream->add_option("--chunk", options->num_chunk_timesteps, "Number of timesteps in one step")
      ->check(CLI::Range(int64_t{1}, kMaxChunkTimesteps))
      ->capture_default_str();
  stream->add_flag("--last", options->is_last_only, "Write only the last output of each sequence");
}

void AddSessionCommands(CLI::App& app, Options* options) {
  CLI::App* sessions =
      AddCommand(app, options, Command::kSessions, "sessions",
                 "List the open sessions, in memory or spilled to the snapshot store");
  sessions->add_option("--model", options->model, "Only sessions of this model");
  sessions->add_option("--prefix", options->id_prefix, "Only sessions whose id has this prefix");
  sessions
      ->add_option("--min-idle-ms", options->min_idle_ms,
                   "Only sessions idle for at least this long")
      ->check(CLI::NonNegativeNumber);

  CLI::App* fork = AddCommand(app, options, Command::kFork, "fork",
                              "Copy a session into new ones, and print their ids");
  fork->add_option("session", options->session_ids, "Id of the session")->required()->expected(1);
  fork->add_option("-n,--count", options->num_forks, "Number of copies")
      ->check(CLI::Range(1, kMaxForks))
      ->capture_default_str();

  CLI::App* exported = AddCommand(app, options, Command::kExport, "export",
                                  "Write a session to a file, signed with the server's key");
  exported->add_option("session", options->session_ids, "Id of the session")
      ->required()
      ->expected(1);
  exported->add_option("-o,--output", options->output, "File to write; - for standard output")
      ->capture_default_str();

  CLI::App* imported =
      AddCommand(app, options, Command::kImport, "import",
                 "Open a session from a file that `export` wrote, and print its id");
  imported->add_option("input", options->input, "File to read; - for standard input")->required();
  imported
      ->add_option("--as", options->session_ids, "Id of the new session; default: the exported id")
      ->expected(1);

  AddCommand(app, options, Command::kEvict, "evict",
             "End sessions; their clients receive SESSION_EVICTED")
      ->add_option("session", options->session_ids, "Ids of sessions")
      ->required();

  CLI::App* reset =
      AddCommand(app, options, Command::kReset, "reset", "Reset sessions to the initial state");
  CLI::Option* ids = reset->add_option("session", options->session_ids, "Ids of sessions");
  CLI::Option* model =
      reset->add_option("--model", options->model, "All sessions of this model")->excludes(ids);
  reset->callback([options, ids, model] {
    if (ids->empty() && model->empty()) throw CLI::RequiredError("Session ids or --model");
    options->command = Command::kReset;
  });
}

}  // namespace

void DeclareCommandLine(CLI::App& app, Options* options) {
  app.require_subcommand(0, 1);
  app.fallthrough();
  // require_subcommand would complain before it has noticed that a word is unknown.
  app.callback([&app] {
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A command");
  });
  app.footer(kFooter);
  app.add_option("--server", options->server, "Address of the server, host:port")
      ->envname("RNNSERVE_SERVER")
      ->capture_default_str();
  app.add_flag("--json", options->is_json, "Print JSON instead of tables");
  app.add_option("--timeout-ms", options->timeout_ms, "Maximum time to wait for an answer")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  AddCommand(app, options, Command::kModels, "models", "List the models of the server");
  AddCommand(app, options, Command::kDescribe, "describe",
             "Show the input, output, states and layers of a model")
      ->add_option("model", options->model, "Name of the model")
      ->required();
  AddCommand(app, options, Command::kReload, "reload",
             "Make the server load a model again; open sessions stay on the previous version")
      ->add_option("model", options->model, "Name of the model")
      ->required();
  AddSequenceCommands(app, options);
  AddSessionCommands(app, options);
  DeclareBench(AddCommand(app, options, Command::kBench, "bench",
                          "Put load on the server and measure its latency"),
               options);
}

}  // namespace rnnserve::client
