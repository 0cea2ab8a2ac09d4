#include "tools/agent/departure_plan.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/policy/codec_options.h"
#include "engine/policy/dedup_choice.h"

namespace causeway {
namespace {

// A client that does not know of a choice says nothing.
bool is_open(const std::string& choice) {
  return choice.empty() || choice == "auto";
}

// What is encoded is not written in place: on rdma only if asked for.
std::string codec_of(const control::MigrateRequest& request) {
  if (!is_open(request.codec())) return request.codec();
  return request.path().kind() == "rdma" ? "none" : "auto";
}

std::string dedup_of(const control::MigrateRequest& request) {
  if (!is_open(request.dedup())) return request.dedup();
  return request.path().kind() == "rdma" ? "off" : "auto";
}

Status check_migrate_wish(const control::MigrateRequest& wish) {
  const auto invalid = [](std::string message) {
    return Error{ErrorCode::kInvalidArgument, std::move(message)};
  };
  if (wish.mode() != "pre-copy" && wish.mode() != "stop-and-copy") {
    return invalid(
        fmt::format("\"{}\" is no mode; there are pre-copy and stop-and-copy",
                    wish.mode()));
  }
  if (wish.proof() != "landed" && wish.proof() != "frozen" &&
      wish.proof() != "strict") {
    return invalid(
        fmt::format("\"{}\" is no proof; there are landed, frozen and strict",
                    wish.proof()));
  }
  if (wish.streams() == 0 || wish.streams() > kStreamsMax) {
    return invalid(fmt::format("{} streams are not possible; take 1 to {}",
                               wish.streams(), kStreamsMax));
  }
  if (wish.max_blackout_us() == 0) {
    return invalid("a blackout of at most 0 is not possible");
  }
  CAUSEWAY_TRY(parse_codec(codec_of(wish)));
  if (!dedup_mode_from_name(dedup_of(wish))) {
    return invalid(fmt::format(
        "\"{}\" is no way to dedup; there are auto, on and off", wish.dedup()));
  }
  return {};
}

}  // namespace

Result<DeparturePlan> DeparturePlan::make(const control::MigrateRequest& wish,
                                          bool encrypted) {
  CAUSEWAY_TRY(check_migrate_wish(wish));
  CAUSEWAY_TRY(check_path_wish(wish.path(), encrypted));
  return DeparturePlan(wish, encrypted);
}

bool DeparturePlan::path_is_open() const {
  return is_open(request_.path().kind());
}

PathDecision DeparturePlan::choose_path(Duration rtt) {
  CAUSEWAY_ASSERT(path_is_open());
  PathDecision decision = causeway::choose_path({rtt, encrypted_});
  request_.mutable_path()->set_kind(decision.kind);
  rdma_would_do_ = decision.kind == "tcp";
  return decision;
}

std::optional<CongestionDecision> DeparturePlan::choose_congestion(
    std::optional<double> loss) {
  CAUSEWAY_ASSERT(!path_is_open());
  if (!goes_by("wan") || !is_open(request_.path().congestion())) return {};
  CongestionDecision decision = causeway::choose_congestion({loss});
  request_.mutable_path()->set_congestion(decision.name);
  on_trial_ = decision.name == "bbr2" && !request_.dry_run();
  return decision;
}

Status DeparturePlan::take_fabrics(const RdmaEnds& ends,
                                   const FabricNames& names) {
  if (names.empty()) return {};
  if (!may_go_by_rdma()) {
    return make_error(ErrorCode::kPeerBroken,
                      "the target wants RDMA, which nobody has asked it for");
  }
  CAUSEWAY_ASSIGN(fabrics_, causeway::take_fabrics(ends, names));
  request_.mutable_path()->set_kind("rdma");
  return {};
}

bool DeparturePlan::misses_rdma(const RdmaEnds& ends) const {
  return rdma_would_do_ && fabrics_.empty() && !ends.fabrics.empty();
}

void DeparturePlan::ask(control::ReserveRequest* request, const WanEnds& wan,
                        const RdmaEnds& rdma) const {
  request->set_streams(request_.streams());
  *request->mutable_path() = request_.path();
  if (goes_by("wan")) request->set_lanes(wan.lanes());
  if (!may_go_by_rdma()) return;
  for (const RdmaFabric& fabric : rdma.fabrics) {
    request->add_rdma_fabrics(fabric.name);
  }
}

void DeparturePlan::tell(nlohmann::json* spec, const WanEnds& wan,
                         const RdmaEnds& rdma,
                         const std::vector<std::string>& lane_peers) const {
  spec->update({{"streams", request_.streams()},
                {"bandwidth_bytes_s", request_.bandwidth_bytes_s()},
                {"codec", codec_of(request_)},
                {"dedup", dedup_of(request_)},
                {"mode", request_.mode()},
                {"max_blackout_us", request_.max_blackout_us()},
                {"proof", request_.proof()},
                {"time_limit_us", request_.time_limit_us()},
                {"dry_run", request_.dry_run() ? 1u : 0u}});
  add_path(spec, request_.path(), wan.first_port());
  // A target with one endpoint has no lanes, one with ports may have fewer.
  const auto lanes =
      std::min(wan.lanes(), static_cast<uint32_t>(lane_peers.size()));
  add_lanes(spec, wan, lanes, "", lane_peers);
  if (!fabrics_.empty()) add_rdma(spec, rdma, fabrics_, !rdma_would_do_);
}

control::MigrateRequest DeparturePlan::anew(Duration spent) const {
  control::MigrateRequest wish = request_;
  wish.mutable_path()->set_congestion("bbr");
  if (const uint64_t limit_us = request_.time_limit_us(); limit_us > 0) {
    const auto spent_us = static_cast<uint64_t>(1e6 * seconds(spent));
    wish.set_time_limit_us(limit_us - std::min(limit_us - 1, spent_us));
  }
  return wish;
}

}  // namespace causeway
