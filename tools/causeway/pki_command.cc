// causeway pki: a lab's own CA, and the certificates of its hosts.
#include <memory>

#include "tools/causeway/command.h"
#include "tools/pki/authority.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

struct PkiCommand {
  std::string folder;
  HostCertificate host;
};

Status init(const PkiCommand& command) {
  CAUSEWAY_TRY(make_authority(command.folder));
  fmt::print(
      "made {0}/ca.crt and {0}/ca.key. Keep ca.key to yourself: who has it can "
      "be any host\n",
      command.folder);
  return {};
}

Status host(const PkiCommand& command) {
  CAUSEWAY_TRY(make_host(command.folder, command.host));
  fmt::print(
      "made {0}/{1}: copy it to host {1}, as /etc/causeway/tls or where --tls "
      "says\n",
      command.folder, command.host.name);
  return {};
}

CLI::App* add(CLI::App* family, const char* name, const char* help,
              const std::shared_ptr<PkiCommand>& command,
              CommandContext* context, Status (*run)(const PkiCommand&)) {
  CLI::App* app = family->add_subcommand(name, help);
  app->add_option("DIR", command->folder, "The CA's folder")->required();
  app->callback([command, context, run] {
    context->run = [command, run] {
      unblock_signals();  // nothing to tidy up
      return run(*command);
    };
  });
  return app;
}

}  // namespace

void add_pki_command(CLI::App* app, CommandContext* context) {
  auto command = std::make_shared<PkiCommand>();
  CLI::App* family = app->add_subcommand(
      "pki", "Make a CA and the certificates of hosts, where there are none");
  family->require_subcommand(1);
  add(family, "init", "Make a CA; it never replaces one", command, context,
      &init)
      ->footer("A CA of your own does as well: see tools/README.md.");
  CLI::App* host_app =
      add(family, "host", "Make, or renew, the certificate of a host", command,
          context, &host);
  host_app
      ->add_option("NAME", command->host.name,
                   "The host's name: what --allow and --operator take")
      ->required();
  host_app
      ->add_option("--address", command->host.addresses,
                   "An IP address or DNS name at which others call it "
                   "(repeatable); its name and the loopback go without saying")
      ->type_name("ADDR");
  host_app->footer(
      "Two years valid. Copy the new files over the old ones: a running agent "
      "uses them\nwithin ten seconds, and for its next migration at once.");
}

}  // namespace causeway
