#include "engine/content/state_paths.h"

namespace causeway {

std::string content_index_in(const std::string& state_folder) {
  return state_folder + "/content-index";
}

std::string content_key_in(const std::string& state_folder) {
  return state_folder + "/content.key";
}

}  // namespace causeway
