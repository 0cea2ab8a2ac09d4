#include "hypervisor-shim/lab/vmm.h"

#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/runtime/clock.h"
#include "hypervisor-shim/lab/guest_image.h"
#include "hypervisor-shim/lab/sandbox.h"
#include "hypervisor-shim/lab/shim_ops.h"
#include "hypervisor-shim/lab/state_blob.h"

namespace causeway::lab {

using nlohmann::json;
using std::chrono::steady_clock;

namespace {

// How long a check waits for a guest that a mover has paused: longer than any
// blackout; then the guest has moved away.
constexpr std::chrono::seconds kCheckPauseMax(5);

cw_region region_of(uint32_t kind, int fd, uint32_t page_bytes, uint64_t bytes,
                    const char* name) {
  cw_region region{};
  region.struct_bytes = sizeof(region);
  region.kind = kind;
  region.fd = fd;
  region.page_bytes = page_bytes;
  region.bytes = bytes;
  fmt::format_to_n(region.name, sizeof(region.name) - 1, "{}", name);
  return region;
}

}  // namespace

Vmm::Vmm(GuestOptions options, GuestMemory memory,
         std::function<void()> stop_requested)
    : options_(std::move(options)),
      memory_(std::move(memory)),
      stop_requested_(std::move(stop_requested)),
      devices_([this](uint32_t vcpu, uint32_t what) { noticed(vcpu, what); }),
      clock_(memory_, *this) {}

Result<std::unique_ptr<Vmm>> Vmm::create(const VmmKind& kind,
                                         GuestOptions options,
                                         std::function<void()> stop_requested) {
  CAUSEWAY_ASSIGN(GuestMemory memory,
                  GuestMemory::create(options.name, options.memory_bytes,
                                      options.page_bytes, kind.memory_address));
  DiskFile disk;
  if (!options.disk_path.empty()) {
    CAUSEWAY_ASSIGN(disk, open_disk(options.disk_path, options.disk_bytes));
  }
  CAUSEWAY_TRY(drop_privileges(
      std::array{options.shim_socket_path, options.monitor_socket_path}));
  std::unique_ptr<Vmm> vmm(new Vmm(std::move(options), std::move(memory),
                                   std::move(stop_requested)));
  if (disk.fd) CAUSEWAY_TRY(vmm->set_up_disk(std::move(disk)));
  CAUSEWAY_TRY(vmm->set_up_machine(kind));
  CAUSEWAY_TRY(vmm->start(kind));
  return vmm;
}

Vmm::~Vmm() {
  {
    std::lock_guard lock(machine_mutex_);
    if (machine_) machine_->stop();
    if (devices_.disk() != nullptr) devices_.disk()->pause();
    std::lock_guard state_lock(state_mutex_);
    state_ = State::kStopped;
  }
  monitor_.reset();
  if (shim_ != nullptr) cw_shim_destroy(shim_);
}

// A mover that connects at once waits until the guest runs.
Status Vmm::start(const VmmKind& kind) {
  std::lock_guard lock(machine_mutex_);
  CAUSEWAY_TRY(set_up_shim());
  CAUSEWAY_TRY(set_up_monitor());
  CAUSEWAY_TRY(forbid_system_calls(kind.ioctls));
  const bool running = !options_.incoming;
  if (running) {
    std::lock_guard state_lock(state_mutex_);
    state_ = State::kRunning;
  }
  return machine_->start(running);
}

Status Vmm::set_up_disk(DiskFile file) {
  options_.disk_bytes = file.bytes;
  CAUSEWAY_ASSIGN(
      auto device,
      BlockDevice::create(memory_, std::move(file), *this,
                          [this](uint32_t vcpu) { devices_.completed(vcpu); }));
  devices_.attach_disk(std::move(device));
  return {};
}

Status Vmm::set_up_machine(const VmmKind& kind) {
  CAUSEWAY_ASSIGN(machine_,
                  kind.make_machine(options_, memory_, devices_, *this));
  if (!options_.incoming) {
    CAUSEWAY_ASSIGN(const GuestParams params,
                    plan_params(options_, machine_->has_avx()));
    write_image(memory_, params);
    clock_.boot();
  }
  const int disk_fd = devices_.disk() ? devices_.disk()->fd() : -1;
  DeviceWrites& writes = *this;
  control_ = std::make_unique<GuestControl>(
      memory_, options_.vcpus, options_.disk_bytes, disk_fd, writes);
  return {};
}

Status Vmm::set_up_shim() {
  std::vector<cw_region> regions = {
      region_of(CW_REGION_RAM, memory_.fd(), memory_.page_bytes(),
                memory_.bytes(), region_name(kRamRegion))};
  if (devices_.disk() != nullptr) {
    regions.push_back(region_of(CW_REGION_DISK, devices_.disk()->fd(),
                                CW_BLOCK_BYTES, devices_.disk()->bytes(),
                                region_name(kDiskRegion)));
  }
  cw_shim_config config{};
  config.struct_bytes = sizeof(config);
  config.vcpus = options_.vcpus;
  config.socket_path = options_.shim_socket_path.c_str();
  config.guest_name = options_.name.c_str();
  config.tracker = machine_->tracker();
  config.hypervisor = machine_->hypervisor();
  config.regions = regions.data();
  config.region_count = static_cast<uint32_t>(regions.size());
  const cw_vmm_ops ops = shim_ops();
  const int returned = cw_shim_create(&config, &ops, this, &shim_);
  if (returned == 0) return {};
  return errno_error(-returned,
                     "serve the shim socket " + options_.shim_socket_path);
}

Status Vmm::set_up_monitor() {
  Monitor::Handler handler;
  handler.serve = [this](const json& request) { return serve(request); };
  handler.finished = [this] { return finished(); };
  CAUSEWAY_ASSIGN(monitor_, Monitor::create(options_.monitor_socket_path,
                                            std::move(handler)));
  return {};
}

Vmm::State Vmm::state() const {
  std::lock_guard lock(state_mutex_);
  return state_;
}

const char* Vmm::state_name() const {
  switch (state()) {
    case State::kIncoming:
      return "incoming";
    case State::kRunning:
      return "running";
    case State::kPaused:
      return "paused";
    case State::kDied:
      return "died";
    case State::kStopped:
      return "stopped";
  }
  return "stopped";
}

Status Vmm::check_alive() const {
  std::lock_guard lock(state_mutex_);
  if (state_ == State::kStopped) {
    return make_error(ErrorCode::kCancelled, "the guest was stopped");
  }
  if (state_ != State::kDied) return {};
  return make_error(ErrorCode::kGuestDied, "the guest died: {}", died_why_);
}

// A guest that dies is still paused with success: nothing of it runs.
Result<Instant> Vmm::pause() {
  std::lock_guard lock(machine_mutex_);
  if (state() == State::kStopped) CAUSEWAY_TRY(check_alive());
  CAUSEWAY_ASSIGN(const Instant stopped, machine_->pause());
  if (devices_.disk() != nullptr) devices_.disk()->pause();
  std::lock_guard state_lock(state_mutex_);
  if (state_ == State::kRunning) state_ = State::kPaused;
  return stopped;
}

Result<Instant> Vmm::resume() {
  std::lock_guard lock(machine_mutex_);
  CAUSEWAY_TRY(check_alive());
  if (state() == State::kRunning) return monotonic_now();
  if (state() == State::kIncoming && !loaded_) {
    return make_error(ErrorCode::kInvalidArgument,
                      "this shell has no guest yet: load its state first");
  }
  clock_.resume();
  {
    std::lock_guard state_lock(state_mutex_);
    if (state_ == State::kIncoming) {
      arrived_steps_ = control_->counters().steps;
    }
    state_ = State::kRunning;
  }
  if (devices_.disk() != nullptr) devices_.disk()->resume();
  return machine_->resume();
}

Result<std::vector<std::byte>> Vmm::save_state() {
  std::lock_guard lock(machine_mutex_);
  CAUSEWAY_TRY(check_alive());
  if (state() != State::kPaused) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the guest is {}: pause it before its state is saved",
                      state_name());
  }
  StateWriter out;
  clock_.save(out);
  if (devices_.disk() != nullptr) devices_.disk()->save(out);
  CAUSEWAY_TRY(machine_->save(out));
  return out.finish();
}

Status Vmm::load_state(std::span<const std::byte> state_bytes) {
  std::lock_guard lock(machine_mutex_);
  if (state() != State::kIncoming) {
    return make_error(ErrorCode::kInvalidArgument,
                      "this VMM has a guest already (it is {}): state is "
                      "loaded into an --incoming shell",
                      state_name());
  }
  CAUSEWAY_ASSIGN(StateReader in, StateReader::parse(state_bytes));
  CAUSEWAY_TRY(clock_.load(in));
  if (devices_.disk() != nullptr) CAUSEWAY_TRY(devices_.disk()->load(in));
  CAUSEWAY_TRY(machine_->load(in));
  loaded_ = true;
  return {};
}

Status Vmm::dirty_collect(uint64_t* bitmap) {
  return machine_->dirty_collect(
      BitmapView(bitmap, memory_.bytes() / GUEST_BLOCK_BYTES));
}

void Vmm::wrote(uint32_t region, uint64_t offset, uint64_t bytes) {
  if (shim_ != nullptr) cw_shim_mark_dirty(shim_, region, offset, bytes);
}

void Vmm::guest_died(const std::string& why) {
  {
    std::lock_guard lock(state_mutex_);
    if (state_ == State::kDied || state_ == State::kStopped) return;
    state_ = State::kDied;
    died_why_ = why;
  }
  spdlog::error("the guest died: {}", why);
  if (shim_ != nullptr) cw_shim_guest_died(shim_, why.c_str());
  if (monitor_) monitor_->poke();
}

void Vmm::noticed(uint32_t vcpu, uint32_t notice) {
  if (notice == GUEST_NOTICE_FILLED) {
    spdlog::info("vCPU {} has filled its memory and disk", vcpu);
  } else if (notice == GUEST_NOTICE_BROKEN) {
    spdlog::error("vCPU {} lost state: its step counters differ", vcpu);
  } else if (notice == GUEST_NOTICE_CHECKED && monitor_) {
    monitor_->poke();
  }
}

json Vmm::status() const {
  const GuestCounters counters = control_->counters();
  json reply = {{"ok", true},
                {"name", options_.name},
                {"state", state_name()},
                {"hypervisor", machine_->hypervisor()},
                {"tracker", machine_->tracker()},
                {"vcpus", options_.vcpus},
                {"steps", counters.steps},
                {"filled", counters.filled},
                {"guest_ns", clock_.guest_ns()},
                {"blackout_ns", counters.blackout_ns},
                {"max_gap_ns", counters.max_gap_ns},
                {"ram_writes", counters.ram_writes},
                {"disk_writes", counters.disk_writes},
                {"disk_errors", counters.disk_errors}};
  json regions = json::array();
  const auto add = [&](uint32_t region, uint64_t bytes) {
    const CheckedRange range = control_->checked(region);
    regions.push_back({{"name", region_name(region)},
                       {"bytes", bytes},
                       {"checked_offset", range.offset},
                       {"checked_bytes", range.bytes}});
  };
  add(kRamRegion, memory_.bytes());
  if (devices_.disk() != nullptr) {
    add(kDiskRegion, devices_.disk()->bytes());
    const auto errors = devices_.disk()->errors();
    if (errors.count != 0) reply["disk_error"] = errors.last;
  }
  reply["regions"] = regions;
  std::lock_guard lock(state_mutex_);
  if (state_ == State::kDied) reply["why"] = died_why_;
  if (!arrived_steps_.empty()) reply["arrived_steps"] = arrived_steps_;
  return reply;
}

std::optional<json> Vmm::serve(const json& request) {
  const std::string command = request["command"].get<std::string>();
  Status done;
  if (command == "status") return status();
  if (command == "check") {
    done = start_check();
    if (done) return std::nullopt;
  } else if (command == "flip-bit") {
    done = flip_bit(request);
  } else if (command == "kill-guest") {
    done = require_running("kill it");
    if (done) control_->kill_guest();
  } else if (command == "stop") {
    stop_requested_();
  } else {
    done = make_error(ErrorCode::kInvalidArgument,
                      "there is no command '{}': use status, check, flip-bit, "
                      "kill-guest or stop",
                      command);
  }
  if (!done) return error_reply(done.error());
  return json{{"ok", true}};
}

Status Vmm::require_running(const char* to) const {
  CAUSEWAY_TRY(check_alive());
  if (state() == State::kRunning) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "the guest {} is {}: it must run to {}", options_.name,
                    state_name(), to);
}

Status Vmm::start_check() {
  CAUSEWAY_TRY(require_running("check itself"));
  if (!check_sequence_) check_sequence_ = control_->start_check();
  not_running_since_.reset();
  for (uint32_t i = 0; i < options_.vcpus; ++i) devices_.wake(i);
  return {};
}

Status Vmm::flip_bit(const json& request) {
  const auto text = request.find("region");
  const auto offset = request.find("offset");
  const auto bit = request.find("bit");
  const auto tracked = request.find("tracked");
  const auto end = request.end();
  std::optional<uint32_t> region;
  if (text != end && text->is_string()) {
    region = region_from_name(text->get<std::string>());
  }
  if (!region || offset == end || !offset->is_number_unsigned() || bit == end ||
      !bit->is_number_unsigned() ||
      (tracked != end && !tracked->is_boolean())) {
    return make_error(ErrorCode::kInvalidArgument,
                      "flip-bit needs \"region\" (ram0 or disk0), \"offset\" "
                      "in bytes and \"bit\" (0 to 7)");
  }
  return control_->flip_bit(*region, offset->get<uint64_t>(),
                            bit->get<uint32_t>(),
                            tracked == end || tracked->get<bool>());
}

std::optional<json> Vmm::finished() {
  if (!check_sequence_)
    return error_reply(make_error(ErrorCode::kInternal, "no check was begun"));
  if (const auto report = control_->check_result(*check_sequence_)) {
    check_sequence_.reset();
    const GuestCounters counters = control_->counters();
    json reply = {{"ok", report->ok},
                  {"pages", report->pages},
                  {"blocks", report->disk_blocks},
                  {"steps", report->steps},
                  {"errors", report->errors},
                  {"blackout_ns", counters.blackout_ns},
                  {"max_gap_ns", counters.max_gap_ns}};
    if (!report->ok) {
      reply["first_error"] = {{"region", report->region},
                              {"block", report->block},
                              {"what", report->what}};
    }
    return reply;
  }
  const Status alive = check_alive();
  const auto now = steady_clock::now();
  if (alive && state() == State::kRunning) {
    not_running_since_.reset();
    return std::nullopt;
  }
  if (!not_running_since_) not_running_since_ = now;
  if (alive && now - *not_running_since_ < kCheckPauseMax) return std::nullopt;
  check_sequence_.reset();
  if (!alive) return error_reply(alive.error());
  return error_reply(make_error(
      ErrorCode::kTimeout,
      "the guest {} was paused while it checked itself and has not gone on "
      "for {} s: it may have moved; check it where it runs",
      options_.name, kCheckPauseMax.count()));
}

}  // namespace causeway::lab
