// SymbolLine: a sender and a receiver of symbols, and between them a line with
// loss, reordering and duplicates, in virtual time: a step is a symbol's.
#pragma once

#include <map>
#include <random>
#include <vector>

#include "dpdk-wan/fec/group_receiver.h"
#include "dpdk-wan/fec/group_sender.h"

namespace causeway {

// Streams as vectors, with a window behind what is whole.
class VectorPlaces final : public SymbolPlaces {
 public:
  explicit VectorPlaces(size_t streams, size_t window)
      : streams_(streams), window_(window) {}

  bool has(uint16_t stream) const override { return stream < streams_.size(); }
  uint64_t end(uint16_t stream) const override { return streams_[stream].end; }
  uint64_t limit(uint16_t stream) const override {
    return end(stream) + window_;
  }
  void place(uint16_t stream, uint64_t position,
             std::span<const std::byte> bytes) override;
  void fetch(uint16_t stream, uint64_t position,
             std::span<std::byte> into) const override;
  void extend(uint16_t stream, uint64_t end) override;

  // What is whole.
  std::vector<std::byte> whole(uint16_t stream) const;
  // Bytes that came another way.
  void append(uint16_t stream, std::span<const std::byte> bytes);

 private:
  struct Stream {
    std::vector<std::byte> bytes;
    uint64_t end = 0;
  };
  std::vector<Stream> streams_;
  size_t window_;
};

struct LineTrouble {
  double loss = 0;
  double reorder = 0;  // share that comes up to 20 steps late
  double duplicate = 0;
  double forgotten = 0;  // share of losses of which nobody tells
};

class SymbolLine {
 public:
  SymbolLine(uint64_t seed, const LineTrouble& trouble, size_t streams)
      : places(streams, 4u << 20),
        sender(std::make_unique<GroupSender>()),
        receiver(std::make_unique<GroupReceiver>(places)),
        sent(streams),
        dice_(seed),
        trouble_(trouble) {}

  // Cuts, sends and answers until all of `sent` has landed; the steps it took,
  // or -1 when it never did.
  int carry(size_t symbol_bytes, size_t sources, size_t repairs);

  VectorPlaces places;
  std::unique_ptr<GroupSender> sender;
  std::unique_ptr<GroupReceiver> receiver;
  std::vector<std::vector<std::byte>> sent;
  Status broken;

 private:
  struct OnItsWay {
    std::vector<std::byte> symbol;
    GroupSender::Id id = 0;
    bool again = false;  // over the stream: certain
  };
  bool all_landed() const;
  void cut(size_t symbol_bytes, size_t sources, size_t repairs);
  void send();
  void resend();
  void arrive();
  void answer();
  bool chance(double of) {
    return std::uniform_real_distribution<double>(0, 1)(dice_) < of;
  }

  std::mt19937_64 dice_;
  LineTrouble trouble_;
  std::vector<uint64_t> cut_ = std::vector<uint64_t>(256);
  uint16_t turn_ = 0;
  int now_ = 0;
  std::multimap<int, OnItsWay> arrives_;
  std::multimap<int, std::pair<GroupSender::Id, bool>> answers_;  // acked
  std::multimap<int, GroupSender::Id> landings_;
};

}  // namespace causeway
