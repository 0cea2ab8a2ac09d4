// The report of a migration, for people.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace causeway {

// `report` as the mover wrote it and the source's agent completed it; what is
// missing from it is left out.
std::string report_text(const nlohmann::json& report);

}  // namespace causeway
