// Where index and key lie in an agent's state folder, if nobody says otherwise.
#pragma once

#include <string>

namespace causeway {

std::string content_index_in(const std::string& state_folder);
std::string content_key_in(const std::string& state_folder);

}  // namespace causeway
