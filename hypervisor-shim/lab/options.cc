#include "hypervisor-shim/lab/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <string_view>

#include "engine/base/units.h"
#include "hypervisor-shim/lab/limits.h"

namespace causeway::lab {

namespace {

// What the command line says, before it is understood.
struct RawOptions {
  std::string memory;
  std::string page_size = "4K";
  std::string disk_bytes;
  std::string workload = "idle";
  std::string content = "random";
  std::string used = "1";
  std::string tracker = "bitmap";
  int ready_fd = -1;
};

void declare(CLI::App& app, GuestOptions& options, RawOptions& raw) {
  app.add_option("--name", options.name, "The guest's name")->required();
  app.add_option("--memory", raw.memory, "RAM, as in 512M")->required();
  app.add_option("--page-size", raw.page_size, "4K or 2M")
      ->capture_default_str();
  app.add_option("--vcpus", options.vcpus, "1 to 4")->capture_default_str();
  app.add_option("--disk", options.disk_path,
                 "Raw file or block device; none: no disk");
  app.add_option("--disk-bytes", raw.disk_bytes,
                 "Size of the disk, as in 512M; none: the file's");
  app.add_option(
         "--workload", raw.workload,
         "idle, uniform:RATE, hotset:RATE,FRACTION[,CHANGED], sequential:RATE, "
         "disk:RATE, mixed:RATE; RATE as in 50M, or max")
      ->capture_default_str();
  app.add_option("--content", raw.content,
                 "random, text, mixed, zero:SHARE, shares:TEXT,ZERO")
      ->capture_default_str();
  app.add_option("--used", raw.used,
                 "Share of RAM and disk that is filled at boot")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of all random choices")
      ->capture_default_str();
  app.add_option("--tracker", raw.tracker, "Dirty tracking: bitmap or ring")
      ->capture_default_str();
  app.add_option("--cpu-mask", options.cpu_mask,
                 "CPU features to hide from the guest, as in avx512f,sha_ni")
      ->delimiter(',');
  app.add_option("--shim-socket", options.shim_socket_path,
                 "Where the mover connects")
      ->required();
  app.add_option("--monitor-socket", options.monitor_socket_path,
                 "Where status, check and stop are asked")
      ->required();
  app.add_flag("--incoming", options.incoming,
               "Wait for the state of a guest that moves here");
  app.add_flag("--leash", options.leash,
               "Begin when a line has come on standard input; end if that "
               "ends before");
  app.add_option("--ready-fd", raw.ready_fd,
                 "Descriptor that gets \"ready\" or \"error CODE MESSAGE\"");
  app.add_option("--log", options.log_path, "Log file; none: standard error");
}

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

Result<uint64_t> parse_size(std::string_view option, std::string_view text) {
  auto bytes = parse_bytes(text);
  if (!bytes) {
    return invalid(fmt::format("{}: {}", option, bytes.error().message));
  }
  return bytes;
}

Status check_memory(const GuestOptions& options) {
  if (options.memory_bytes % options.page_bytes != 0) {
    return invalid(fmt::format(
        "--memory {} is not a multiple of the page size {}: use {} or {}",
        options.memory_bytes, options.page_bytes,
        options.memory_bytes / options.page_bytes * options.page_bytes,
        (options.memory_bytes / options.page_bytes + 1) * options.page_bytes));
  }
  if (options.memory_bytes < kMemoryBytesMin ||
      options.memory_bytes > kMemoryBytesMax) {
    return invalid(fmt::format("--memory {}: a lab guest has {} to {}",
                               format_bytes(options.memory_bytes),
                               format_bytes(kMemoryBytesMin),
                               format_bytes(kMemoryBytesMax)));
  }
  return {};
}

Status check_disk(const GuestOptions& options) {
  if (options.disk_path.empty()) {
    if (options.disk_bytes != 0) {
      return invalid("--disk-bytes without --disk: name the disk's file");
    }
    if (options.workload.needs_disk()) {
      return invalid(
          "this workload writes to a disk: give --disk FILE, or choose "
          "another --workload");
    }
    return {};
  }
  if (options.disk_bytes % GUEST_BLOCK_BYTES != 0) {
    return invalid(fmt::format("--disk-bytes {} is not a multiple of {}",
                               options.disk_bytes, GUEST_BLOCK_BYTES));
  }
  return {};
}

Status understand(const RawOptions& raw, GuestOptions& options) {
  if (options.name.empty() || options.name.size() > kNameBytesMax) {
    return invalid(
        fmt::format("--name must have 1 to {} characters", kNameBytesMax));
  }
  CAUSEWAY_ASSIGN(options.memory_bytes, parse_size("--memory", raw.memory));
  CAUSEWAY_ASSIGN(const uint64_t page_bytes,
                  parse_size("--page-size", raw.page_size));
  if (page_bytes != 4096 && page_bytes != 2u << 20) {
    return invalid(fmt::format("--page-size {}: use 4K or 2M", raw.page_size));
  }
  options.page_bytes = static_cast<uint32_t>(page_bytes);
  if (!raw.disk_bytes.empty()) {
    CAUSEWAY_ASSIGN(options.disk_bytes,
                    parse_size("--disk-bytes", raw.disk_bytes));
  }
  if (options.vcpus < 1 || options.vcpus > GUEST_VCPUS_MAX) {
    return invalid(fmt::format("--vcpus {}: a lab guest has 1 to {}",
                               options.vcpus, GUEST_VCPUS_MAX));
  }
  CAUSEWAY_ASSIGN(options.workload, parse_workload(raw.workload));
  CAUSEWAY_ASSIGN(options.content, parse_content(raw.content));
  auto used = parse_share(raw.used);
  if (!used) return invalid("--used: " + used.error().message);
  options.used_share = *used;
  if (raw.tracker != "bitmap" && raw.tracker != "ring") {
    return invalid(
        fmt::format("--tracker {}: use bitmap or ring", raw.tracker));
  }
  if (raw.tracker == "ring") options.tracker = TrackerKind::kRing;
  if (raw.ready_fd >= 0) options.ready_fd = raw.ready_fd;
  CAUSEWAY_TRY(check_memory(options));
  return check_disk(options);
}

}  // namespace

Result<ParsedOptions> parse_options(int argc, const char* const* argv,
                                    const std::string& description) {
  CLI::App app(description);
  ParsedOptions parsed;
  RawOptions raw;
  declare(app, parsed.options, raw);
  try {
    app.parse(argc, const_cast<char**>(argv));
  } catch (const CLI::CallForHelp&) {
    parsed.help = app.help();
    return parsed;
  } catch (const CLI::ParseError& error) {
    return invalid(error.what());
  }
  CAUSEWAY_TRY(understand(raw, parsed.options));
  return parsed;
}

std::optional<int> find_ready_fd(int argc, const char* const* argv) {
  constexpr std::string_view kName = "--ready-fd";
  for (int i = 1; i < argc; ++i) {
    std::string_view text = argv[i];
    if (!text.starts_with(kName)) continue;
    text.remove_prefix(kName.size());
    if (text.empty() && i + 1 < argc) text = argv[i + 1];
    if (text.starts_with("=")) text.remove_prefix(1);
    int fd = -1;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, fd);
    if (result.ec == std::errc() && result.ptr == end && fd >= 0) return fd;
  }
  return std::nullopt;
}

}  // namespace causeway::lab
