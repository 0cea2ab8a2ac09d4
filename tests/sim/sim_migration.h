// SimMigration: one whole migration over a virtual link: two guests, two
// sessions, N senders and receivers, driven by the simulator.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/migration/placement.h"
#include "engine/migration/source_session.h"
#include "engine/migration/target_session.h"
#include "engine/path/loopback/virtual_link.h"
#include "tests/sim/sim_guest.h"
#include "tests/sim/sim_journal.h"
#include "tests/sim/simulator.h"

namespace causeway::sim {

struct SimMigrationOptions {
  SimGuestOptions guest;
  VirtualLinkOptions link;
  SourceOptions source;
  uint32_t streams = 2;
  uint64_t bandwidth_bytes_s = 0;
  CodecOptions codec{CodecOptions::Mode::kNone, kCodecLevelNone};
  // What the target has; outlives the run. nullptr: no content index.
  ContentIndex* index = nullptr;
  ContentKey content_key{};
};

class SimMigration {
 public:
  explicit SimMigration(const SimMigrationOptions& options);

  // Until both ends are done, at most an hour of virtual time.
  bool run();

  SimGuest guest;
  SimGuest shell;
  SimJournal source_journal;
  SimJournal target_journal;
  VirtualLink link;
  Simulator simulator;
  SourceSession& source() { return *source_; }
  TargetSession& target() { return *target_; }
  // Tells link and guests the time; the simulator's on_time.
  void set_time(Instant now);
  // What the source's memory was when the target resumed; regions' bytes are
  // equal at both ends.
  bool same_content() const;

 private:
  void open_source(const SimMigrationOptions& options);
  void open_target(const SimMigrationOptions& options);

  Notifier source_wake_;
  Notifier target_wake_;
  Pacer pacer_;
  CodecGovernor codec_;
  std::unique_ptr<OutboundPath> outbound_;
  std::unique_ptr<InboundPath> inbound_;
  std::unique_ptr<GuestImage> source_image_;
  std::unique_ptr<GuestImage> target_image_;
  std::unique_ptr<VersionTable> versions_;
  std::unique_ptr<ReferenceDesk> desk_;
  std::unique_ptr<ControlChannel> source_control_;
  std::unique_ptr<ControlChannel> target_control_;
  std::vector<std::unique_ptr<BulkChannel>> channels_;
  std::vector<std::unique_ptr<Placement>> placements_;
  std::vector<std::unique_ptr<BulkReceiver>> bulk_receivers_;
  std::vector<std::vector<std::byte>> scratch_;
  std::vector<std::unique_ptr<Sender>> senders_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
  std::unique_ptr<SourceSession> source_;
  std::unique_ptr<TargetSession> target_;
};

}  // namespace causeway::sim
