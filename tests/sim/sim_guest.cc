#include "tests/sim/sim_guest.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cstring>

#include "engine/base/bytes.h"
#include "engine/guest/disk_store.h"
#include "engine/guest/ram_store.h"

namespace causeway::sim {

SimGuest::SimGuest(const SimGuestOptions& options)
    : random_(options.seed),
      write_bytes_s_(options.write_bytes_s),
      text_share_(options.text_share),
      changed_share_(options.changed_share),
      act_time_(options.act_time),
      answer_time_(options.answer_time),
      running_(!options.shell) {
  spec_.name = "sim";
  spec_.hypervisor = "sim";
  spec_.tracker = "exact";
  const auto add = [&](RegionKind kind, const char* name, uint64_t bytes) {
    if (bytes == 0) return;
    RegionInfo info;
    info.id = static_cast<RegionId>(spec_.regions.size());
    info.kind = kind;
    info.name = name;
    info.bytes = bytes;
    spec_.regions.push_back(info);
    Region region{UniqueFd(::memfd_create(name, MFD_CLOEXEC)),
                  Bitmap(info.blocks()), Bitmap(info.blocks()),
                  Bitmap(info.blocks())};
    CAUSEWAY_ASSERT(::ftruncate(region.file.get(), static_cast<off_t>(bytes)) ==
                    0);
    regions_.push_back(std::move(region));
  };
  add(RegionKind::kRam, "ram0", options.ram_bytes);
  add(RegionKind::kDisk, "disk0", options.disk_bytes);
  if (!options.shell) fill(options);
}

void SimGuest::fill(const SimGuestOptions& options) {
  std::uniform_real_distribution<double> share;
  for (const RegionInfo& region : spec_.regions) {
    const auto used = static_cast<uint64_t>(
        options.used_share * static_cast<double>(region.blocks()));
    for (uint64_t block = 0; block < used; ++block) {
      write_block(region.id, block, share(random_) < options.zero_share);
    }
  }
  if (options.twin_share == 0) return;
  std::array<std::byte, kBlockBytes> bytes;
  for (uint64_t block = 0; block < spec_.regions[1].blocks(); ++block) {
    if (static_cast<double>(block % 100) >= 100 * options.twin_share) continue;
    const auto at = static_cast<off_t>(block * kBlockBytes);
    const int disk = regions_[1].file.get();
    const int ram = regions_[0].file.get();
    CAUSEWAY_ASSERT(
        ::pread(disk, bytes.data(), bytes.size(), at) == kBlockBytes &&
        ::pwrite(ram, bytes.data(), bytes.size(), at) == kBlockBytes);
  }
}

void SimGuest::write_block(RegionId id, uint64_t block, bool zero) {
  std::array<uint64_t, kBlockBytes / 8> words{};
  if (!zero) {
    for (uint64_t& word : words) word = word_of(block);
    words[0] = block;
    words[1] = ++steps_;
  }
  store_block(id, block, words);
}

void SimGuest::change_block(RegionId id, uint64_t block) {
  std::array<uint64_t, kBlockBytes / 8> words{};
  CAUSEWAY_ASSERT(::pread(regions_[id].file.get(), words.data(), kBlockBytes,
                          static_cast<off_t>(block * kBlockBytes)) ==
                  static_cast<ssize_t>(kBlockBytes));
  const auto changed =
      static_cast<size_t>(changed_share_ * static_cast<double>(words.size()));
  for (size_t i = 0; i < changed; ++i) {
    const uint64_t at = random_() % words.size();
    words[at] = word_of(block);
  }
  words[0] = block;
  words[1] = ++steps_;
  store_block(id, block, words);
}

uint64_t SimGuest::word_of(uint64_t block) {
  const uint64_t random = random_();
  const bool text = static_cast<double>(block % 100) < 100 * text_share_;
  return text ? 0x20656d6f73206120 + random % 64 : random;
}

void SimGuest::store_block(RegionId id, uint64_t block,
                           std::span<const uint64_t> words) {
  Region& region = regions_[id];
  CAUSEWAY_ASSERT(::pwrite(region.file.get(), words.data(), kBlockBytes,
                           static_cast<off_t>(block * kBlockBytes)) ==
                  static_cast<ssize_t>(kBlockBytes));
  if (!logging_ || !region.armed.view().test(block)) return;
  if (hide_every_ > 0 && steps_ % hide_every_ == 0) return;
  region.pending.view().set(block);
}

Instant SimGuest::step(Instant now) {
  now_ = now;
  if (!running_ || write_bytes_s_ <= 0) {
    wrote_until_ = now;
    return kNever;
  }
  const Duration one = transfer_time(kBlockBytes, write_bytes_s_);
  while (wrote_until_ + one <= now) {
    wrote_until_ += one;
    const auto region = static_cast<RegionId>(random_() % regions_.size());
    // One draw a statement: compilers differ in the order of arguments.
    const uint64_t block = random_() % spec_.regions[region].blocks();
    const bool zero = random_() % 16 == 0;
    if (changed_share_ < 1) {
      change_block(region, block);
    } else {
      write_block(region, block, zero);
    }
  }
  return wrote_until_ + one;
}

Result<Instant> SimGuest::pause() {
  if (fail_pause) return make_error(ErrorCode::kTimeout, "pause: no answer");
  pass_time(act_time_);
  step(now_);
  running_ = false;
  stopped_at_ = now_;
  pass_time(answer_time_);
  return stopped_at_;
}

Result<Instant> SimGuest::resume() {
  pass_time(act_time_);
  running_ = true;
  resumed_at_ = wrote_until_ = now_;
  pass_time(answer_time_);
  return resumed_at_;
}

Status SimGuest::commit() {
  committed_ = true;
  return {};
}

Result<std::vector<std::byte>> SimGuest::save_state() {
  if (fail_save) return make_error(ErrorCode::kIo, "vCPU 0: no state");
  ByteWriter out;
  out.put(steps_);
  return out.take();
}

Status SimGuest::load_state(std::span<const std::byte> state) {
  if (fail_load) return make_error(ErrorCode::kIncompatible, "bad state");
  ByteReader in(state);
  steps_ = loaded_steps_ = in.get<uint64_t>();
  if (in.finished()) return {};
  return make_error(ErrorCode::kPeerBroken, "state of the wrong size");
}

Status SimGuest::start() {
  logging_ = true;
  version_ = 1;
  for (Region& region : regions_) {
    region.owed.view().set_range(0, region.owed.size());
    region.pending.view().clear_range(0, region.pending.size());
    region.armed.view().clear_range(0, region.armed.size());
  }
  return {};
}

// As in KVM: what is not armed counts as written until it is.
Result<Version> SimGuest::collect() {
  if (fail_collect) return make_error(ErrorCode::kIo, "dirty log: EIO");
  for (Region& region : regions_) {
    region.owed.view().absorb(region.pending.view());
    for (uint64_t block = 0; block < region.armed.size(); ++block) {
      if (!region.armed.view().test(block)) region.owed.view().set(block);
    }
  }
  return ++version_;
}

Status SimGuest::rearm(BlockRange range) {
  regions_[range.region].armed.view().set_range(range.first, range.count);
  return {};
}

void SimGuest::ack(BlockRange range, Version version) {
  if (version != version_) return;
  regions_[range.region].owed.view().clear_range(range.first, range.count);
}

Status SimGuest::stop() {
  logging_ = false;
  return {};
}

BitmapView SimGuest::owed(RegionId region) {
  return regions_[region].owed.view();
}

std::vector<std::unique_ptr<BlockStore>> SimGuest::open_stores() const {
  std::vector<std::unique_ptr<BlockStore>> stores;
  for (const RegionInfo& region : spec_.regions) {
    const int file = regions_[region.id].file.get();
    if (region.kind == RegionKind::kRam) {
      stores.push_back(RamStore::open(region, file).value());
    } else {
      stores.push_back(DiskStore::open(region, file).value());
    }
  }
  return stores;
}

uint64_t SimGuest::allocated_bytes(RegionId region) const {
  struct stat status {};
  CAUSEWAY_ASSERT(::fstat(fd(region), &status) == 0);
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

std::vector<std::byte> SimGuest::content(RegionId region) const {
  std::vector<std::byte> bytes(spec_.regions[region].bytes);
  CAUSEWAY_ASSERT(::pread(fd(region), bytes.data(), bytes.size(), 0) ==
                  static_cast<ssize_t>(bytes.size()));
  return bytes;
}

void SimGuest::die(const std::string& why) {
  running_ = false;
  died_ = make_error(ErrorCode::kGuestDied, "guest sim died: {}", why);
}

}  // namespace causeway::sim
