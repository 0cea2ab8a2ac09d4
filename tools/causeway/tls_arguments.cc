#include "tools/causeway/tls_arguments.h"

#include <cstdlib>

namespace causeway {

void TlsArguments::add_options(CLI::App* app) {
  // Not CLI11's envname: it sets options of commands that were not chosen, and
  // those share the variable.
  app->add_option("--tls", folder_,
                  "This end's certificates: ca.crt, host.crt, host.key "
                  "(default: $CAUSEWAY_TLS, else /etc/causeway/tls)")
      ->type_name("DIR");
  app->add_flag("--clear", clear_,
                "No encryption, no names: for a lab, and only if the other "
                "end says so too");
}

std::string TlsArguments::folder() const {
  if (!folder_.empty()) return folder_;
  const char* named = getenv("CAUSEWAY_TLS");
  return named != nullptr && *named != '\0' ? named : "/etc/causeway/tls";
}

Result<std::optional<TlsFiles>> TlsArguments::files() const {
  if (clear_) return std::optional<TlsFiles>();
  const std::string folder = this->folder();
  TlsFiles files = TlsFiles::in_folder(folder);
  if (Status usable = files.check(); !usable) {
    Error error = usable.error();
    if (error.code != ErrorCode::kNotFound) return error;
    error.message += fmt::format(
        ". `causeway pki init CA` and `causeway pki host CA NAME` make CA/NAME "
        "with a host's certificates: copy it to {}, or name it by --tls or "
        "$CAUSEWAY_TLS. In a lab, --clear at both ends does without",
        folder);
    return error;
  }
  return std::optional<TlsFiles>(std::move(files));
}

Result<std::optional<TlsFiles>> TlsArguments::files_for(
    std::string_view address) const {
  if (address.starts_with("unix:")) return std::optional<TlsFiles>();
  return files();
}

}  // namespace causeway
