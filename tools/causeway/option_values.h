// Option values with units ("512M", "30ms"), checked while the command line
// is parsed, so that the error names the option.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "engine/base/time.h"

namespace causeway {

// Each returns the option, to be refined by the caller. The value is set when
// the option is given.
CLI::Option* add_bytes_option(CLI::App* app, const std::string& name,
                              uint64_t* value, const std::string& help);
CLI::Option* add_rate_option(CLI::App* app, const std::string& name,
                             uint64_t* value, const std::string& help);
CLI::Option* add_duration_option(CLI::App* app, const std::string& name,
                                 Duration* value, const std::string& help);

}  // namespace causeway
