// GuestRam: a guest's RAM as a mover has it, without a guest: a memfd, holes at
// first, and its store.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <random>
#include <span>

#include "engine/base/unique_fd.h"
#include "engine/guest/ram_store.h"
#include "engine/path/put.h"

namespace causeway {

struct GuestRam {
  explicit GuestRam(uint64_t ram_bytes)
      : bytes(ram_bytes), fd(::memfd_create("ram", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
    store = RamStore::open({0, RegionKind::kRam, "ram0", bytes, 4096}, fd.get())
                .value();
  }
  std::span<std::byte> memory() { return store->mapped(); }
  void fill(uint64_t first_block, uint64_t blocks, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::byte* at = memory().data() + first_block * kBlockBytes;
    for (uint64_t i = 0; i < blocks * kBlockBytes; i += 8) {
      const uint64_t word = random();
      std::memcpy(at + i, &word, sizeof word);
    }
  }
  uint64_t allocated_bytes() const {
    struct stat info {};
    EXPECT_EQ(::fstat(fd.get(), &info), 0);
    return static_cast<uint64_t>(info.st_blocks) * 512;
  }
  Put put(uint64_t first, uint64_t blocks, Version version = 1) {
    return {{PutKind::kRaw, 0, version, first, static_cast<uint32_t>(blocks),
             static_cast<uint32_t>(blocks * kBlockBytes)},
            memory().subspan(first * kBlockBytes, blocks * kBlockBytes)};
  }

  uint64_t bytes;
  UniqueFd fd;
  std::unique_ptr<RamStore> store;
};

}  // namespace causeway
