// SimGuest: a guest in virtual time. Its program writes whole blocks of RAM
// and disk at a rate; its dirty log is exact unless a test makes it lie.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "engine/base/stepper.h"
#include "engine/base/unique_fd.h"
#include "engine/guest/guest.h"
#include "engine/migration/image.h"

namespace causeway::sim {

struct SimGuestOptions {
  uint64_t ram_bytes = 8u << 20;
  uint64_t disk_bytes = 4u << 20;  // 0: no disk
  double write_bytes_s = 0;
  double used_share = 1.0;  // of each region, written at the start
  double zero_share = 0.0;  // of what is used: blocks written as zeros
  // Of the disk's blocks, by number: those that the RAM has too.
  double twin_share = 0.0;
  double text_share = 0.0;  // of the blocks, by number: words of a few kinds
  // Of the words of a block that one write changes; 1: the whole block is new.
  double changed_share = 1.0;
  uint64_t seed = 1;
  bool shell = false;  // an empty one, that waits for a guest
  // Of pause() and resume(): from the call until the vCPUs stop or go on, and
  // from there until the answer.
  Duration act_time{0};
  Duration answer_time{0};
};

class SimGuest final : public Guest, public DirtyLog, public Stepper {
 public:
  explicit SimGuest(const SimGuestOptions& options);

  // Guest.
  const GuestSpec& spec() const override { return spec_; }
  Result<Instant> pause() override;
  Result<Instant> resume() override;
  Status commit() override;
  Result<std::vector<std::byte>> save_state() override;
  Status load_state(std::span<const std::byte> state) override;
  DirtyLog& dirty_log() override { return *this; }
  std::optional<Error> died() override { return died_; }

  // DirtyLog.
  Status start() override;
  Result<Version> collect() override;
  Status rearm(BlockRange range) override;
  void ack(BlockRange range, Version version) override;
  Status stop() override;
  BitmapView owed(RegionId region) override;

  // Stepper: the guest's program.
  Instant step(Instant now) override;
  void wait_on(WaitSet&) const override {}
  bool done() const override { return false; }

  // What a call outside step() takes as the time.
  void set_now(Instant now) { now_ = now; }
  // Makes time pass inside a call (and set_now() be called); needed for
  // act_time and answer_time.
  std::function<void(Duration)> pass_time = [](Duration) {};

  bool running() const { return running_; }
  bool committed() const { return committed_; }
  uint64_t steps() const { return steps_; }
  uint64_t loaded_steps() const { return loaded_steps_; }
  // Of virtual time, over all pauses up to resume() or to another's first
  // step.
  Instant stopped_at() const { return stopped_at_; }
  Instant resumed_at() const { return resumed_at_; }
  std::vector<std::unique_ptr<BlockStore>> open_stores() const;
  int fd(RegionId region) const { return regions_[region].file.get(); }
  uint64_t allocated_bytes(RegionId region) const;
  std::vector<std::byte> content(RegionId region) const;

  // Trouble that a test asks for.
  void die(const std::string& why);
  // Every n-th write from now is not logged. One alone would not do: the block
  // may be read after it, or written and logged again.
  void hide_writes(uint64_t n) { hide_every_ = n; }
  // The next calls of these fail.
  bool fail_pause = false;
  bool fail_save = false;
  bool fail_load = false;
  bool fail_collect = false;

 private:
  struct Region {
    UniqueFd file;
    Bitmap owed;
    Bitmap pending;
    Bitmap armed;  // writes are logged only where the log is armed
  };

  void fill(const SimGuestOptions& options);
  void write_block(RegionId region, uint64_t block, bool zero);
  void change_block(RegionId region, uint64_t block);
  void store_block(RegionId region, uint64_t block,
                   std::span<const uint64_t> words);
  uint64_t word_of(uint64_t block);

  GuestSpec spec_;
  std::vector<Region> regions_;
  std::mt19937_64 random_;
  double write_bytes_s_;
  double text_share_;
  double changed_share_;
  Duration act_time_;
  Duration answer_time_;
  bool running_;
  bool committed_ = false;
  bool logging_ = false;
  Version version_ = 0;
  uint64_t steps_ = 0;
  uint64_t loaded_steps_ = 0;
  Instant now_{};
  Instant wrote_until_{};
  Instant stopped_at_{};
  Instant resumed_at_{};
  uint64_t hide_every_ = 0;
  std::optional<Error> died_;
};

}  // namespace causeway::sim
