// --json FILE of every command that reports.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/base/result.h"

namespace causeway {

class JsonOutput {
 public:
  void add_option(CLI::App* app);

  // With "-" the JSON is all that standard output may have.
  bool takes_stdout() const { return path_ == "-"; }

  // Does nothing when the option was not given.
  Status write(const nlohmann::json& json) const;

 private:
  std::string path_;
};

// {"error":{"code":...,"message":...}}
nlohmann::json error_to_json(const Error& error);

}  // namespace causeway
