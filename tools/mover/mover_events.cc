#include "tools/mover/mover_events.h"

#include <unistd.h>

#include <algorithm>

namespace causeway {
namespace {

using nlohmann::json;

json rounds_json(const std::vector<RoundReport>& rounds) {
  json list = json::array();
  for (const RoundReport& round : rounds) {
    list.push_back({{"round", round.round},
                    {"blocks", round.blocks},
                    {"bytes", round.bytes},
                    {"wire_bytes", round.wire_bytes},
                    {"seconds", seconds(round.time)},
                    {"dirty_rate", round.dirty_bytes_s},
                    {"asked", round.asked_blocks},
                    {"known", round.known_blocks},
                    {"decision", round.decision}});
  }
  return list;
}

json use_json(uint64_t cpu_us, uint64_t rss_bytes) {
  return {{"cpu_s", static_cast<double>(cpu_us) / 1e6},
          {"rss_bytes", rss_bytes}};
}

}  // namespace

json listening_event(const std::string& address,
                     const std::vector<std::string>& lanes) {
  return {{"event", "listening"}, {"address", address}, {"lanes", lanes}};
}

json lanes_json(const std::vector<LaneReport>& lanes) {
  json list = json::array();
  for (const LaneReport& lane : lanes) {
    const double up_s = seconds(lane.up);
    const auto bytes = static_cast<double>(lane.sent_bytes);
    list.push_back({{"address", lane.local},
                    {"peer", lane.peer},
                    {"bytes", lane.sent_bytes},
                    {"rate_bytes_s", up_s > 0 ? bytes / up_s : 0},
                    {"losses", lane.losses},
                    {"up", lane.is_up}});
  }
  return list;
}

json repair_json(const RepairStats& repair) {
  return {{"groups", repair.groups},
          {"symbols", repair.symbols},
          {"repairs", repair.repairs},
          {"recovered", repair.recovered},
          {"resent", repair.resent}};
}

json stage_event(const char* stage) {
  return {{"event", "stage"}, {"stage", stage}};
}

json progress_event(const MigrationProgress& progress) {
  return {{"event", "progress"},
          {"stage", progress.stage},
          {"round", progress.round},
          {"sent_bytes", progress.sent_bytes},
          {"wire_bytes", progress.wire_bytes},
          {"remaining_bytes", progress.remaining_bytes},
          {"total_bytes", progress.total_bytes},
          {"dirty_bytes_s", progress.dirty_bytes_s},
          {"rate_bytes_s", progress.rate_bytes_s},
          {"eta_s", progress.eta_s},
          {"held", progress.held},
          {"rtt_ms", milliseconds(progress.path.rtt)},
          {"loss", progress.path.loss},
          {"packets", progress.path.packets},
          {"packets_lost", progress.path.packets_lost}};
}

json done_event(json report) {
  return {{"event", "done"}, {"report", std::move(report)}};
}

json failed_event(const Error& error, GuestPlace guest_at) {
  return {{"event", "failed"},
          {"code", error_code_name(error.code)},
          {"message", error.message},
          {"guest_at", guest_place_name(guest_at)}};
}

// Of the guest, as it was before a codec took it.
uint64_t sent_bytes(const MigrationReport& report, BlockMethod method) {
  return report.blocks[static_cast<size_t>(method)] * kBlockBytes;
}

json report_json(const MigrationReport& report, const ProcessUse& use) {
  json ledger = json::object();
  for (const auto& [line, spent] : report.ledger.lines()) {
    ledger[line] = milliseconds(spent);
  }
  json engine = use_json(use.cpu_us + report.target_cpu_us,
                         std::max(use.rss_bytes, report.target_rss_bytes));
  engine["source"] = use_json(use.cpu_us, use.rss_bytes);
  engine["target"] = use_json(report.target_cpu_us, report.target_rss_bytes);
  if (report.dry_run) {
    return {{"guest", report.guest},
            {"dry_run", true},
            {"mode", migration_mode_name(report.mode)},
            {"path", report.path},
            {"streams", report.streams},
            {"rtt_ms", milliseconds(report.rtt)},
            {"first_round_s", report.first_round_s},
            {"rounds", rounds_json(report.rounds)}};
  }
  return {{"guest", report.guest},
          {"mode", migration_mode_name(report.mode)},
          {"path", report.path},
          {"streams", report.streams},
          {"total_s", seconds(report.total)},
          {"first_block_ms", milliseconds(report.first_block)},
          {"blackout_ms", milliseconds(report.blackout)},
          {"loss", report.loss},
          {"ledger", std::move(ledger)},
          {"rounds", rounds_json(report.rounds)},
          {"bytes",
           {{"state", report.state_bytes},
            {"wire", report.wire_bytes},
            {"zero", sent_bytes(report, BlockMethod::kZero)},
            {"delta", sent_bytes(report, BlockMethod::kDelta)},
            {"copy", sent_bytes(report, BlockMethod::kCopy)},
            {"reference", sent_bytes(report, BlockMethod::kReference)},
            {"pieced", sent_bytes(report, BlockMethod::kPieced)},
            {"deflated", sent_bytes(report, BlockMethod::kDeflated)},
            {"raw", sent_bytes(report, BlockMethod::kRaw)}}},
          {"codec", report.codec},
          {"dedup", report.dedup},
          {"proof", report.proof},
          {"proof_s", seconds(report.proof_time)},
          {"verified", report.verified},
          {"engine", std::move(engine)}};
}

// The fabrics by which something went, each once.
nlohmann::json rdma_json(const MoverRdma& rdma,
                         const std::vector<RdmaRoute>& routes,
                         const RdmaTally& tally) {
  std::vector<std::string> fabrics;
  std::vector<std::string> devices;
  for (const RdmaRoute& route : routes) {
    const std::string& fabric = rdma.devices[route.fabric].fabric;
    if (std::count(fabrics.begin(), fabrics.end(), fabric) == 0) {
      fabrics.push_back(fabric);
    }
    devices.push_back(route.device);
  }
  return {{"fabrics", fabrics},
          {"devices", devices},
          {"writes", tally.writes.load()},
          {"messages", tally.messages.load()},
          {"written_bytes", tally.written_bytes.load()},
          {"copied_bytes", tally.copied_bytes.load()},
          {"extents", tally.extents.load()},
          {"pinned_bytes_most", tally.pinned_bytes_most.load()},
          {"streams_used", tally.streams_used.load()}};
}

void write_event(const json& event) {
  const std::string line = event.dump() + "\n";
  for (size_t done = 0; done < line.size();) {
    const ssize_t put =
        ::write(STDOUT_FILENO, line.data() + done, line.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return;
    done += static_cast<size_t>(put);
  }
}

}  // namespace causeway
