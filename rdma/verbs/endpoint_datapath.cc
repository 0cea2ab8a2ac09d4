#include <algorithm>
#include <array>

#include "engine/base/assert.h"
#include "rdma/verbs/endpoint.h"

namespace causeway {
namespace {

// A work request's name: what it was, and its buffer or tag.
constexpr uint64_t kSentBit = uint64_t{1} << 32;
constexpr uint64_t kReadBit = uint64_t{1} << 33;

RdmaCompletion::Kind kind_of(uint64_t request) {
  if ((request & kReadBit) != 0) return RdmaCompletion::Kind::kRead;
  return (request & kSentBit) != 0 ? RdmaCompletion::Kind::kSent
                                   : RdmaCompletion::Kind::kReceived;
}

}  // namespace

Status RdmaEndpoint::post(std::span<const RdmaWrite> writes, uint32_t buffer,
                          uint32_t bytes) {
  CAUSEWAY_ASSERT(writes.size() < requests_.size());
  CAUSEWAY_ASSERT(buffer < depths_.messages && bytes <= kRdmaMessageBytes);
  size_t count = 0;
  for (const RdmaWrite& write : writes) {
    pieces_[count] = {write.from, write.bytes, write.local_key};
    ibv_send_wr& request = requests_[count];
    request = {};
    request.opcode = IBV_WR_RDMA_WRITE;
    request.sg_list = &pieces_[count];
    request.num_sge = 1;
    request.wr.rdma.remote_addr = write.to;
    request.wr.rdma.rkey = write.remote_key;
    request.next = &requests_[++count];
  }
  pieces_[count] = {reinterpret_cast<uint64_t>(outgoing(buffer).data()), bytes,
                    buffers_key_->lkey};
  ibv_send_wr& message = requests_[count];
  message = {};
  message.wr_id = kSentBit | buffer;
  message.opcode = IBV_WR_SEND;
  message.send_flags = IBV_SEND_SIGNALED | IBV_SEND_SOLICITED;
  message.sg_list = &pieces_[count];
  message.num_sge = 1;
  ibv_send_wr* bad = nullptr;
  const int error = ibv_post_send(id_->qp, requests_.data(), &bad);
  if (error != 0) return broken("ibv_post_send", error);
  return {};
}

Status RdmaEndpoint::read(const RdmaRead& wanted, uint32_t tag) {
  ibv_sge piece{wanted.to, wanted.bytes, wanted.local_key};
  ibv_send_wr request{};
  request.wr_id = kReadBit | tag;
  request.opcode = IBV_WR_RDMA_READ;
  request.send_flags = IBV_SEND_SIGNALED;
  request.sg_list = &piece;
  request.num_sge = 1;
  request.wr.rdma.remote_addr = wanted.from;
  request.wr.rdma.rkey = wanted.remote_key;
  ibv_send_wr* bad = nullptr;
  const int error = ibv_post_send(id_->qp, &request, &bad);
  if (error != 0) return broken("ibv_post_send", error);
  return {};
}

Status RdmaEndpoint::take_again(uint32_t buffer) {
  CAUSEWAY_ASSERT(buffer < depths_.messages);
  ibv_sge piece{reinterpret_cast<uint64_t>(buffer_at(buffer)),
                kRdmaMessageBytes, buffers_key_->lkey};
  ibv_recv_wr request{};
  request.wr_id = buffer;
  request.sg_list = &piece;
  request.num_sge = 1;
  ibv_recv_wr* bad = nullptr;
  const int error = ibv_post_recv(id_->qp, &request, &bad);
  if (error != 0) return broken("ibv_post_recv", error);
  return {};
}

Result<size_t> RdmaEndpoint::poll_queue(std::span<RdmaCompletion> out) {
  constexpr size_t kBurst = 16;
  std::array<ibv_wc, kBurst> done;
  const int wanted = static_cast<int>(std::min(out.size(), kBurst));
  const int found = ibv_poll_cq(queue_.get(), wanted, done.data());
  if (found < 0) {
    return make_error(ErrorCode::kConnectionLost,
                      "the completion queue of {} has broken", peer_);
  }
  for (int i = 0; i < found; ++i) {
    const ibv_wc& one = done[static_cast<size_t>(i)];
    if (one.status != IBV_WC_SUCCESS) {
      return make_error(ErrorCode::kConnectionLost,
                        "the RDMA connection to {} broke: {}", peer_,
                        ibv_wc_status_str(one.status));
    }
    const auto kind = kind_of(one.wr_id);
    const bool received = kind == RdmaCompletion::Kind::kReceived;
    // A WRITE with immediate takes a buffer too, and may be longer than it.
    if (received &&
        (one.opcode != IBV_WC_RECV || one.byte_len > kRdmaMessageBytes)) {
      return make_error(ErrorCode::kPeerBroken,
                        "{} sent {} bytes that are no message", peer_,
                        one.byte_len);
    }
    out[static_cast<size_t>(i)] = {kind, static_cast<uint32_t>(one.wr_id),
                                   received ? one.byte_len : 0};
  }
  return static_cast<size_t>(found);
}

}  // namespace causeway
