// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/rnnctl/bench_options.h"

#include "CLI/CLI.hpp"
#include "client/load/length_distribution.h"
#include "client/load/model_mix.h"
#include "client/load/rates.h"
#include "client/rnnctl/options.h"

namespace rnnserve::client {
namespace {

constexpr char kFooter[] =
    "Without --rate, --sweep or --arrivals the loop is closed: every session sends its next step\n"
    "when its last one is answered. With one of them it is open: messages leave at times that "
    "were\n"
    "fixed before, whatever the server does, and latencies count from those times.\n"
    "\n"
    "A load ends after --seconds or --steps, whichever is first, then waits for the answers, up "
    "to\n"
    "--timeout-ms. A step whose answer takes longer has failed; its latency still counts. A step\n"
    "that was refused has failed too; its latency does not count.\n"
    "\n"
    "Steady: the two halves of the measurement agree, in steps/s within 10 % (and the chance of a\n"
    "Poisson process), in the median within a factor of 1.5. The server kept up: it answered 95 %\n"
    "of what was due while it was due. The generator is the bottleneck: 1 % of the messages left\n"
    "more than 1 ms and more than a tenth of the median latency after their time, or one of its\n"
    "threads used more than 80 % of a processor.\n"
    "\n"
    "With --step-sessions each session of a message still counts as a step. If the StepSessions\n"
    "fails as a whole, all its steps have failed.\n"
    "\n"
    "The first sequence of each session is cut at a random place, so that they do not all end\n"
    "together. Sessions are closed with their stream, at Ctrl-C too.";

constexpr size_t kMaxStreams = 256;
constexpr size_t kMaxChannels = 64;
// A third of the actions that a message may have: a session may be opened, stepped and closed.
constexpr size_t kMaxSessionsPerMessage = 1365;
constexpr uint64_t kMaxSteps = 10'000'000;
constexpr double kMaxSeconds = 3600;
constexpr double kMaxWarmUpSeconds = 600;
constexpr double kMaxThinkMs = 3.6e6;
constexpr int64_t kMaxDeadlineMs = 3'600'000;
constexpr double kMinRate = 0.001;
constexpr double kMinSeconds = 0.001;

// Passes if `Parse` takes the text; otherwise what it says.
template <typename Parse>
CLI::Validator Parses(Parse parse, const std::string& form) {
  return CLI::Validator(
      [parse](const std::string& text) {
        const auto parsed = parse(text);
        return parsed.ok() ? std::string() : std::string(parsed.status().message());
      },
      form);
}

void AddLoop(CLI::App* command, BenchOptions* bench) {
  CLI::Option* rate =
      command
          ->add_option("--rate", bench->rate,
                       "Open loop: steps a second, in messages with Poisson arrivals")
          ->check(CLI::Range(kMinRate, kMaxRate));
  CLI::Option* sweep =
      command
          ->add_option("--sweep", bench->sweep,
                       "Open loop, once for each rate: RATE,RATE,... or FROM:TO:COUNT")
          ->check(Parses(ParseRates, "RATES"))
          ->excludes(rate);
  CLI::Option* arrivals =
      command
          ->add_option("--arrivals", bench->arrivals,
                       "Open loop: a message at each time in a file, in seconds, one a line")
          ->check(CLI::ExistingFile)
          ->excludes(rate)
          ->excludes(sweep);
  command
      ->add_option("--think-ms", bench->think_ms,
                   "Closed loop: from an answer to the next step of the session")
      ->check(CLI::Range(0.0, kMaxThinkMs))
      ->excludes(rate)
      ->excludes(sweep)
      ->excludes(arrivals)
      ->capture_default_str();
  command->add_option("--picture", bench->picture, "SVG file of latency against offered load")
      ->needs(sweep);
}

void AddSessions(CLI::App* command, Options* options) {
  BenchOptions* bench = &options->bench;
  command
      ->add_option("--model", bench->models,
                   "NAME or NAME=WEIGHT, repeated or with commas: the mix of the sessions")
      ->delimiter(',')
      ->check(Parses(ParseModelShare, "NAME[=WEIGHT]"))
      ->required();
  command->add_option("--sessions", options->num_sessions, "Sessions open at once")
      ->check(CLI::Range(size_t{1}, kMaxSessions))
      ->capture_default_str();
  command->add_option("--streams", bench->num_streams, "gRPC streams that share the sessions")
      ->check(CLI::Range(size_t{1}, kMaxStreams))
      ->capture_default_str();
  command->add_option("--channels", bench->num_channels, "TCP connections that share the streams")
      ->check(CLI::Range(size_t{1}, kMaxChannels))
      ->capture_default_str();
  command
      ->add_option("--sessions-per-message", bench->sessions_per_message,
                   "Sessions whose steps go in one message, always the same; in a closed loop the "
                   "next one leaves when all of them are answered")
      ->check(CLI::Range(size_t{1}, kMaxSessionsPerMessage))
      ->capture_default_str();
  command->add_flag("--step-sessions", bench->uses_step_sessions,
                    "The steps of a message are one StepSessions instead of a Step each: needs one "
                    "--model, and --lengths fixed:N with N a multiple of --chunk");
  command->add_option("--chunk", options->num_chunk_timesteps, "Timesteps in one step")
      ->check(CLI::Range(int64_t{1}, kMaxChunkTimesteps))
      ->capture_default_str();
  command
      ->add_option("--lengths", bench->lengths,
                   "Timesteps of a sequence, after which its session is closed and a new one "
                   "opened: fixed:N, uniform:A-B, geometric:MEAN, lognormal:MEDIAN,SIGMA or "
                   "file:PATH with one length a line")
      ->check(Parses(LengthDistribution::Parse, "LENGTHS"))
      ->capture_default_str();
}

void AddLimits(CLI::App* command, Options* options) {
  BenchOptions* bench = &options->bench;
  command->add_option("--steps", bench->max_steps, "Steps that are measured, at most")
      ->check(CLI::Range(uint64_t{1}, kMaxSteps))
      ->capture_default_str();
  command->add_option("--seconds", bench->measured_seconds, "Seconds that are measured, at most")
      ->check(CLI::Range(kMinSeconds, kMaxSeconds))
      ->capture_default_str();
  command
      ->add_option("--warm-up-seconds", bench->warm_up_seconds,
                   "Seconds of the same load before the measurement")
      ->check(CLI::Range(0.0, kMaxWarmUpSeconds))
      ->capture_default_str();
  command
      ->add_option("--deadline-ms", bench->deadline_ms,
                   "The server is told to drop a step that it cannot answer within this; a later "
                   "answer has failed. 0: none")
      ->check(CLI::Range(int64_t{0}, kMaxDeadlineMs))
      ->capture_default_str();
  command->add_option(
      "--seed", options->seed,
      "For the same arrivals, lengths and input again. Default: a random one, told");
  command
      ->add_option("-o,--output", options->output,
                   "File of the report, JSON with --json; - for standard output")
      ->capture_default_str();
}

// One StepSessions advances sessions of one model by equally many timesteps.
void CheckStepSessions(const Options& options) {
  if (options.bench.models.size() > 1) {
    throw CLI::ValidationError("--step-sessions", "the sessions must be of one --model");
  }
  const auto lengths = LengthDistribution::Parse(options.bench.lengths);
  if (!lengths.ok() || !lengths->IsFixedMultipleOf(options.num_chunk_timesteps)) {
    throw CLI::ValidationError("--step-sessions",
                               "the steps of a message must be equally long: --lengths fixed:N "
                               "with N a multiple of --chunk");
  }
}

// What concerns several options.
void CheckBench(const Options& options) {
  const BenchOptions& bench = options.bench;
  if (options.num_sessions % bench.sessions_per_message != 0) {
    throw CLI::ValidationError("--sessions", "must be a multiple of --sessions-per-message");
  }
  if (options.num_sessions / bench.sessions_per_message < bench.num_streams) {
    throw CLI::ValidationError(
        "--streams", "must be at most --sessions over --sessions-per-message: each has a session");
  }
  if (bench.num_streams < bench.num_channels) {
    throw CLI::ValidationError("--channels", "must be at most --streams: each has one");
  }
  if (options.num_sessions < bench.models.size()) {
    throw CLI::ValidationError("--sessions", "must be at least the number of models");
  }
  if (bench.uses_step_sessions) CheckStepSessions(options);
}

}  // namespace

void DeclareBench(CLI::App* command, Options* options) {
  command->footer(kFooter);
  AddSessions(command, options);
  AddLoop(command, &options->bench);
  AddLimits(command, options);
  command->callback([options] {
    CheckBench(*options);
    options->command = Command::kBench;
  });
}

}  // namespace rnnserve::client
