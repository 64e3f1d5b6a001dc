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
    "Without --rate, --sweep or --arrivals the loop is closed: every session sends its next\n"
    "step when the previous one is answered. With one of them the loop is open: messages are\n"
    "sent at times that are fixed in advance, whatever the server does, and latencies count\n"
    "from those times.\n"
    "\n"
    "A load ends after --seconds or --steps, whichever comes first, and then waits for the\n"
    "answers for up to --timeout-ms. A step whose answer takes longer has failed, but its\n"
    "latency counts. A step that was refused has failed too, and its latency does not count.\n"
    "\n"
    "Steady: the two halves of the measurement agree: their steps/s within 10 % (plus the\n"
    "variation of a Poisson process), their medians within a factor of 1.5. The server kept\n"
    "up: during the measurement it answered 95 % of the steps that were due.\n"
    "The generator is the bottleneck: 1 % of the messages were sent more than 1 ms, and more\n"
    "than a tenth of the median latency, after their scheduled time, or one of its threads\n"
    "used more than 80 % of a processor.\n"
    "\n"
    "With --step-sessions each session of a message still counts as a step. If the\n"
    "StepSessions fails as a whole, all its steps have failed.\n"
    "\n"
    "The first sequence of each session is shortened at random, so that the sessions do not\n"
    "all end together. Sessions are closed when their stream ends, including after Ctrl-C.";

constexpr size_t kMaxStreams = 256;
constexpr size_t kMaxChannels = 64;
// A third of the actions that a message may have, because a session may be opened, stepped and
// closed in one message.
constexpr size_t kMaxSessionsPerMessage = 1365;
constexpr uint64_t kMaxSteps = 10'000'000;
constexpr double kMaxSeconds = 3600;
constexpr double kMaxWarmUpSeconds = 600;
constexpr double kMaxThinkMs = 3.6e6;
constexpr int64_t kMaxDeadlineMs = 3'600'000;
constexpr double kMinRate = 0.001;
constexpr double kMinSeconds = 0.001;

// Accepts the texts that `Parse` accepts; otherwise reports its error.
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
                       "Open loop: steps per second, in messages with Poisson arrivals")
          ->check(CLI::Range(kMinRate, kMaxRate));
  CLI::Option* sweep =
      command
          ->add_option("--sweep", bench->sweep,
                       "Open loop, once for each rate: RATE,RATE,... or FROM:TO:COUNT (steps/s)")
          ->check(Parses(ParseRates, "RATES"))
          ->excludes(rate);
  CLI::Option* arrivals =
      command
          ->add_option("--arrivals", bench->arrivals,
                       "Open loop: a message at each time in a file, one time in seconds per line")
          ->check(CLI::ExistingFile)
          ->excludes(rate)
          ->excludes(sweep);
  command
      ->add_option("--think-ms", bench->think_ms,
                   "Closed loop: time between an answer and the next step of the session")
      ->check(CLI::Range(0.0, kMaxThinkMs))
      ->excludes(rate)
      ->excludes(sweep)
      ->excludes(arrivals)
      ->capture_default_str();
  command
      ->add_option("--picture", bench->picture,
                   "SVG file for a chart of latency against offered load")
      ->needs(sweep);
}

void AddSessions(CLI::App* command, Options* options) {
  BenchOptions* bench = &options->bench;
  command
      ->add_option("--model", bench->models,
                   "The models of the sessions: NAME or NAME=WEIGHT, repeated or with commas")
      ->delimiter(',')
      ->check(Parses(ParseModelShare, "NAME[=WEIGHT]"))
      ->required();
  command
      ->add_option("--sessions", options->num_sessions, "Number of sessions that are open at once")
      ->check(CLI::Range(size_t{1}, kMaxSessions))
      ->capture_default_str();
  command
      ->add_option("--streams", bench->num_streams,
                   "Number of gRPC streams, which share the sessions")
      ->check(CLI::Range(size_t{1}, kMaxStreams))
      ->capture_default_str();
  command
      ->add_option("--channels", bench->num_channels,
                   "Number of TCP connections, which share the streams")
      ->check(CLI::Range(size_t{1}, kMaxChannels))
      ->capture_default_str();
  command
      ->add_option("--sessions-per-message", bench->sessions_per_message,
                   "Number of sessions whose steps always share one message; in a "
                   "closed loop the next message is sent when all of them are answered")
      ->check(CLI::Range(size_t{1}, kMaxSessionsPerMessage))
      ->capture_default_str();
  command->add_flag("--step-sessions", bench->uses_step_sessions,
                    "Send the steps of a message as one StepSessions instead of a Step each; needs "
                    "one --model, and --lengths fixed:N with N a multiple of --chunk");
  command->add_option("--chunk", options->num_chunk_timesteps, "Number of timesteps in one step")
      ->check(CLI::Range(int64_t{1}, kMaxChunkTimesteps))
      ->capture_default_str();
  command
      ->add_option("--lengths", bench->lengths,
                   "Number of timesteps of a sequence, after which its session is closed and a new "
                   "one opened: fixed:N, uniform:A-B, geometric:MEAN, lognormal:MEDIAN,SIGMA or "
                   "file:PATH with one length per line")
      ->check(Parses(LengthDistribution::Parse, "LENGTHS"))
      ->capture_default_str();
}

void AddLimits(CLI::App* command, Options* options) {
  BenchOptions* bench = &options->bench;
  command->add_option("--steps", bench->max_steps, "Maximum number of measured steps")
      ->check(CLI::Range(uint64_t{1}, kMaxSteps))
      ->capture_default_str();
  command->add_option("--seconds", bench->measured_seconds, "Maximum length of the measurement")
      ->check(CLI::Range(kMinSeconds, kMaxSeconds))
      ->capture_default_str();
  command
      ->add_option("--warm-up-seconds", bench->warm_up_seconds,
                   "How long to run the load before the measurement begins")
      ->check(CLI::Range(0.0, kMaxWarmUpSeconds))
      ->capture_default_str();
  command
      ->add_option("--deadline-ms", bench->deadline_ms,
                   "Tell the server to drop a step that it cannot answer within this time; a later "
                   "answer counts as an error. 0: no deadline")
      ->check(CLI::Range(int64_t{0}, kMaxDeadlineMs))
      ->capture_default_str();
  command->add_option("--seed", options->seed,
                      "Seed that makes arrivals, lengths and input repeatable. Default: a random "
                      "seed, which the report shows");
  command
      ->add_option("-o,--output", options->output,
                   "File for the report, JSON with --json; - for standard output")
      ->capture_default_str();
}

// Checks that the options suit StepSessions, which advances sessions of a single model, all by the
// same number of timesteps.
void CheckStepSessions(const Options& options) {
  if (options.bench.models.size() > 1) {
    throw CLI::ValidationError("--step-sessions", "the sessions must be of one --model");
  }
  const auto lengths = LengthDistribution::Parse(options.bench.lengths);
  if (!lengths.ok() || !lengths->IsFixedMultipleOf(options.num_chunk_timesteps)) {
    throw CLI::ValidationError("--step-sessions",
                               "the steps of a message must have equal lengths: --lengths fixed:N "
                               "with N a multiple of --chunk");
  }
}

// Checks the rules that concern several options.
void CheckBench(const Options& options) {
  const BenchOptions& bench = options.bench;
  if (options.num_sessions % bench.sessions_per_message != 0) {
    throw CLI::ValidationError("--sessions", "must be a multiple of --sessions-per-message");
  }
  if (options.num_sessions / bench.sessions_per_message < bench.num_streams) {
    throw CLI::ValidationError(
        "--streams",
        "must be at most --sessions / --sessions-per-message: each stream needs a group");
  }
  if (bench.num_streams < bench.num_channels) {
    throw CLI::ValidationError("--channels", "must be at most --streams: each channel needs one");
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
