#include "tools/causeway/guest_arguments.h"

#include <filesystem>

#include "engine/base/units.h"
#include "tools/causeway/option_values.h"

namespace causeway {

GuestArguments::GuestArguments(uint64_t memory_bytes, std::string disk,
                               std::string workload)
    : memory_bytes_(memory_bytes),
      disk_(std::move(disk)),
      workload_(std::move(workload)) {}

void GuestArguments::add_options(CLI::App* app) {
  add_bytes_option(app, "--memory", &memory_bytes_, "RAM");
  add_bytes_option(app, "--page-size", &page_bytes_,
                   "What backs the RAM: 4K, or 2M huge pages");
  app->add_option("--vcpus", vcpus_, "1 to 4")->capture_default_str();
  app->add_option("--disk", disk_,
                  "A disk: SIZE makes a sparse file that goes with the guest; "
                  "FILE or FILE:SIZE uses yours")
      ->type_name("SIZE|FILE[:SIZE]")
      ->capture_default_str();
  app->add_option("--workload", workload_,
                  "idle, uniform:RATE, hotset:RATE,FRACTION[,CHANGED], "
                  "sequential:RATE, disk:RATE, mixed:RATE; RATE in bytes/s "
                  "(50M) or max; CHANGED: share of a page that one write "
                  "changes")
      ->capture_default_str();
  app->add_option("--content", content_,
                  "What it writes: random, text, mixed, zero:SHARE, "
                  "shares:TEXT,ZERO")
      ->capture_default_str();
  app->add_option("--used", used_, "Share of RAM and disk that it fills")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app->add_option("--seed", seed_, "Of its random choices (0: a random one)")
      ->capture_default_str();
  app->add_option("--domain", domain_,
                  "Trust domain: its content is compared with content of the "
                  "same domain alone")
      ->type_name("NAME");
  app->add_option("--tracker", tracker_, "KVM's dirty tracking")
      ->check(CLI::IsMember({"bitmap", "ring"}))
      ->capture_default_str();
  app->add_option("--cpu-mask", cpu_mask_,
                  "CPU features to hide from it, as in avx512f,sha_ni: it "
                  "can then move to hosts without them")
      ->delimiter(',');
  app->add_option("--hypervisor", hypervisor_,
                  "kvm, or process (a plain process, where there is no KVM); "
                  "default: what the host has")
      ->check(CLI::IsMember({"kvm", "process"}));
}

Result<control::GuestConfig> GuestArguments::config(
    const std::string& name) const {
  control::GuestConfig config;
  config.set_name(name);
  config.set_hypervisor(hypervisor_);
  config.set_memory_bytes(memory_bytes_);
  config.set_page_bytes(
      static_cast<uint32_t>(std::min<uint64_t>(page_bytes_, UINT32_MAX)));
  config.set_vcpus(vcpus_);
  config.set_workload(workload_);
  config.set_content(content_);
  config.set_used(used_);
  config.set_seed(seed_);
  config.set_domain(domain_);
  config.set_tracker(tracker_);
  for (const std::string& feature : cpu_mask_) config.add_cpu_mask(feature);
  CAUSEWAY_TRY(set_disk(&config));
  return config;
}

Status GuestArguments::set_disk(control::GuestConfig* config) const {
  if (disk_.empty()) return {};
  if (auto bytes = parse_bytes(disk_)) {
    config->set_disk_bytes(*bytes);
    return {};
  }
  std::string path = disk_;
  // A file may have a colon in its name; what follows the last one is a size
  // only if it reads like one.
  if (const size_t colon = disk_.rfind(':'); colon != std::string::npos) {
    if (auto bytes = parse_bytes(disk_.substr(colon + 1))) {
      config->set_disk_bytes(*bytes);
      path = disk_.substr(0, colon);
    }
  }
  // The agent runs in another folder than the caller.
  config->set_disk_path(std::filesystem::absolute(path).string());
  return {};
}

}  // namespace causeway
