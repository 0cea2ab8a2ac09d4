#include "tools/causeway/migration_run.h"

#include "engine/policy/codec_options.h"
#include "tools/agent/guest_json.h"
#include "tools/causeway/option_values.h"

namespace causeway {

void MigrateArguments::add_options(CLI::App* app) {
  app->add_option("--mode", mode_,
                  "pre-copy: the guest runs while it is copied; "
                  "stop-and-copy: it is stopped first")
      ->check(CLI::IsMember({"pre-copy", "stop-and-copy"}))
      ->capture_default_str();
  add_duration_option(app, "--max-blackout", &max_blackout_,
                      "Stop the guest when the rest takes no longer than this")
      ->default_str("30ms");
  app->add_option("--path", path_,
                  "rdma: over a fabric that both agents trust, unencrypted; "
                  "tcp: inside a site; wan: QUIC, between sites; auto: by the "
                  "fabrics and the round trip between the agents")
      ->check(CLI::IsMember({"auto", "rdma", "tcp", "wan"}))
      ->capture_default_str();
  app->add_option(
         "--congestion", congestion_,
         "Congestion control of the wan path; auto: bbr2, or bbr where "
         "the last hour's moves or probes lost more than 2 %, or this one's "
         "first seconds do")
      ->check(CLI::IsMember({"auto", "bbr2", "bbr", "cubic"}))
      ->capture_default_str();
  app->add_option("--fec", fec_,
                  "Repair against loss while the guest stands still, of the "
                  "wan path: auto: as the measured loss has it; off")
      ->check(CLI::IsMember({"auto", "off"}))
      ->capture_default_str();
  app->add_option("--datagram-bytes", datagram_bytes_,
                  "UDP payload of the wan path's packets, where the whole way "
                  "has a larger MTU than 1500: 8972 for one of 9000 (default: "
                  "found out, up to 1452)");
  app->add_option("--streams", streams_,
                  "Streams, and a worker at each end for each")
      ->capture_default_str();
  add_rate_option(app, "--bandwidth", &bandwidth_bytes_s_,
                  "Use at most this (default: all there is)");
  app->add_option("--codec", codec_,
                  "auto: as link and processors have it; none; deflate:LEVEL, "
                  "0 to 3")
      ->check([](const std::string& text) {
        const auto codec = parse_codec(text);
        return codec ? std::string() : codec.error().message;
      })
      ->capture_default_str();
  app->add_option("--dedup", dedup_,
                  "Ask the target for blocks by their names before sending "
                  "them: auto: if it has a content index and a sample says "
                  "that it pays; needs a codec")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  app->add_option("--proof", proof_,
                  "landed: every block's digest before the guest runs there; "
                  "frozen: and afterwards all of the frozen source; strict: "
                  "all of it before")
      ->check(CLI::IsMember({"landed", "frozen", "strict"}))
      ->capture_default_str();
}

void MigrateArguments::add_run_options(CLI::App* app) {
  add_duration_option(app, "--time-limit", &time_limit_,
                      "Call it off when it is not committed by then (default: "
                      "no limit)");
  app->add_flag("--dry-run", dry_run_,
                "All checks and a second of copying, then an estimate; nothing "
                "moves");
}

control::MigrateRequest MigrateArguments::request(const std::string& guest,
                                                  const std::string& to) const {
  control::MigrateRequest request;
  request.set_guest(guest);
  request.set_to(to);
  request.set_mode(mode_);
  request.set_max_blackout_us(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(max_blackout_)
          .count()));
  request.set_streams(streams_);
  request.mutable_path()->set_kind(path_);
  request.mutable_path()->set_congestion(congestion_);
  request.mutable_path()->set_fec(fec_);
  request.mutable_path()->set_datagram_bytes(datagram_bytes_);
  request.set_bandwidth_bytes_s(bandwidth_bytes_s_);
  request.set_codec(codec_);
  request.set_dedup(dedup_);
  request.set_proof(proof_);
  request.set_time_limit_us(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time_limit_)
          .count()));
  request.set_dry_run(dry_run_);
  return request;
}

Result<nlohmann::json> MigrationRun::run(
    const control::MigrateRequest& request) {
  {
    const std::lock_guard lock(mutex_);
    if (cancelled_) {
      return make_error(ErrorCode::kCancelled,
                        "cancelled before the migration began");
    }
  }
  Status status = source_->migrate(
      request, [this](const control::MigrationEvent& event) { take(event); });
  if (!status) return std::move(status).error();
  if (report_.empty()) {
    return make_error(ErrorCode::kPeerBroken,
                      "the agent ended the migration without a report");
  }
  return std::move(report_);
}

void MigrationRun::take(const control::MigrationEvent& event) {
  if (!event.started().empty()) {
    bool cancelled = false;
    {
      const std::lock_guard lock(mutex_);
      id_ = event.started();
      cancelled = cancelled_;
    }
    if (cancelled) (void)source_->cancel(event.started()).has_value();
  }
  if (!event.report_json().empty()) {
    report_ = parse_object(event.report_json());
  }
  view_->show(event);
}

void MigrationRun::cancel() {
  std::string id;
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    id = id_;
  }
  // Refused when it has just ended: then there is nothing to cancel.
  if (!id.empty()) (void)source_->cancel(id).has_value();
}

}  // namespace causeway
