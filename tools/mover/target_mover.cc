#include "tools/mover/target_mover.h"

#include <spdlog/spdlog.h>

#include <optional>

#include "engine/content/content_key.h"
#include "engine/content/index_location.h"
#include "engine/migration/placement.h"
#include "engine/migration/target_session.h"
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

// The source's mover starts when the target has said where it listens.
constexpr Duration kSourceComesMax = std::chrono::seconds(30);

EngineUse engine_use() {
  const ProcessUse use = process_use();
  return {use.cpu_us, use.rss_bytes};
}

// The session, and its stages to the agent; a cancel ends it.
class ReportedTarget final : public Stepper {
 public:
  explicit ReportedTarget(TargetSession& session) : session_(session) {}

  Instant step(Instant now) override {
    const Instant wake = session_.step(now);
    if (const char* stage = session_.stage(); stage != stage_) {
      stage_ = stage;
      write_event(stage_event(stage));
    }
    return wake;
  }
  void wait_on(WaitSet& set) const override { session_.wait_on(set); }
  bool done() const override { return session_.done(); }

 private:
  TargetSession& session_;
  const char* stage_ = nullptr;
};

// The target's last word, that the guest runs: until the source has it, has
// closed or is lost. Of a striped path the lanes may have to come back first.
class LastWord final : public Stepper {
 public:
  explicit LastWord(ControlChannel& control) : control_(control) {}

  Instant step(Instant now) override {
    // What still comes concerns nobody.
    done_ = !control_.receive(now) || control_.may_close();
    WaitSet unused;
    return control_.wait_on(unused);
  }
  void wait_on(WaitSet& set) const override { control_.wait_on(set); }
  bool done() const override { return done_; }

 private:
  ControlChannel& control_;
  bool done_ = false;
};

class TargetMover {
 public:
  TargetMover(const MoverSpec& spec, Topology topology)
      : spec_(spec), topology_(std::move(topology)) {}
  ~TargetMover() {
    for (auto& receiver : receivers_) receiver->stop();
    if (workers_ != nullptr) workers_->join();
  }

  Status open();
  int run(CommandReader& commands);

 private:
  Status open_receivers(InboundPath& path);
  void open_content();
  Status open_index();

  const MoverSpec& spec_;
  Topology topology_;  // until the workers have it
  Notifier wake_;
  std::unique_ptr<ShimGuest> shell_;
  std::unique_ptr<GuestImage> image_;
  std::unique_ptr<VersionTable> versions_;
  std::unique_ptr<ContentIndex> index_;
  std::unique_ptr<ReferenceDesk> desk_;
  std::unique_ptr<MoverWorkers> workers_;
  std::unique_ptr<InboundPath> path_;
  std::unique_ptr<ControlChannel> control_;
  std::vector<std::unique_ptr<Placement>> placements_;
  std::vector<std::unique_ptr<BulkReceiver>> bulk_receivers_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
  std::optional<MoverJournal> journal_;
  std::unique_ptr<TargetSession> session_;
};

Status TargetMover::open() {
  CAUSEWAY_ASSIGN(MoverListener listener, MoverListener::listen(spec_));
  write_event(listening_event(listener.address(), listener.lane_addresses()));
  CAUSEWAY_ASSIGN(shell_, ShimGuest::connect(spec_.shim_socket));
  CAUSEWAY_ASSIGN(auto stores, open_region_stores(*shell_));
  CAUSEWAY_ASSIGN(journal_, MoverJournal::open(spec_));
  // The key comes with the source's hello, before the first put.
  image_ = std::make_unique<GuestImage>(std::move(stores), 0);
  versions_ = std::make_unique<VersionTable>(*image_);
  desk_ = std::make_unique<ReferenceDesk>(*image_);
  CAUSEWAY_ASSIGN(
      workers_, MoverWorkers::plan(std::move(topology_), *image_, spec_.streams,
                                   Placement::kScratchBytes));
  open_content();
  CAUSEWAY_ASSIGN(path_,
                  listener.accept(spec_, {image_.get(), workers_.get(), 0},
                                  kSourceComesMax));
  CAUSEWAY_ASSIGN(control_, path_->accept_control());
  CAUSEWAY_TRY(open_receivers(*path_));
  session_ =
      std::make_unique<TargetSession>(*shell_, *image_, *control_, *journal_,
                                      receivers_, *desk_, wake_, engine_use);
  return {};
}

// A guest comes without the index rather than not at all.
void TargetMover::open_content() {
  if (!spec_.content) return;
  const Status opened = open_index();
  if (opened || opened.error().code == ErrorCode::kNotFound) return;
  spdlog::warn("guest {} comes without the content index: {}", spec_.guest,
               opened.error().message);
}

Status TargetMover::open_index() {
  CAUSEWAY_ASSIGN(const ContentKey master,
                  read_master_key(spec_.content->key_file));
  CAUSEWAY_ASSIGN(const ContentKey key,
                  derive_domain_key(master, spec_.content->domain));
  CAUSEWAY_ASSIGN(index_, open_content_index(spec_.content->location,
                                             ContentAccess::kReadOnly));
  return desk_->offer_content(*index_, key, spec_.streams);
}

Status TargetMover::open_receivers(InboundPath& path) {
  for (uint32_t i = 0; i < spec_.streams; ++i) {
    placements_.push_back(std::make_unique<Placement>(
        *image_, *versions_, *desk_, workers_->scratch(i), i));
    CAUSEWAY_ASSIGN(auto bulk, path.accept_bulk(i, *placements_.back()));
    bulk_receivers_.push_back(std::move(bulk));
    receivers_.push_back(
        std::make_unique<Receiver>(*bulk_receivers_.back(), wake_));
    CAUSEWAY_TRY(workers_->start(i, *receivers_.back()));
  }
  return {};
}

int TargetMover::run(CommandReader& commands) {
  ReportedTarget reported(*session_);
  commands.on_cancel([this] { session_->cancel(); });
  Driver driver;
  // Commands first: a cancel is then seen by the step that follows it.
  driver.add(commands);
  driver.add(reported);
  driver.run(&reported);
  commands.on_cancel(nullptr);
  if (const auto& failure = session_->failure()) {
    spdlog::error("{}", failure->message);
    write_event(failed_event(*failure, session_->in_doubt()
                                           ? GuestPlace::kUndecided
                                           : GuestPlace::kSource));
    return 1;
  }
  write_event(done_event(nlohmann::json::object()));
  LastWord word(*control_);
  Driver until_said;
  until_said.add(word);
  until_said.run();
  return 0;
}

}  // namespace

int run_target_mover(const MoverSpec& spec, Topology topology,
                     CommandReader& commands) {
  TargetMover mover(spec, std::move(topology));
  if (auto opened = mover.open(); !opened) {
    write_event(failed_event(opened.error(), GuestPlace::kSource));
    return 1;
  }
  return mover.run(commands);
}

}  // namespace causeway
