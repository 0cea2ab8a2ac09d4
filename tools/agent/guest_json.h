// Guests as JSON: in the agent's records and in what the CLI prints.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/control/control.pb.h"

namespace causeway {

nlohmann::json config_to_json(const control::GuestConfig& config);
// Throws nlohmann::json::exception when a member is missing or of another
// type.
control::GuestConfig config_from_json(const nlohmann::json& json);

nlohmann::json status_to_json(const control::GuestStatus& status);

// The members of an object that another program sent; {} when `text` is no
// JSON object.
nlohmann::json parse_object(const std::string& text);

// A member of an object that another program sent, or the fallback when it is
// missing or of another type. Never throws.
std::string text_member(const nlohmann::json& object, const char* key,
                        const std::string& fallback = "");
double number_member(const nlohmann::json& object, const char* key,
                     double fallback = 0);
uint64_t count_member(const nlohmann::json& object, const char* key);
std::vector<uint64_t> counts_member(const nlohmann::json& object,
                                    const char* key);
bool flag_member(const nlohmann::json& object, const char* key);

}  // namespace causeway
