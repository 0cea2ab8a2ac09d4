#include "tools/causeway/tls_arguments.h"

namespace causeway {

void TlsArguments::add_options(CLI::App* app) {
  app->add_option("--tls", folder_,
                  "This end's certificates: ca.crt, host.crt, host.key")
      ->type_name("DIR")
      ->envname("CAUSEWAY_TLS")
      ->capture_default_str();
  app->add_flag("--clear", clear_,
                "No encryption, no names: for a lab, and only if the other "
                "end says so too");
}

Result<std::optional<TlsFiles>> TlsArguments::files() const {
  if (clear_) return std::optional<TlsFiles>();
  TlsFiles files = TlsFiles::in_folder(folder_);
  if (Status usable = files.check(); !usable) {
    Error error = usable.error();
    if (error.code != ErrorCode::kNotFound) return error;
    error.message += fmt::format(
        ". `causeway pki init CA` and `causeway pki host CA NAME` make CA/NAME "
        "with a host's certificates: copy it to {}, or name it by --tls or "
        "$CAUSEWAY_TLS. In a lab, --clear at both ends does without",
        folder_);
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
