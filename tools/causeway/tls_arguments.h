// --tls DIR and --clear of every command that talks to an agent, or is one.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/base/tls_files.h"

namespace causeway {

class TlsArguments {
 public:
  void add_options(CLI::App* app);

  // Of this end; nothing with --clear. An Error says how to make what is
  // missing.
  Result<std::optional<TlsFiles>> files() const;
  // To call an agent at `address`: its UNIX socket needs none.
  Result<std::optional<TlsFiles>> files_for(std::string_view address) const;

 private:
  std::string folder() const;

  std::string folder_;  // empty: not given
  bool clear_ = false;
};

}  // namespace causeway
