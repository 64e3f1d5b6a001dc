// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace rnnserve::server {
namespace {

std::shared_ptr<spdlog::logger> MakeLogger(const Log::Options& options, bool is_json) {
  auto logger = std::make_shared<spdlog::logger>("rnnserve",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::from_str(options.level));
  // The JSON line is complete; in the text form spdlog adds the time and the level.
  logger->set_pattern(is_json ? "%v" : "%Y-%m-%d %H:%M:%S.%e %-7l %v");
  logger->flush_on(spdlog::level::debug);
  return logger;
}

std::string JsonLine(absl::string_view level, absl::string_view event, Log::Facts facts) {
  nlohmann::ordered_json line;
  // The server uses the time of day only here, for the people who read the log.
  line["time"] = absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  line["level"] = std::string(level);
  line["event"] = std::string(event);
  for (const Log::Fact& fact : facts) line[std::string(fact.first)] = fact.second;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string TextLine(absl::string_view event, Log::Facts facts) {
  std::string line(event);
  for (const Log::Fact& fact : facts) {
    absl::StrAppend(
        &line, " ", fact.first, "=",
        fact.second.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }
  return line;
}

}  // namespace

Log::Log(const Options& options)
    : is_json_(options.format == "json"), logger_(MakeLogger(options, is_json_)) {}

void Log::Debug(absl::string_view event, Facts facts) const {
  Write(Severity::kDebug, event, facts);
}
void Log::Info(absl::string_view event, Facts facts) const { Write(Severity::kInfo, event, facts); }
void Log::Warning(absl::string_view event, Facts facts) const {
  Write(Severity::kWarning, event, facts);
}
void Log::Error(absl::string_view event, Facts facts) const {
  Write(Severity::kError, event, facts);
}

void Log::Write(Severity severity, absl::string_view event, Facts facts) const {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err};
  static constexpr absl::string_view kNames[] = {"debug", "info", "warning", "error"};
  const spdlog::level::level_enum level = kLevels[static_cast<size_t>(severity)];
  if (!logger_->should_log(level)) return;
  const absl::string_view name = kNames[static_cast<size_t>(severity)];
  const std::string line = is_json_ ? JsonLine(name, event, facts) : TextLine(event, facts);
  // The line is an argument, not the format, because it may hold braces.
  logger_->log(level, "{}", line);
}

}  // namespace rnnserve::server
