// GuestOptions: the command line that all lab VMMs share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/workload.h"

namespace causeway::lab {

enum class TrackerKind { kBitmap, kRing };

struct GuestOptions {
  std::string name;
  uint64_t memory_bytes = 0;
  uint32_t page_bytes = 4096;  // or 2 MiB
  uint32_t vcpus = 1;
  std::string disk_path;    // empty: no disk
  uint64_t disk_bytes = 0;  // 0 on the command line: the size of the file
  Workload workload;
  Content content;
  double used_share = 1;  // of RAM and disk, filled at boot
  uint64_t seed = 1;
  TrackerKind tracker = TrackerKind::kBitmap;
  std::vector<std::string> cpu_mask;  // features hidden from the guest
  std::string shim_socket_path;
  std::string monitor_socket_path;
  bool incoming = false;  // a shell that waits for a guest's state
  bool leash = false;     // begins with a line on stdin, ends with its end
  std::optional<int> ready_fd;
  std::string log_path;  // empty: standard error
};

// Parses and checks what can be checked without touching the host. `--help`
// gives the text as `help` and no options.
struct ParsedOptions {
  GuestOptions options;
  std::string help;
};
Result<ParsedOptions> parse_options(int argc, const char* const* argv,
                                    const std::string& description);

// The `--ready-fd` of a command line that may be wrong elsewhere, so that the
// error reaches whoever waits there.
std::optional<int> find_ready_fd(int argc, const char* const* argv);

}  // namespace causeway::lab
