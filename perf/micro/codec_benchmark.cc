// Encoding and decoding whole frames, a class of content and a level at a time,
// beside zstd and lz4 of the same blocks, 64 at once. bytes_per_second is of
// guest bytes; ratio is guest bytes by frame bytes.
//
// heap   this process's own, filled with objects as programs have them
// code   machine code: the largest shared libraries of the system
// text   what the lab guests call text: words of a dictionary and names
// random
// half   text whose half has changed since it was sent last: deltas
#include <benchmark/benchmark.h>
#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/assert.h"
#include "engine/codec/frame_decoder.h"
#include "engine/codec/frame_encoder.h"
#include "engine/codec/zero.h"

namespace causeway {
namespace {

using Bytes = std::vector<std::byte>;

constexpr size_t kContentBytes = 16u << 20;

// Whole blocks, none of them zero, at most kContentBytes.
Bytes without_zeros(std::span<const std::byte> from) {
  Bytes to;
  for (size_t at = 0; at + kBlockBytes <= from.size(); at += kBlockBytes) {
    if (is_zero_block(&from[at])) continue;
    to.insert(to.end(), &from[at], &from[at] + kBlockBytes);
    if (to.size() == kContentBytes) break;
  }
  return to;
}

Bytes random_content() {
  std::mt19937_64 random(1);
  Bytes bytes(kContentBytes);
  for (size_t at = 0; at < bytes.size(); at += 8) {
    const uint64_t word = random();
    std::memcpy(&bytes[at], &word, 8);
  }
  return bytes;
}

Bytes text_content() {
  constexpr std::string_view kWords =
      "migrate memory  bandwidtlatency cluster node    the     of      "
      "and     to      in      is      was     for     with    that    ";
  std::mt19937_64 random(2);
  Bytes bytes(kContentBytes);
  for (size_t at = 0; at < bytes.size(); at += 8) {
    const uint64_t pick = random();
    const uint64_t name =
        (random() & 0x0f0f0f0f0f0f0f0full) | 0x6060606060606060ull;
    if (pick % 4 == 0) {
      std::memcpy(&bytes[at], &name, 8);
    } else {
      std::memcpy(&bytes[at], kWords.data() + pick / 4 % 16 * 8, 8);
    }
  }
  return bytes;
}

Bytes code_content() {
  std::vector<std::pair<uintmax_t, std::string>> libraries;
  const std::filesystem::path folder = "/usr/lib/x86_64-linux-gnu";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() &&
        entry.path().string().find(".so") != std::string::npos) {
      libraries.emplace_back(entry.file_size(), entry.path().string());
    }
  }
  std::sort(libraries.rbegin(), libraries.rend());
  Bytes all;
  for (const auto& [bytes, path] : libraries) {
    if (all.size() > 2 * kContentBytes) break;
    // The same share of each, from the middle: code rather than tables.
    std::ifstream file(path, std::ios::binary);
    const size_t take = std::min<uintmax_t>(bytes / 2, 4u << 20);
    file.seekg(static_cast<std::streamoff>(bytes / 4 / 4096 * 4096));
    const size_t at = all.size();
    all.resize(at + take / kBlockBytes * kBlockBytes);
    file.read(reinterpret_cast<char*>(&all[at]),
              static_cast<std::streamsize>(all.size() - at));
  }
  return without_zeros(all);
}

// The heap of a process that holds a map of records, read back from it.
Bytes heap_content() {
  struct Record {
    uint64_t id;
    std::string name;
    std::vector<double> values;
  };
  std::unordered_map<std::string, Record> records;
  for (uint64_t i = 0; i < 90'000; ++i) {
    const std::string name = "customer number " + std::to_string(i * 7919);
    records[name] = {i, name, {i * 0.5, i * 1.25, 1.0 / (i + 1)}};
  }
  std::ifstream maps("/proc/self/maps");
  std::ifstream memory("/proc/self/mem", std::ios::binary);
  Bytes heap;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("[heap]") == std::string::npos) continue;
    const size_t from = std::stoull(line, nullptr, 16);
    const size_t to = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
    // From its middle: the records, whatever the process did before.
    heap.resize((to - from) / 2 / kBlockBytes * kBlockBytes);
    memory.seekg(static_cast<std::streamoff>(to - heap.size()));
    memory.read(reinterpret_cast<char*>(heap.data()),
                static_cast<std::streamsize>(heap.size()));
  }
  CAUSEWAY_ASSERT(memory.good() && records.size() == 90'000);
  return without_zeros(heap);
}

const Bytes& content_of(const std::string& name) {
  static std::map<std::string, Bytes> contents = [] {
    std::map<std::string, Bytes> made;
    made["heap"] = heap_content();
    made["code"] = code_content();
    made["text"] = made["half"] = text_content();
    made["random"] = random_content();
    return made;
  }();
  return contents.at(name);
}

// The content after half of each block has changed: an eighth of it in each of
// four places, taken from elsewhere in the same content.
Bytes half_changed(const Bytes& before) {
  std::mt19937_64 random(3);
  Bytes after = before;
  for (size_t at = 0; at < after.size(); at += kBlockBytes) {
    for (size_t part = 0; part < 4; ++part) {
      const size_t from = random() % (before.size() / 8 - 64) * 8;
      std::memcpy(&after[at + part * 1024], &before[from], kBlockBytes / 8);
    }
  }
  return after;
}

class Nowhere final : public FrameTarget {
 public:
  explicit Nowhere(const Bytes& bases) : bases_(bases) {}
  const std::byte* base(uint64_t block, uint64_t) override {
    return &bases_[block * kBlockBytes];
  }
  void look_up(std::span<const ContentDigest>) override {}
  bool piece(const ContentPiece&, std::span<std::byte>) override {
    return false;
  }
  const std::byte* copy(const BlockCopy&) override { return nullptr; }
  const std::byte* content(uint64_t, const ContentDigest&) override {
    return nullptr;
  }
  Status zero(uint64_t, uint32_t) override { return {}; }
  Status place(uint64_t, std::span<const std::byte> bytes) override {
    std::memcpy(place_.data(), bytes.data(), bytes.size());
    return {};
  }
  Status missing(uint64_t, BlockMethod) override { CAUSEWAY_ASSERT(false); }

 private:
  const Bytes& bases_;
  Bytes place_ = Bytes(kFrameBytesMax);
};

// Frames over all of a content, in order; deltas against `before`.
class Frames {
 public:
  explicit Frames(const std::string& name)
      : before_(content_of(name)),
        content_(name == "half" ? half_changed(before_) : before_),
        sent_(name == "half" ? 2 * kContentBytes : 0) {
    if (name != "half") return;
    for (size_t i = 0; i < content_.size() / kBlockBytes; ++i) {
      sent_.note(0, i, 1, 1, &before_[i * kBlockBytes]);
    }
  }
  size_t bytes() const { return content_.size(); }

  // What becomes of the frame at `at`; nothing: it stays raw.
  std::optional<std::span<const std::byte>> encode(size_t at, int level) {
    const auto live = std::span<const std::byte>(content_).subspan(
        at, std::min(kFrameBytesMax, content_.size() - at));
    encoder_.take(at / kBlockBytes, live);
    FrameOrder order{0, 2, level};
    if (sent_.blocks_max() > 0) {
      // Digest 1 is found again and again: every round is the second one.
      order.sent = &sent_;
      order.digests = order.digests_before =
          std::span(digests_).first(encoder_.blocks());
      order.version = 1;
    }
    const auto bytes = encoder_.encode(order, out_);
    if (sent_.blocks_max() > 0) restore(at);
    if (!bytes) return std::nullopt;
    return std::span<const std::byte>(out_).first(*bytes);
  }
  BitRun span() const { return encoder_.span(); }
  const Bytes& before() const { return before_; }

 private:
  // encode() has noted what it sent; the next round wants the old base.
  void restore(size_t at) {
    for (uint32_t i = 0; i < encoder_.blocks(); ++i) {
      sent_.note(0, at / kBlockBytes + i, 1, 1, &before_[at + i * kBlockBytes]);
    }
  }

  const Bytes& before_;
  const Bytes content_;
  SentVersions sent_;
  FrameEncoder encoder_;
  Bytes out_ = Bytes(kFrameBytesMax);
  std::vector<uint64_t> digests_ = std::vector<uint64_t>(kFrameBlocksMax, 1);
};

void report(benchmark::State& state, size_t in, size_t out) {
  state.SetBytesProcessed(
      static_cast<int64_t>(static_cast<size_t>(state.iterations()) * in));
  state.counters["ratio"] = static_cast<double>(in) / static_cast<double>(out);
}

void Encode(benchmark::State& state, const std::string& name, int level) {
  Frames frames(name);
  size_t out = 0;
  for (auto _ : state) {
    out = 0;
    for (size_t at = 0; at < frames.bytes(); at += kFrameBytesMax) {
      const auto frame = frames.encode(at, level);
      out +=
          frame ? frame->size() : std::min(kFrameBytesMax, frames.bytes() - at);
    }
  }
  report(state, frames.bytes(), out);
}

void Decode(benchmark::State& state, const std::string& name, int level) {
  Frames frames(name);
  FrameDecoder decoder;
  Nowhere target(frames.before());
  std::vector<std::pair<BitRun, Bytes>> encoded;
  size_t in = 0;
  size_t out = 0;
  for (size_t at = 0; at < frames.bytes(); at += kFrameBytesMax) {
    if (const auto frame = frames.encode(at, level)) {
      encoded.emplace_back(frames.span(), Bytes(frame->begin(), frame->end()));
      in += std::min(kFrameBytesMax, frames.bytes() - at);
      out += frame->size();
    }
  }
  if (encoded.empty()) {
    state.SkipWithError("raw is as small: there are no frames");
    return;
  }
  for (auto _ : state) {
    for (const auto& [span, frame] : encoded) {
      const bool decoded = decoder.decode(span, frame, target).has_value();
      CAUSEWAY_ASSERT(decoded);
    }
  }
  report(state, in, out);
}

void Zstd(benchmark::State& state, const std::string& name, int level) {
  const Bytes& content = content_of(name);
  Bytes out(ZSTD_compressBound(kFrameBytesMax));
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  size_t total = 0;
  for (auto _ : state) {
    total = 0;
    for (size_t at = 0; at < content.size(); at += kFrameBytesMax) {
      total += ZSTD_compressCCtx(context, out.data(), out.size(), &content[at],
                                 std::min(kFrameBytesMax, content.size() - at),
                                 level);
    }
  }
  ZSTD_freeCCtx(context);
  report(state, content.size(), total);
}

void ZstdDecode(benchmark::State& state, const std::string& name, int level) {
  const Bytes& content = content_of(name);
  std::vector<Bytes> frames;
  size_t total = 0;
  for (size_t at = 0; at < content.size(); at += kFrameBytesMax) {
    Bytes out(ZSTD_compressBound(kFrameBytesMax));
    out.resize(ZSTD_compress(out.data(), out.size(), &content[at],
                             std::min(kFrameBytesMax, content.size() - at),
                             level));
    total += out.size();
    frames.push_back(std::move(out));
  }
  Bytes back(kFrameBytesMax);
  for (auto _ : state) {
    for (const Bytes& frame : frames) {
      benchmark::DoNotOptimize(ZSTD_decompress(back.data(), back.size(),
                                               frame.data(), frame.size()));
    }
  }
  report(state, content.size(), total);
}

void Lz4(benchmark::State& state, const std::string& name) {
  const Bytes& content = content_of(name);
  Bytes out(static_cast<size_t>(LZ4_compressBound(kFrameBytesMax)));
  size_t total = 0;
  for (auto _ : state) {
    total = 0;
    for (size_t at = 0; at < content.size(); at += kFrameBytesMax) {
      total += static_cast<size_t>(LZ4_compress_default(
          reinterpret_cast<const char*>(&content[at]),
          reinterpret_cast<char*>(out.data()),
          static_cast<int>(std::min(kFrameBytesMax, content.size() - at)),
          static_cast<int>(out.size())));
    }
  }
  report(state, content.size(), total);
}

void add(const std::string& name, auto function, auto... arguments) {
  benchmark::RegisterBenchmark(name.c_str(), function, arguments...)
      ->Unit(benchmark::kMillisecond);
}

const bool registered = [] {
  for (const std::string name : {"heap", "code", "text", "random", "half"}) {
    for (const int level : {0, 1, 3}) {
      const std::string which = name + "/deflate:" + std::to_string(level);
      add("Encode/" + which, Encode, name, level);
      if (name != "random") add("Decode/" + which, Decode, name, level);
    }
    if (name == "half") continue;  // the others know no base
    for (const int level : {1, 3}) {
      const std::string which = name + "/zstd:" + std::to_string(level);
      add("Encode/" + which, Zstd, name, level);
      add("Decode/" + which, ZstdDecode, name, level);
    }
    add("Encode/" + name + "/lz4", Lz4, name);
  }
  return true;
}();

}  // namespace
}  // namespace causeway
