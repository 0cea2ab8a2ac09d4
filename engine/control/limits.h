// Limits of the agents' conversation, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"

namespace causeway {

// The features of a guest and its configuration fit, a state blob does not:
// that goes between movers, never through an agent.
inline constexpr int kControlReceiveBytesMax = 4 << 20;
static_assert(kControlReceiveBytesMax > 2 * int{kFeaturesBytesMax});

// A name that does not resolve or a host that drops packets: the operator
// should not wait longer for the sentence.
inline constexpr int kConnectTimeoutMs = 5000;

// A silent peer (power, cable) is found after at most the sum of these two.
inline constexpr int kKeepaliveTimeMs = 10000;
inline constexpr int kKeepaliveTimeoutMs = 5000;

// A connection that has not finished its TLS handshake: strangers must not
// hold it for gRPC's own two minutes.
inline constexpr int kHandshakeTimeoutMs = 5000;

// How soon a renewed certificate holds for callers. It is the agent's only
// wake-up while nothing happens (three small files are read), so not often.
inline constexpr unsigned kCertificateRefreshS = 10;

// Calls that only look.
inline constexpr int kQueryTimeoutMs = 10000;

// Starting or stopping a guest: the kernel needs about 0.3 s a GiB to free
// or clear memory; 64 GiB and a slow disk fit.
inline constexpr int kGuestCallTimeoutMs = 60000;

// A guest verifies itself at about 1 GB/s a vCPU, its disk slower: 15 minutes
// for what a lab guest can be.
inline constexpr int kCheckTimeoutMs = 15 * 60000;

// HOST:PORT or a certificate's name: a DNS name has at most 253 characters.
inline constexpr size_t kAddressBytesMax = 300;

// Why a migration was called off, as the journal keeps it.
inline constexpr size_t kWhyBytesMax = 4096;

// The journal is written by the agent and its movers, a transaction at a time,
// the longest a sync of the disk.
inline constexpr int kJournalBusyTimeoutMs = 5000;

static_assert(kQueryTimeoutMs > kConnectTimeoutMs);

}  // namespace causeway
