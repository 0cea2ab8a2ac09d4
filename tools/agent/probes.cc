#include "tools/agent/probes.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/runtime/clock.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/limits.h"
#include "tools/agent/path_wish.h"
#include "tools/agent/rendezvous.h"

namespace causeway {
namespace {

Status check_time(uint64_t duration_us) {
  const std::chrono::microseconds duration(duration_us);
  if (duration >= kProbeTimeMin && duration <= kProbeTimeMax) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "a probe lasts {} to {} s for each path",
                    seconds(kProbeTimeMin), seconds(kProbeTimeMax));
}

nlohmann::json common_spec(const char* role, const std::string& token,
                           uint64_t duration_us, const std::string& path) {
  return {{"role", role},
          {"token", token},
          {"streams", path == "rdma" ? 1 : kProbeStreams},
          {"duration_us", duration_us},
          {"bytes", kProbeBytesMax}};
}

control::PathWish wish_of(const std::string& path) {
  control::PathWish wish;
  wish.set_kind(path);
  return wish;
}

control::RdmaProbe rdma_probe_of(const nlohmann::json& report) {
  control::RdmaProbe probe;
  probe.set_fabric(text_member(report, "fabric"));
  probe.set_read_us(number_member(report, "read_us"));
  probe.set_read_us_least(number_member(report, "read_us_least"));
  probe.set_write_us(number_member(report, "write_us"));
  probe.set_write_us_least(number_member(report, "write_us_least"));
  probe.set_registration_bytes_s(number_member(report, "registration_bytes_s"));
  probe.set_port_bits_s(number_member(report, "port_bits_s"));
  probe.set_mtu_bytes(static_cast<uint32_t>(count_member(report, "mtu_bytes")));
  probe.set_mtu_bytes_max(
      static_cast<uint32_t>(count_member(report, "mtu_bytes_max")));
  probe.set_thread_share(number_member(report, "thread_share"));
  probe.set_host_share(number_member(report, "host_share"));
  probe.set_limit(text_member(report, "limit"));
  probe.set_why(text_member(report, "why"));
  return probe;
}

control::PathProbe trouble(const std::string& path, const Error& error) {
  control::PathProbe probe;
  probe.set_path(path);
  probe.set_trouble(error.message);
  return probe;
}

// What holds for every path between the two; a fabric may be away alone.
bool is_of_the_host(const std::string& path, const Error& error) {
  if (path == "rdma") return error.code == ErrorCode::kCancelled;
  return error.code == ErrorCode::kPermission ||
         error.code == ErrorCode::kUnreachable ||
         error.code == ErrorCode::kCancelled;
}

}  // namespace

Status Probes::probe(const control::ProbeRequest& request,
                     const ProbeSink& sink) {
  CAUSEWAY_TRY(check_time(request.duration_us()));
  const std::unique_lock lock(probing_, std::try_to_lock);
  if (!lock || stopping_) {
    return make_error(ErrorCode::kInvalidArgument,
                      "host {} is probing a path already; two at once would "
                      "measure each other",
                      host_->name);
  }
  CAUSEWAY_ASSIGN(const auto target,
                  AgentClient::create(request.to(), host_->tls));
  std::vector<std::string> paths(request.paths().begin(),
                                 request.paths().end());
  if (paths.empty()) {
    paths = {"tcp", "wan"};
    if (!host_->rdma.fabrics.empty()) paths.push_back("rdma");
  }
  for (const std::string& path : paths) {
    auto result = measure(*target, request, path, sink);
    if (!result && is_of_the_host(path, result.error())) {
      return std::move(result).error();
    }
    const control::PathProbe probe =
        result ? *result : trouble(path, result.error());
    if (!sink(&probe)) return {};
  }
  return {};
}

Result<control::PathProbe> Probes::measure(AgentClient& target,
                                           const control::ProbeRequest& request,
                                           const std::string& path,
                                           const ProbeSink& sink) {
  if (path != "tcp" && path != "wan" && path != "rdma") {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no path to probe; there are tcp, wan and rdma",
                      path);
  }
  const control::PathWish wish = wish_of(path);
  CAUSEWAY_TRY(check_path_wish(wish, host_->tls.has_value()));
  CAUSEWAY_ASSIGN(const auto mover, MoverProcess::start(host_->program_folder));
  control::AnswerProbeRequest question;
  CAUSEWAY_ASSIGN(const std::string token, random_hex(16));
  question.set_token(token);
  question.set_path(path);
  question.set_duration_us(request.duration_us());
  if (path == "rdma") {
    for (const RdmaFabric& fabric : host_->rdma.fabrics) {
      question.add_rdma_fabrics(fabric.name);
    }
  }
  CAUSEWAY_ASSIGN(const auto answered, target.answer_probe(question));
  CAUSEWAY_ASSIGN(
      const std::string peer,
      reachable_mover(answered.reply.mover_address(), request.to()));
  nlohmann::json spec =
      common_spec("probe-source", token, request.duration_us(), path);
  spec["peer"] = peer;
  add_tls(&spec, host_->tls, answered.agent_name);
  add_path(&spec, wish, host_->wan.first_port());
  if (path == "rdma") {
    FabricNames chosen;
    *chosen.Add() = answered.reply.rdma_fabric();
    CAUSEWAY_ASSIGN(const auto fabrics, take_fabrics(host_->rdma, chosen));
    add_rdma(&spec, host_->rdma, fabrics, /*required=*/true);
  }
  CAUSEWAY_TRY(mover->give_spec(spec));
  LossMemory::Measurement line;
  auto result = follow(*mover, sink, &line);
  if (result && path == "wan") {
    host_->losses.remember(request.to(), line, monotonic_now());
  }
  mover->finish(result ? kMoverCancelTimeout : kDiscardPatience);
  return result;
}

Result<control::PathProbe> Probes::follow(MoverProcess& mover,
                                          const ProbeSink& sink,
                                          LossMemory::Measurement* line) {
  for (;;) {
    CAUSEWAY_ASSIGN(const MoverEvent event, mover.next(kProbeLookPeriod));
    if (event.kind == MoverEvent::Kind::kFailed) {
      return failure_of(event.body).error;
    }
    if (event.kind == MoverEvent::Kind::kDone) {
      const auto report = event.body.value("report", nlohmann::json::object());
      control::PathProbe probe;
      probe.set_path(text_member(report, "path"));
      probe.set_rtt_ms(number_member(report, "rtt_ms"));
      probe.set_bytes_s(number_member(report, "bytes_s"));
      probe.set_loss(number_member(report, "loss"));
      probe.set_bytes(count_member(report, "bytes"));
      probe.set_seconds(number_member(report, "seconds"));
      if (const auto rdma = report.find("rdma"); rdma != report.end()) {
        *probe.mutable_rdma() = rdma_probe_of(*rdma);
      }
      *line = {probe.loss(), count_member(report, "packets")};
      return probe;
    }
    if (stopping_ || !sink(nullptr)) {
      return make_error(ErrorCode::kCancelled, "the probe was called off");
    }
  }
}

Result<control::AnswerProbeReply> Probes::answer(
    const std::string& peer, const control::AnswerProbeRequest& request) {
  CAUSEWAY_TRY(check_time(request.duration_us()));
  const control::PathWish wish = wish_of(request.path());
  CAUSEWAY_TRY(check_path_wish(wish, host_->tls.has_value()));
  std::vector<RdmaFabric> fabrics;
  if (request.path() == "rdma") {
    CAUSEWAY_ASSIGN(fabrics, choose_fabrics(host_->rdma, request.rdma_fabrics(),
                                            /*required=*/true));
    fabrics.resize(1);  // one connection
  }
  const std::lock_guard lock(mutex_);
  reap();
  if (stopping_ || answering_.size() >= kProbesAnsweredMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "host {} answers {} probes already", host_->name,
                      answering_.size());
  }
  CAUSEWAY_ASSIGN(auto mover, MoverProcess::start(host_->program_folder));
  nlohmann::json spec = common_spec("probe-target", request.token(),
                                    request.duration_us(), request.path());
  spec["listen"] = host_->mover_listen;
  add_tls(&spec, host_->tls, peer);
  add_path(&spec, wish, host_->wan.first_port());
  if (!fabrics.empty()) add_rdma(&spec, host_->rdma, fabrics, true);
  CAUSEWAY_TRY(mover->give_spec(spec));
  CAUSEWAY_ASSIGN(const MoverEvent event, mover->next(kMoverListenTimeout));
  if (event.kind == MoverEvent::Kind::kFailed) {
    return failure_of(event.body).error;
  }
  if (event.kind != MoverEvent::Kind::kListening) {
    return make_error(ErrorCode::kTimeout,
                      "the probe's mover did not begin to listen");
  }
  Answering& answering = answering_.emplace_back();
  answering.mover = std::move(mover);
  answering.thread = std::thread([&answering] {
    // It ends by itself; what it says last matters to nobody here.
    (void)answering.mover->next(kProbeAnswerMax).has_value();
    answering.mover->finish(kDiscardPatience);
    answering.ended = true;
  });
  control::AnswerProbeReply reply;
  reply.set_mover_address(text_member(event.body, "address"));
  if (!fabrics.empty()) reply.set_rdma_fabric(fabrics.front().name);
  return reply;
}

void Probes::reap() {
  answering_.remove_if([](Answering& each) {
    if (!each.ended) return false;
    each.thread.join();
    return true;
  });
}

void Probes::stop() {
  stopping_ = true;
  const std::lock_guard lock(mutex_);
  for (Answering& each : answering_) each.mover->wake();
  for (Answering& each : answering_) each.thread.join();
  answering_.clear();
}

}  // namespace causeway
