// Units in text: the one place that reads and writes "512M", "50M", "30ms".
//
// K, M, G, T, P are powers of 1024 for sizes and rates alike, so that a rate
// of 50M fills 50M of memory in one second. Errors name the text and what
// would have been right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace causeway {

// "4096", "4K", "1.5G", "512MiB", "512MB" -> bytes. A fraction must come out
// as whole bytes.
Result<uint64_t> parse_bytes(std::string_view text);

// "50M", "50M/s" -> bytes a second, at least 1.
Result<uint64_t> parse_rate(std::string_view text);

// "30ms", "1.5s", "200us", "100ns", "2m". A unit is required: a bare number
// would be guessed wrong by someone.
Result<Duration> parse_duration(std::string_view text);

// "512M", "1.5G", "318.2M": at most one decimal.
std::string format_bytes(uint64_t bytes);

// "48.2M/s"
std::string format_rate(double bytes_per_s);

// "1.2 s", "3.4 ms", "250 us"; minutes from 100 s on: "2 min 5 s".
std::string format_duration(Duration duration);

}  // namespace causeway
