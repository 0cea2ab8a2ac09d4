// codec_reference: the yardstick of what a move sends: zstd -3 of the blocks
// of files that are not zero, 64 a frame, as the codecs' frames have.
//
//   codec_reference FILE...                  of all blocks
//   codec_reference --known BASE FILE...     of those whose content BASE has
//                                            not; the others are counted
//
// One JSON object: blocks, zero, known, sent, zstd_bytes. BASE's contents are
// told apart by 64 bits, which is enough for a yardstick.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace {

constexpr size_t kBlockBytes = 4096;
constexpr size_t kFrameBlocks = 64;
constexpr int kLevel = 3;

struct Totals {
  uint64_t blocks = 0;
  uint64_t zero = 0;
  uint64_t known = 0;
  uint64_t sent = 0;
  uint64_t zstd_bytes = 0;
};

[[noreturn]] void fail(const std::string& what) {
  std::perror(what.c_str());
  std::exit(1);
}

// The whole blocks of a file.
class MappedFile {
 public:
  explicit MappedFile(const char* path) {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    struct stat info {};
    if (fd < 0 || ::fstat(fd, &info) != 0) fail(path);
    bytes_ = static_cast<size_t>(info.st_size) / kBlockBytes * kBlockBytes;
    if (bytes_ == 0) return;
    at_ = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, fd, 0);
    if (at_ == MAP_FAILED) fail(path);
    ::close(fd);
  }
  ~MappedFile() {
    if (bytes_ > 0) ::munmap(at_, bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  size_t blocks() const { return bytes_ / kBlockBytes; }
  const char* block(size_t number) const {
    return static_cast<const char*>(at_) + number * kBlockBytes;
  }

 private:
  void* at_ = nullptr;
  size_t bytes_ = 0;
};

bool is_zero(const char* block) {
  static const char kZeros[kBlockBytes] = {};
  return std::memcmp(block, kZeros, kBlockBytes) == 0;
}

uint64_t name_of(const char* block) { return XXH3_64bits(block, kBlockBytes); }

class Frames {
 public:
  explicit Frames(Totals& totals) : totals_(totals) {}
  void add(const char* block) {
    frame_.insert(frame_.end(), block, block + kBlockBytes);
    if (frame_.size() == kFrameBlocks * kBlockBytes) flush();
  }
  void flush() {
    if (frame_.empty()) return;
    const size_t bytes = ZSTD_compress(out_.data(), out_.size(), frame_.data(),
                                       frame_.size(), kLevel);
    if (ZSTD_isError(bytes) != 0) fail(ZSTD_getErrorName(bytes));
    totals_.zstd_bytes += bytes;
    frame_.clear();
  }

 private:
  Totals& totals_;
  std::vector<char> frame_;
  std::vector<char> out_ =
      std::vector<char>(ZSTD_compressBound(kFrameBlocks * kBlockBytes));
};

void add_file(const char* path, const std::unordered_set<uint64_t>& known,
              Frames& frames, Totals& totals) {
  const MappedFile file(path);
  for (size_t i = 0; i < file.blocks(); ++i) {
    const char* const block = file.block(i);
    ++totals.blocks;
    if (is_zero(block)) {
      ++totals.zero;
    } else if (!known.empty() && known.count(name_of(block)) > 0) {
      ++totals.known;
    } else {
      ++totals.sent;
      frames.add(block);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<const char*> files(argv + 1, argv + argc);
  std::unordered_set<uint64_t> known;
  if (files.size() >= 2 && std::strcmp(files[0], "--known") == 0) {
    const MappedFile base(files[1]);
    for (size_t i = 0; i < base.blocks(); ++i) {
      if (!is_zero(base.block(i))) known.insert(name_of(base.block(i)));
    }
    files.erase(files.begin(), files.begin() + 2);
  }
  if (files.empty()) {
    std::fprintf(stderr, "usage: codec_reference [--known BASE] FILE...\n");
    return 2;
  }
  Totals totals;
  Frames frames(totals);
  for (const char* path : files) add_file(path, known, frames, totals);
  frames.flush();
  std::printf(
      "{\"blocks\": %llu, \"zero\": %llu, \"known\": %llu, \"sent\": %llu, "
      "\"zstd_bytes\": %llu}\n",
      static_cast<unsigned long long>(totals.blocks),
      static_cast<unsigned long long>(totals.zero),
      static_cast<unsigned long long>(totals.known),
      static_cast<unsigned long long>(totals.sent),
      static_cast<unsigned long long>(totals.zstd_bytes));
  return 0;
}
