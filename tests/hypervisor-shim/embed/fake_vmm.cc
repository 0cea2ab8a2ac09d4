#include "tests/hypervisor-shim/embed/fake_vmm.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "engine/base/assert.h"

namespace causeway {
namespace {

UniqueFd make_memory(uint64_t blocks) {
  UniqueFd fd(::memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  CAUSEWAY_ASSERT(fd.get() >= 0);
  CAUSEWAY_ASSERT(::ftruncate(fd.get(), blocks * CW_BLOCK_BYTES) == 0);
  return fd;
}

FakeVmm& self(void* vmm) { return *static_cast<FakeVmm*>(vmm); }

cw_region region(uint32_t kind, int fd, uint64_t blocks, const char* name) {
  cw_region region{};
  region.struct_bytes = sizeof(region);
  region.kind = kind;
  region.fd = fd;
  region.page_bytes = CW_BLOCK_BYTES;
  region.bytes = blocks * CW_BLOCK_BYTES;
  std::snprintf(region.name, sizeof(region.name), "%s", name);
  return region;
}

}  // namespace

cw_vmm_ops FakeVmm::ops() {
  cw_vmm_ops ops{};
  ops.struct_bytes = sizeof(ops);
  ops.pause = [](void* vmm, uint64_t* stopped_ns) {
    FakeVmm& fake = self(vmm);
    ++fake.pauses;
    std::this_thread::sleep_for(std::chrono::milliseconds(fake.pause_ms));
    if (fake.pause_result == 0) fake.running = false;
    *stopped_ns = fake.moment_ns;
    return fake.pause_result.load();
  };
  ops.resume = [](void* vmm, uint64_t* running_ns) {
    ++self(vmm).resumes;
    *running_ns = self(vmm).moment_ns;
    self(vmm).running = true;
    return 0;
  };
  ops.save_state = [](void* vmm, cw_sink* out, char*, size_t) {
    const auto& saved = self(vmm).state;
    return cw_sink_append(out, saved.data(), saved.size());
  };
  ops.load_state = [](void* vmm, const void* data, size_t bytes, char* why,
                      size_t why_bytes) {
    const auto* begin = static_cast<const char*>(data);
    self(vmm).loaded.assign(begin, begin + bytes);
    if (self(vmm).load_result != 0)
      std::snprintf(why, why_bytes, "the state is of another guest");
    return self(vmm).load_result.load();
  };
  ops.features = [](void*, cw_sink* out) {
    return cw_sink_append(out, "avx", 3);
  };
  ops.check_features = [](void* vmm, const void*, size_t, char* why,
                          size_t why_bytes) {
    const std::string& missing = self(vmm).missing_feature;
    if (missing.empty()) return 0;
    std::snprintf(why, why_bytes, "this host lacks %s", missing.c_str());
    return -ENOTSUP;
  };
  ops.dirty_start = [](void* vmm) {
    self(vmm).dirty_ = 0;
    return 0;
  };
  ops.dirty_collect = [](void* vmm, uint32_t id, uint64_t* bitmap) {
    CAUSEWAY_ASSERT(id == 0);
    *bitmap |= self(vmm).dirty_.exchange(0);
    return self(vmm).collect_result.load();
  };
  ops.dirty_rearm = [](void* vmm, uint32_t id, uint64_t first, uint64_t count) {
    CAUSEWAY_ASSERT(id == 0);
    self(vmm).rearmed.emplace_back(first, count);
    return 0;
  };
  ops.dirty_stop = [](void* vmm) {
    ++self(vmm).tracking_stops;
    return 0;
  };
  return ops;
}

FakeVmm::FakeVmm(const std::string& name)
    : ram_(make_memory(kRamBlocks)), disk_(make_memory(kDiskBlocks)) {
  char directory[] = "/tmp/causeway-fake-XXXXXX";
  CAUSEWAY_ASSERT(::mkdtemp(directory) != nullptr);
  directory_ = directory;
  socket_path_ = directory_ + "/shim.sock";
  const cw_region regions[] = {
      region(CW_REGION_RAM, ram_.get(), kRamBlocks, "ram0"),
      region(CW_REGION_DISK, disk_.get(), kDiskBlocks, "disk0")};
  cw_shim_config config{};
  config.struct_bytes = sizeof(config);
  config.vcpus = 2;
  config.socket_path = socket_path_.c_str();
  config.guest_name = name.c_str();
  config.tracker = "fake";
  config.hypervisor = "fake";
  config.regions = regions;
  config.region_count = 2;
  const cw_vmm_ops table = ops();
  create_failure_ = cw_shim_create(&config, &table, this, &shim_);
}

FakeVmm::~FakeVmm() {
  if (shim_ != nullptr) cw_shim_destroy(shim_);
  ::rmdir(directory_.c_str());
}

void FakeVmm::write_block(uint64_t block) { dirty_ |= 1ull << block; }

}  // namespace causeway
