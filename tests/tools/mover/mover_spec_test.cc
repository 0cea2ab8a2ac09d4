// The spec's members about the path: "tls" is whole, or not there at all.
#include "tools/mover/mover_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "rdma/limits.h"

namespace causeway {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class MoverSpecTlsTest : public testing::Test {
 protected:
  json spec_ = {{"role", "target"},
                {"migration", "0123456789abcdef"},
                {"guest", "g"},
                {"shim_socket", "/s"},
                {"journal", "/j"},
                {"listen", "127.0.0.1:0"},
                {"token", std::string(32, '0')},
                {"streams", 2}};
  json tls_ = {{"ca", "/ca.crt"},
               {"certificate", "/host.crt"},
               {"key", "/host.key"},
               {"peer", "a"}};
};

TEST_F(MoverSpecTlsTest, WithoutItStreamsAreInTheClear) {
  const auto spec = parse_mover_spec(spec_.dump());
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_FALSE(spec->tls);
}

TEST_F(MoverSpecTlsTest, SaysWhoTheOtherEndIs) {
  spec_["tls"] = tls_;
  const auto spec = parse_mover_spec(spec_.dump());
  ASSERT_TRUE(spec) << spec.error().message;
  ASSERT_TRUE(spec->tls);
  EXPECT_EQ(spec->tls->files.ca, "/ca.crt");
  EXPECT_EQ(spec->tls->files.certificate, "/host.crt");
  EXPECT_EQ(spec->tls->files.key, "/host.key");
  EXPECT_EQ(spec->tls->peer_name, "a");
}

TEST_F(MoverSpecTlsTest, HalfOfItIsRefused) {
  for (const char* member : {"ca", "certificate", "key", "peer"}) {
    json half = tls_;
    half.erase(member);
    spec_["tls"] = half;
    const auto spec = parse_mover_spec(spec_.dump());
    ASSERT_FALSE(spec) << member;
    EXPECT_THAT(spec.error().message, HasSubstr(member));
  }
  for (const json& other : {json(true), json(nullptr), json("tls")}) {
    spec_["tls"] = other;
    EXPECT_FALSE(parse_mover_spec(spec_.dump())) << other;
  }
  tls_["peer"] = "";
  spec_["tls"] = tls_;
  EXPECT_FALSE(parse_mover_spec(spec_.dump())) << "any certificate would do";
}

TEST(MoverSpec, ACodecIsOneOfThoseThereAre) {
  json spec = {{"role", "source"},
               {"migration", "0123456789abcdef"},
               {"guest", "g"},
               {"shim_socket", "/s"},
               {"journal", "/j"},
               {"peer", "127.0.0.1:1"},
               {"token", std::string(32, '0')},
               {"streams", 2},
               {"bandwidth_bytes_s", 0},
               {"mode", "pre-copy"},
               {"max_blackout_us", 30000},
               {"proof", "landed"}};
  auto parsed = parse_mover_spec(spec.dump());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->codec.mode, CodecOptions::Mode::kAuto);
  spec["codec"] = "deflate:3";
  parsed = parse_mover_spec(spec.dump());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->codec.level, 3);
  spec["codec"] = "gzip";
  parsed = parse_mover_spec(spec.dump());
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("gzip"));
}

TEST(MoverSpec, AProofNeedsTheGuestAndItsRoots) {
  json spec = {{"role", "proof"},
               {"migration", "m"},
               {"guest", "g"},
               {"shim_socket", "/shim.sock"},
               {"image", "00000000000000070000000000000008"}};
  const auto parsed = parse_mover_spec(spec.dump());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->role, MoverRole::kProof);
  EXPECT_EQ(parsed->image, (ImageRoots{7, {8}}));
  spec["image"] = "7";
  EXPECT_THAT(parse_mover_spec(spec.dump()).error().message,
              HasSubstr("image"));
}

class MoverSpecPathTest : public MoverSpecTlsTest {
 protected:
  MoverSpecPathTest() {
    spec_["tls"] = tls_;
    spec_["path"] = "wan";
  }
  std::string refusal() {
    const auto spec = parse_mover_spec(spec_.dump());
    return spec ? "" : spec.error().message;
  }
};

TEST_F(MoverSpecPathTest, WithoutAWordItIsTcp) {
  spec_.erase("path");
  EXPECT_EQ(parse_mover_spec(spec_.dump()).value().path, PathKind::kTcp);
}

TEST_F(MoverSpecPathTest, SaysHowTheWanPathShallBe) {
  spec_["congestion"] = "cubic";
  spec_["fec"] = "off";
  spec_["datagram_bytes"] = 8972;
  const auto spec = parse_mover_spec(spec_.dump());
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->path, PathKind::kWan);
  EXPECT_EQ(spec->congestion, CongestionControl::kCubic);
  EXPECT_FALSE(spec->fec);
  EXPECT_EQ(spec->datagram_bytes, 8972u);
}

TEST_F(MoverSpecPathTest, MayNameAPort) {
  spec_["port"] = {{"device", "0000:03:00.0"},
                   {"address", "192.0.2.5/24"},
                   {"gateway", ""},
                   {"mtu_bytes", 9000}};
  const auto spec = parse_mover_spec(spec_.dump());
  ASSERT_TRUE(spec) << spec.error().message;
  ASSERT_TRUE(spec->port);
  EXPECT_EQ(spec->port->device, "0000:03:00.0");
  EXPECT_EQ(spec->port->mtu_bytes, 9000u);
  spec_["port"].erase("address");
  EXPECT_THAT(refusal(), HasSubstr("\"address\" must be a text"));
}

TEST_F(MoverSpecPathTest, MayHaveLanes) {
  spec_["lanes"] = {{{"local", "192.0.2.5:0"}}, {{"local", "[2001:db8::5]:0"}}};
  const auto spec = parse_mover_spec(spec_.dump());
  ASSERT_TRUE(spec) << spec.error().message;
  ASSERT_EQ(spec->lanes.size(), 2u);
  EXPECT_EQ(spec->lanes[1].local, "[2001:db8::5]:0");
  EXPECT_EQ(spec->lanes[1].peer, "");

  spec_["lanes"] = {{{"port",
                      {{"device", "net_af_packet0,iface=eth1"},
                       {"address", "192.0.2.5/24"},
                       {"gateway", ""},
                       {"mtu_bytes", 1500}}}}};
  const auto ported = parse_mover_spec(spec_.dump());
  ASSERT_TRUE(ported) << ported.error().message;
  ASSERT_TRUE(ported->lanes[0].port);
  EXPECT_EQ(ported->lanes[0].port->address, "192.0.2.5/24");

  spec_["lanes"] = json::array();
  EXPECT_THAT(refusal(), HasSubstr("\"lanes\" must be 1 to 4 objects"));
  spec_["lanes"] = std::vector<json>(5, {{"local", "192.0.2.5:0"}});
  EXPECT_THAT(refusal(), HasSubstr("\"lanes\" must be 1 to 4 objects"));
  spec_["lanes"] = {{{"peer", "192.0.2.5:0"}}};
  EXPECT_THAT(refusal(), HasSubstr("\"local\" must be a text"));
  spec_["lanes"] = {{{"local", "192.0.2.5:0"}}};
  spec_["port"] = {{"device", "0000:03:00.0"},
                   {"address", "192.0.2.5/24"},
                   {"gateway", ""},
                   {"mtu_bytes", 9000}};
  EXPECT_THAT(refusal(), HasSubstr("each lane says its own"));
}

TEST_F(MoverSpecPathTest, WhatIsWrongIsNamed) {
  spec_["datagram_bytes"] = 900;
  EXPECT_THAT(refusal(), HasSubstr("\"datagram_bytes\" must be 1200 to 8972"));
  spec_.erase("datagram_bytes");
  spec_["congestion"] = "reno";
  EXPECT_THAT(refusal(), HasSubstr("\"congestion\" must be bbr2"));
  spec_.erase("congestion");
  spec_["fec"] = "on";
  EXPECT_THAT(refusal(), HasSubstr("\"fec\" must be auto or off"));
  spec_.erase("fec");
  spec_.erase("tls");
  EXPECT_THAT(refusal(), HasSubstr("QUIC is never in the clear"));
  spec_["path"] = "pigeon";
  EXPECT_THAT(refusal(), HasSubstr("\"path\" must be rdma, tcp or wan"));
}

class MoverSpecProbeTest : public ::testing::Test {
 protected:
  json spec_ = {
      {"role", "probe-source"}, {"token", "000102030405060708090a0b0c0d0e0f"},
      {"streams", 2},           {"duration_us", 5'000'000},
      {"bytes", 1u << 30},      {"peer", "10.0.0.2:7000"}};
  std::string refusal() {
    const auto spec = parse_mover_spec(spec_.dump());
    return spec ? "" : spec.error().message;
  }
};

TEST_F(MoverSpecProbeTest, NeedsNoGuest) {
  const auto source = parse_mover_spec(spec_.dump());
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->role, MoverRole::kProbeSource);
  EXPECT_EQ(source->peer, "10.0.0.2:7000");
  EXPECT_EQ(source->probe_time, std::chrono::seconds(5));
  EXPECT_EQ(source->probe_bytes, 1u << 30);
  spec_["role"] = "probe-target";
  EXPECT_THAT(refusal(), HasSubstr("\"listen\" must be a text"));
  spec_["listen"] = "10.0.0.2:0";
  EXPECT_EQ(parse_mover_spec(spec_.dump()).value().role,
            MoverRole::kProbeTarget);
}

TEST_F(MoverSpecProbeTest, HasAnEnd) {
  spec_["duration_us"] = 0;
  EXPECT_THAT(refusal(), HasSubstr("\"duration_us\" must be 1 to"));
  spec_["duration_us"] = 1'000'000'000'000;
  EXPECT_THAT(refusal(), HasSubstr("\"duration_us\" must be 1 to"));
  spec_["duration_us"] = 1;
  spec_.erase("bytes");
  EXPECT_THAT(refusal(), HasSubstr("\"bytes\" must be"));
}

TEST_F(MoverSpecPathTest, AnRdmaPathSaysItsDeviceAndItsLimit) {
  spec_["path"] = "rdma";
  EXPECT_THAT(refusal(), HasSubstr("\"rdma\" must be an object"));
  const json lab = {{"device_address", "10.99.0.1:0"}, {"fabric", "lab"}};
  spec_["rdma"] = {{"devices", json::array({lab, lab})},
                   {"pinned_bytes_max", 64u << 20},
                   {"required", 1}};
  const auto spec = parse_mover_spec(spec_.dump());
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->path, PathKind::kRdma);
  ASSERT_EQ(spec->rdma->devices.size(), 2u);
  EXPECT_EQ(spec->rdma->devices[0].address, "10.99.0.1:0");
  EXPECT_EQ(spec->rdma->devices[0].fabric, "lab");
  EXPECT_EQ(spec->rdma->pinned_bytes_max, 64u << 20);
  EXPECT_TRUE(spec->rdma->required);
  spec_["rdma"]["pinned_bytes_max"] = 4096;
  EXPECT_THAT(refusal(), HasSubstr("pinned_bytes_max"));
  for (const json& wrong : {json(), json::array(), json::array({1}),
                            json(std::vector<json>(kRdmaPortsMax + 1, lab))}) {
    spec_["rdma"]["devices"] = wrong;
    EXPECT_THAT(refusal(), HasSubstr("devices"));
  }
}

}  // namespace
}  // namespace causeway
