// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_LOG_H_
#define RNNSERVE_SERVER_LOG_H_

#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace spdlog {
class logger;
}

namespace rnnserve::server {

// The structured log of the server, on standard error: an event and its facts, one line each.
//
//   log.Info("model loaded", {{"model", name}, {"parameters", count}});
//
// As JSON:
//
//   {"time":"2026-11-22T03:03:33.123Z","level":"info","event":"model loaded","model":"m",...}
//
// Callers never log tensors, states or session ids. Thread-safe.
class Log {
 public:
  struct Options {
    std::string level = "info";   // debug, info, warning, error
    std::string format = "json";  // json, text
  };

  using Fact = std::pair<absl::string_view, nlohmann::ordered_json>;
  using Facts = std::initializer_list<Fact>;

  explicit Log(const Options& options);

  void Debug(absl::string_view event, Facts facts = {}) const;
  void Info(absl::string_view event, Facts facts = {}) const;
  void Warning(absl::string_view event, Facts facts = {}) const;
  void Error(absl::string_view event, Facts facts = {}) const;

 private:
  enum class Severity { kDebug, kInfo, kWarning, kError };

  void Write(Severity severity, absl::string_view event, Facts facts) const;

  const bool is_json_;
  const std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_LOG_H_
