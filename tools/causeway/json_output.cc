#include "tools/causeway/json_output.h"

#include <cstdio>
#include <fstream>

namespace causeway {

void JsonOutput::add_option(CLI::App* app) {
  app->add_option("--json", path_,
                  "Write the report as JSON to this file; - is standard "
                  "output")
      ->type_name("FILE");
}

Status JsonOutput::write(const nlohmann::json& json) const {
  if (path_.empty()) return {};
  const std::string text = json.dump(2) + "\n";
  if (takes_stdout()) {
    fputs(text.c_str(), stdout);
    fflush(stdout);
    return {};
  }
  std::ofstream file(path_, std::ios::trunc);
  file << text;
  file.flush();
  if (!file) return errno_error(errno, "writing " + path_);
  return {};
}

nlohmann::json error_to_json(const Error& error) {
  return {
      {"error",
       {{"code", error_code_name(error.code)}, {"message", error.message}}}};
}

}  // namespace causeway
