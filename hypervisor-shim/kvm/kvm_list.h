// KvmList and the ioctls that take one. Debian 12's <linux/kvm.h> declares the
// lists with __DECLARE_FLEX_ARRAY, whose empty struct takes a byte in C++:
// sizes (and with them the request numbers) and offsets come out wrong. These
// are the kernel's own.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace causeway::kvm {

inline constexpr unsigned long kKvmGetMsrIndexList =
    _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x02, 4);
inline constexpr unsigned long kKvmGetSupportedCpuid =
    _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x05, 8);
inline constexpr unsigned long kKvmGetMsrs =
    _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x88, 8);
inline constexpr unsigned long kKvmSetMsrs = _IOC(_IOC_WRITE, KVMIO, 0x89, 8);
inline constexpr unsigned long kKvmSetCpuid2 = _IOC(_IOC_WRITE, KVMIO, 0x90, 8);

inline constexpr size_t kXsaveBytesMin = 4096;  // struct kvm_xsave
inline constexpr unsigned long kKvmGetXsave =
    _IOC(_IOC_READ, KVMIO, 0xa4, kXsaveBytesMin);
inline constexpr unsigned long kKvmSetXsave =
    _IOC(_IOC_WRITE, KVMIO, 0xa5, kXsaveBytesMin);
inline constexpr unsigned long kKvmGetXsave2 =
    _IOC(_IOC_READ, KVMIO, 0xcf, kXsaveBytesMin);

// u32 count, padding to the entry's alignment, entries: struct kvm_cpuid2,
// kvm_msrs and kvm_msr_list alike.
template <typename Entry, size_t kHeadBytes>
class KvmList {
 public:
  explicit KvmList(std::span<const Entry> entries)
      : KvmList(static_cast<uint32_t>(entries.size())) {
    if (!entries.empty()) {
      std::memcpy(bytes() + kHeadBytes, entries.data(), entries.size_bytes());
    }
  }
  explicit KvmList(uint32_t capacity)
      : capacity_(capacity),
        words_((kHeadBytes + capacity * sizeof(Entry) + 7) / 8) {
    std::memcpy(bytes(), &capacity, sizeof(capacity));
  }

  void* data() { return words_.data(); }

  // What the kernel says it filled, or what was put in.
  std::vector<Entry> entries() const {
    uint32_t count = 0;
    std::memcpy(&count, words_.data(), sizeof(count));
    std::vector<Entry> out(count < capacity_ ? count : capacity_);
    if (!out.empty()) {
      std::memcpy(
          out.data(),
          reinterpret_cast<const std::byte*>(words_.data()) + kHeadBytes,
          out.size() * sizeof(Entry));
    }
    return out;
  }

 private:
  std::byte* bytes() { return reinterpret_cast<std::byte*>(words_.data()); }

  uint32_t capacity_;
  std::vector<uint64_t> words_;
};

using CpuidList = KvmList<kvm_cpuid_entry2, 8>;
using MsrList = KvmList<kvm_msr_entry, 8>;
using MsrIndexList = KvmList<uint32_t, 4>;

}  // namespace causeway::kvm
