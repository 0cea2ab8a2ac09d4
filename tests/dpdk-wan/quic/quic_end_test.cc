#include "dpdk-wan/quic/quic_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway {
namespace {

using testing::HasSubstr;

constexpr Duration kSilence = std::chrono::seconds(20);
constexpr uint8_t kBadCertificate = 42;  // RFC 8446, 6

Error error_of(int status, uint64_t peer_code = NGTCP2_NO_ERROR) {
  return quic_end_error(status, peer_code, kSilence);
}

TEST(QuicEnd, WhatThePeerSaidIsTheReason) {
  EXPECT_EQ(error_of(NGTCP2_ERR_DRAINING).code, ErrorCode::kCancelled);
  EXPECT_EQ(error_of(NGTCP2_ERR_CLOSING, 1).code, ErrorCode::kConnectionLost);
  const Error refused = error_of(NGTCP2_ERR_DRAINING, 0x100 + kBadCertificate);
  EXPECT_EQ(refused.code, ErrorCode::kPermission);
  EXPECT_THAT(refused.message, HasSubstr("ertificate is bad"));
  EXPECT_THAT(error_of(NGTCP2_ERR_DRAINING, 0x1ff).message,
              HasSubstr("no reason given"));
  EXPECT_EQ(error_of(NGTCP2_ERR_DRAINING, 0x200).code,
            ErrorCode::kConnectionLost);
}

TEST(QuicEnd, SilenceAndASlowHandshakeAreTold) {
  EXPECT_EQ(error_of(NGTCP2_ERR_IDLE_CLOSE).code, ErrorCode::kConnectionLost);
  EXPECT_THAT(error_of(NGTCP2_ERR_IDLE_CLOSE).message, HasSubstr("20 s"));
  EXPECT_EQ(error_of(NGTCP2_ERR_HANDSHAKE_TIMEOUT).code, ErrorCode::kTimeout);
  EXPECT_EQ(error_of(NGTCP2_ERR_PROTO).code, ErrorCode::kConnectionLost);
}

TEST(QuicEnd, WhoKnowsOrIsGoneIsToldNothing) {
  for (const int status :
       {NGTCP2_ERR_DRAINING, NGTCP2_ERR_IDLE_CLOSE,
        NGTCP2_ERR_HANDSHAKE_TIMEOUT, NGTCP2_ERR_DROP_CONN}) {
    EXPECT_FALSE(quic_close_reason(status, 0, false)) << status;
  }
}

TEST(QuicEnd, TheReasonSaysWhoseFaultItIs) {
  const auto code_of = [](int status, uint8_t alert, bool orderly) {
    return quic_close_reason(status, alert, orderly).value().error_code;
  };
  EXPECT_EQ(code_of(0, 0, true), uint64_t{NGTCP2_NO_ERROR});
  EXPECT_EQ(code_of(0, 0, false), 1u);
  EXPECT_EQ(code_of(NGTCP2_ERR_CRYPTO, kBadCertificate, false),
            0x100u + kBadCertificate);
  EXPECT_NE(code_of(NGTCP2_ERR_PROTO, 0, false), uint64_t{NGTCP2_NO_ERROR});
}

// What one end says is what the other end understands.
TEST(QuicEnd, AGivenUpConnectionIsOneForThePeerToo) {
  const auto heard = [](bool orderly) {
    const auto reason = quic_close_reason(0, 0, orderly).value();
    return error_of(NGTCP2_ERR_DRAINING, reason.error_code).code;
  };
  EXPECT_EQ(heard(true), ErrorCode::kCancelled);
  EXPECT_EQ(heard(false), ErrorCode::kConnectionLost);
}

}  // namespace
}  // namespace causeway
