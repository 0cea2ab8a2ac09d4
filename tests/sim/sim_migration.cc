#include "tests/sim/sim_migration.h"

namespace causeway::sim {
namespace {

constexpr uint64_t kDigestKey = 0x5eed;

SimGuestOptions shell_of(SimGuestOptions options) {
  options.shell = true;
  return options;
}

}  // namespace

SimMigration::SimMigration(const SimMigrationOptions& options)
    : guest(options.guest),
      shell(shell_of(options.guest)),
      link(options.link),
      pacer_(options.bandwidth_bytes_s),
      codec_(options.codec),
      outbound_(link.outbound()),
      inbound_(link.inbound()) {
  open_source(options);
  open_target(options);
  simulator.add(guest);
  simulator.add(shell);
  for (auto& sender : senders_) simulator.add(*sender);
  for (auto& receiver : receivers_) simulator.add(*receiver);
  simulator.add(*source_);
  simulator.add(*target_);
  simulator.on_time = [this](Instant now) { set_time(now); };
  guest.pass_time = [this](Duration time) { simulator.pass(time); };
  shell.pass_time = guest.pass_time;
}

void SimMigration::set_time(Instant now) {
  link.advance(now);
  guest.set_now(now);
  shell.set_now(now);
}

void SimMigration::open_source(const SimMigrationOptions& options) {
  source_image_ = std::make_unique<GuestImage>(guest.open_stores(), kDigestKey);
  source_control_ = outbound_->open_control().value();
  for (uint32_t i = 0; i < options.streams; ++i) {
    channels_.push_back(outbound_->open_bulk(i).value());
    scratch_.emplace_back(Sender::kScratchBytes);
    senders_.push_back(
        std::make_unique<Sender>(*channels_.back(), *source_image_, pacer_,
                                 scratch_.back(), source_wake_, &codec_));
  }
  source_ = std::make_unique<SourceSession>(
      options.source, guest, *source_image_, *outbound_, *source_control_,
      source_journal, senders_, source_wake_, codec_);
}

void SimMigration::open_target(const SimMigrationOptions& options) {
  target_image_ = std::make_unique<GuestImage>(shell.open_stores(), 0);
  versions_ = std::make_unique<VersionTable>(*target_image_);
  target_control_ = inbound_->accept_control().value();
  desk_ = std::make_unique<ReferenceDesk>(*target_image_);
  if (options.index != nullptr) {
    CAUSEWAY_ASSERT(desk_
                        ->offer_content(*options.index, options.content_key,
                                        options.streams)
                        .has_value());
  }
  for (uint32_t i = 0; i < options.streams; ++i) {
    scratch_.emplace_back(Placement::kScratchBytes);
    placements_.push_back(std::make_unique<Placement>(
        *target_image_, *versions_, *desk_, scratch_.back(), i));
    bulk_receivers_.push_back(
        inbound_->accept_bulk(i, *placements_.back()).value());
    receivers_.push_back(
        std::make_unique<Receiver>(*bulk_receivers_.back(), target_wake_));
  }
  target_ = std::make_unique<TargetSession>(
      shell, *target_image_, *target_control_, target_journal, receivers_,
      *desk_, target_wake_, [] { return EngineUse{}; });
}

bool SimMigration::run() {
  return simulator.run([this] { return source_->done() && target_->done(); },
                       Instant{} + std::chrono::hours(1));
}

bool SimMigration::same_content() const {
  for (const RegionInfo& region : guest.spec().regions) {
    if (guest.content(region.id) != shell.content(region.id)) return false;
  }
  return true;
}

}  // namespace causeway::sim
