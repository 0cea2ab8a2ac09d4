#include "tools/mover/source_mover.h"

#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <optional>

#include "engine/migration/source_session.h"
#include "engine/runtime/clock.h"
#include "engine/runtime/driver.h"
#include "hypervisor-shim/client/shim_guest.h"
#include "tools/mover/mover_events.h"
#include "tools/mover/mover_journal.h"
#include "tools/mover/mover_path.h"
#include "tools/mover/mover_workers.h"
#include "tools/mover/process_use.h"
#include "tools/mover/region_stores.h"

namespace causeway {
namespace {

constexpr Duration kProgressPeriod = std::chrono::milliseconds(100);

// The session, and its events to the agent.
class ReportedSession final : public Stepper {
 public:
  explicit ReportedSession(SourceSession& session) : session_(session) {}

  Instant step(Instant now) override {
    const Instant wake = session_.step(now);
    const char* stage = session_.stage();
    const bool new_stage = stage != stage_;
    if (new_stage) {
      stage_ = stage;
      write_event(stage_event(stage));
    }
    // Nothing but the stop's own work while the guest stands still.
    if (session_.guest_stands_still()) return wake;
    if (now >= next_progress_ || new_stage) {
      next_progress_ = now + kProgressPeriod;
      write_event(progress_event(session_.progress(now)));
    }
    return std::min(wake, next_progress_);
  }
  void wait_on(WaitSet& set) const override { session_.wait_on(set); }
  bool done() const override { return session_.done(); }

 private:
  SourceSession& session_;
  const char* stage_ = nullptr;
  Instant next_progress_{};
};

// Everything one run needs, in the order in which it is taken down.
class SourceMover {
 public:
  SourceMover(const MoverSpec& spec, Instant began, Topology topology)
      : spec_(spec),
        began_(began),
        topology_(std::move(topology)),
        pacer_(spec.bandwidth_bytes_s),
        codec_(spec.codec) {}

  ~SourceMover() {
    for (auto& sender : senders_) sender->stop();
    if (workers_ != nullptr) workers_->join();
  }

  Status open();
  int run(CommandReader& commands);

 private:
  uint64_t guest_bytes() const;
  Status open_senders();

  const MoverSpec& spec_;
  const Instant began_;
  Topology topology_;  // until the workers have it
  Pacer pacer_;
  CodecGovernor codec_;
  Notifier wake_;
  std::unique_ptr<ShimGuest> guest_;
  std::unique_ptr<GuestImage> image_;
  std::unique_ptr<OutboundPath> path_;
  const OutboundLanes* lanes_ = nullptr;  // of a striped path_: the same
  const RdmaTally* tally_ = nullptr;      // of an rdma path: its own
  std::vector<RdmaRoute> rdma_routes_;    // ... by worker
  std::string why_not_rdma_;
  std::unique_ptr<ControlChannel> control_;
  std::vector<std::unique_ptr<BulkChannel>> channels_;
  std::unique_ptr<MoverWorkers> workers_;
  std::vector<std::unique_ptr<Sender>> senders_;
  std::optional<MoverJournal> journal_;
  std::unique_ptr<SourceSession> session_;
};

Status SourceMover::open() {
  CAUSEWAY_ASSIGN(guest_, ShimGuest::connect(spec_.shim_socket));
  CAUSEWAY_ASSIGN(auto stores, open_region_stores(*guest_));
  uint64_t key = 0;
  if (::getrandom(&key, sizeof key, 0) != sizeof key) {
    return errno_error(errno, "getrandom");
  }
  image_ = std::make_unique<GuestImage>(std::move(stores), key);
  // First, so that threads of the path run on the guest's node too.
  CAUSEWAY_ASSIGN(
      workers_, MoverWorkers::plan(std::move(topology_), *image_, spec_.streams,
                                   Sender::kScratchBytes));
  CAUSEWAY_ASSIGN(
      MoverPath path,
      connect_path(spec_, {image_.get(), workers_.get(), guest_bytes()}));
  path_ = std::move(path.path);
  lanes_ = path.lanes;
  tally_ = path.tally;
  rdma_routes_ = std::move(path.rdma_routes);
  why_not_rdma_ = std::move(path.why_not_rdma);
  CAUSEWAY_ASSIGN(control_, path_->open_control());
  CAUSEWAY_TRY(open_senders());
  CAUSEWAY_ASSIGN(journal_, MoverJournal::open(spec_));
  SourceOptions source;
  source.migration = spec_.migration;
  source.mode = spec_.mode;
  source.proof = spec_.proof;
  source.goal.blackout_max = spec_.blackout_max;
  source.began = began_;
  source.time_limit = spec_.time_limit;
  source.dry_run = spec_.dry_run;
  source.dedup = spec_.dedup;
  session_ = std::make_unique<SourceSession>(
      std::move(source), *guest_, *image_, *path_, *control_, *journal_,
      senders_, wake_, codec_);
  return {};
}

uint64_t SourceMover::guest_bytes() const {
  uint64_t bytes = 0;
  for (RegionId id = 0; id < image_->regions(); ++id) {
    bytes += image_->info(id).bytes;
  }
  return bytes;
}

Status SourceMover::open_senders() {
  for (uint32_t i = 0; i < spec_.streams; ++i) {
    CAUSEWAY_ASSIGN(auto channel, path_->open_bulk(i));
    channels_.push_back(std::move(channel));
    senders_.push_back(std::make_unique<Sender>(*channels_.back(), *image_,
                                                pacer_, workers_->scratch(i),
                                                wake_, &codec_));
    CAUSEWAY_TRY(workers_->start(i, *senders_.back()));
  }
  return {};
}

int SourceMover::run(CommandReader& commands) {
  ReportedSession reported(*session_);
  commands.on_cancel([this] { session_->cancel(); });
  commands.on_hold([this](bool held) { session_->hold(held); });
  Driver driver;
  driver.add(reported);
  driver.add(commands);
  driver.run(&reported);
  commands.on_cancel(nullptr);
  commands.on_hold(nullptr);
  if (const auto& failure = session_->failure()) {
    spdlog::error("{}", failure->error.message);
    write_event(failed_event(failure->error, failure->guest_at));
    return 1;
  }
  auto report = report_json(session_->report(), process_use());
  if (lanes_ != nullptr) report["lanes"] = lanes_json(lanes_->report());
  const RepairStats repair = path_->stats().repair;
  if (repair.groups > 0) report["fec"] = repair_json(repair);
  report["encryption"] = spec_.tls ? "tls-1.3" : "none";
  if (!why_not_rdma_.empty()) report["why_not_rdma"] = why_not_rdma_;
  if (tally_ != nullptr) {
    // Control and the streams that stand by are; what goes by RDMA is not.
    report["encryption"] = "none";
    report["rdma"] = rdma_json(*spec_.rdma, rdma_routes_, *tally_);
  }
  write_event(done_event(std::move(report)));
  return 0;
}

}  // namespace

int run_source_mover(const MoverSpec& spec, Instant began, Topology topology,
                     CommandReader& commands) {
  SourceMover mover(spec, began, std::move(topology));
  if (auto opened = mover.open(); !opened) {
    write_event(failed_event(opened.error(), GuestPlace::kSource));
    return 1;
  }
  return mover.run(commands);
}

}  // namespace causeway
