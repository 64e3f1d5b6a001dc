// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/redis/redis_address.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve::server {
namespace {

// The path of a socket must fit into sockaddr_un with its terminating zero.
constexpr size_t kUnixPathMax = 107;
constexpr int kPortMax = 65'535;
// Redis has 16 databases by default and can be given more. This bound only rejects absurd numbers.
constexpr int kDatabaseMax = 65'535;

absl::Status Malformed(absl::string_view what) {
  return InvalidArgument("REDIS_URL", absl::StrCat("the Redis URL ", what));
}

// Parses digits only: SimpleAtoi alone would accept spaces and signs.
std::optional<int> ParseNumber(absl::string_view text, int max) {
  int number = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &number) || number > max) {
    return std::nullopt;
  }
  return number;
}

absl::StatusOr<std::string> Unescape(absl::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
        !absl::ascii_isxdigit(text[i + 2])) {
      return Malformed("has a '%' without two hexadecimal digits after it in its user or password");
    }
    absl::StrAppend(&plain, absl::HexStringToBytes(text.substr(i + 1, 2)));
    i += 2;
  }
  return plain;
}

absl::Status ParseCredentials(absl::string_view text, RedisAddress& address) {
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos) return Malformed("has no ':' between user and password");
  RNNSERVE_ASSIGN_OR_RETURN(address.user, Unescape(text.substr(0, colon)));
  RNNSERVE_ASSIGN_OR_RETURN(address.password, Unescape(text.substr(colon + 1)));
  if (address.password.empty()) return Malformed("has an empty password");
  return absl::OkStatus();
}

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

absl::Status ParseHostAndPort(absl::string_view text, RedisAddress& address) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return Malformed("has no port: it must end in host:port");
  absl::string_view host = text.substr(0, colon);
  const bool is_bracketed = absl::ConsumePrefix(&host, "[");
  if (is_bracketed && !absl::ConsumeSuffix(&host, "]")) return Malformed("has a '[' without a ']'");
  const bool is_host = std::all_of(host.begin(), host.end(), [is_bracketed](char c) {
    return IsHostCharacter(c) || (is_bracketed && c == ':');
  });
  if (host.empty() || !is_host) return Malformed("names no host");
  const std::optional<int> port = ParseNumber(text.substr(colon + 1), kPortMax);
  if (!port.has_value() || *port == 0) return Malformed("has a port that is not 1 to 65535");
  address.host = std::string(host);
  address.port = *port;
  return absl::OkStatus();
}

absl::StatusOr<RedisAddress> ParseTcp(absl::string_view rest) {
  RedisAddress address;
  // A password may hold '@' and '/' only as %40 and %2F, so the last '@' ends the credentials.
  const size_t at = rest.rfind('@');
  if (at != absl::string_view::npos) {
    RNNSERVE_RETURN_IF_ERROR(ParseCredentials(rest.substr(0, at), address));
    rest.remove_prefix(at + 1);
  }
  const size_t slash = rest.find('/');
  if (slash != absl::string_view::npos) {
    const std::optional<int> database = ParseNumber(rest.substr(slash + 1), kDatabaseMax);
    if (!database.has_value()) return Malformed("has a database that is not a number up to 65535");
    address.database = *database;
    rest = rest.substr(0, slash);
  }
  RNNSERVE_RETURN_IF_ERROR(ParseHostAndPort(rest, address));
  return address;
}

}  // namespace

std::string RedisAddress::place() const {
  return host.empty() ? "unix socket" : absl::StrCat(host, ":", port);
}

absl::StatusOr<RedisAddress> ParseRedisUrl(absl::string_view url) {
  if (absl::StartsWith(url, "rediss://")) {
    return Malformed("asks for TLS (rediss://), which is not supported; use redis:// or unix://");
  }
  if (url.find('\0') != absl::string_view::npos) return Malformed("holds a zero byte");
  if (absl::ConsumePrefix(&url, "unix://")) {
    if (!absl::StartsWith(url, "/") || url.size() > kUnixPathMax) {
      return Malformed("must hold an absolute path of at most 107 bytes after unix://");
    }
    RedisAddress address;
    address.unix_path = std::string(url);
    return address;
  }
  if (!absl::ConsumePrefix(&url, "redis://")) {
    return Malformed("begins with neither redis:// nor unix://");
  }
  return ParseTcp(url);
}

}  // namespace rnnserve::server
