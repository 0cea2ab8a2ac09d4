// The emulator's counters as JSON (README.md lists them), and whether a
// measurement through it may be believed.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/wan-emulator/emulator.h"

namespace causeway {

nlohmann::json settings_to_json(const LinkSettings& settings);

// Why a run is not what the link was set to; empty: it may be believed.
std::vector<std::string> faults_of(Emulator& emulator);

// `real_time_lack`: what take_real_time_priority() returned.
nlohmann::json counters_to_json(Emulator& emulator,
                                const std::string& real_time_lack);

}  // namespace causeway
