// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_REDIS_ADDRESS_H_
#define RNNSERVE_SERVER_REDIS_REDIS_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve::server {

// The address of a Redis server, with the user and the password for it. It holds a secret, so it is
// never printed. Thread-compatible.
struct RedisAddress {
  std::string host;  // a name or an IP address without brackets; empty: use unix_path
  int port = 0;
  std::string unix_path;
  std::string user;      // empty: the default user
  std::string password;  // empty: none
  int database = 0;

  // Returns "host:port" or "unix socket", for messages; never the user or the password.
  std::string place() const;
};

// Parses `redis://[user:password@]host:port[/database]` or `unix:///path`. The user may be empty;
// user and password may hold %XX; an IPv6 address is written in brackets. Error: INVALID_ARGUMENT
// (REDIS_URL), whose text never repeats the URL. `rediss://` is refused, because the library in
// use has no TLS.
absl::StatusOr<RedisAddress> ParseRedisUrl(absl::string_view url);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_ADDRESS_H_
