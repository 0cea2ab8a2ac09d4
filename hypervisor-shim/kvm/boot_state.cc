#include "hypervisor-shim/kvm/boot_state.h"

#include <cstring>

#include "hypervisor-shim/kvm/kvm_device.h"
#include "hypervisor-shim/lab/guest_abi.h"

namespace causeway::kvm {

namespace {

// Accessed and dirty are set from the start, so that the walk never writes
// to the tables: they would count as dirty pages.
constexpr uint64_t kTable = 0x27;      // present, writable, user, accessed
constexpr uint64_t kLargePage = 0xe7;  // and dirty, 2 MiB

constexpr uint64_t kPml4Gpa = GUEST_PAGE_TABLES_GPA;
constexpr uint64_t kPdptGpa = GUEST_PAGE_TABLES_GPA + 0x1000;
constexpr uint64_t kDirectoriesGpa = GUEST_PAGE_TABLES_GPA + 0x2000;
constexpr uint64_t kLargePageBytes = 2u << 20;

// A 64-bit TSS: the word at 102 says where the permission bits of the ports
// begin; a byte of ones ends them.
constexpr uint32_t kTssBytes = 104;
constexpr uint32_t kTssMapOffset = 102;
constexpr uint32_t kPortsEnd = 0x510;
constexpr uint32_t kTssLimit = kTssBytes + kPortsEnd / 8;

constexpr uint64_t kCr0 = 0x80050033;  // PG AM WP NE ET MP PE
constexpr uint64_t kCr4Base = 0x620;   // PAE OSFXSR OSXMMEXCPT
constexpr uint64_t kCr4Osxsave = 1u << 18;
constexpr uint64_t kEfer = 0xd00;     // NXE LMA LME
constexpr uint64_t kRflags = 0x3002;  // IOPL 3

void write_tss(const lab::GuestMemory& memory) {
  auto* const tss = memory.at<uint8_t[4096]>(GUEST_TSS_GPA);
  uint8_t* const bytes = *tss;
  const uint16_t map = kTssBytes;
  std::memcpy(bytes + kTssMapOffset, &map, sizeof(map));
  std::memset(bytes + kTssBytes, 0xff, kPortsEnd / 8 + 1);
  for (const uint32_t port :
       {GUEST_PORT_HALT, GUEST_PORT_DISK, GUEST_PORT_NOTIFY}) {
    // A call is four ports wide.
    for (uint32_t p = port; p < port + 4; ++p) {
      bytes[kTssBytes + p / 8] &= static_cast<uint8_t>(~(1u << (p % 8)));
    }
  }
}

static_assert(GUEST_PORT_NOTIFY + 4 <= kPortsEnd);
static_assert(kTssLimit < 4096);

kvm_segment flat_segment(uint16_t selector, uint8_t type, bool code) {
  kvm_segment segment{};
  segment.limit = 0xffffffff;
  segment.selector = selector;
  segment.type = type;
  segment.present = 1;
  segment.dpl = 3;
  segment.s = 1;
  segment.g = 1;
  segment.l = code ? 1 : 0;
  segment.db = code ? 0 : 1;
  return segment;
}

void set_segments(kvm_sregs& sregs) {
  sregs.cs = flat_segment(0x33, 11, true);
  const kvm_segment data = flat_segment(0x2b, 3, false);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
  sregs.ldt = kvm_segment{};
  sregs.ldt.unusable = 1;
  sregs.tr = kvm_segment{};
  sregs.tr.base = GUEST_VIRTUAL_BASE + GUEST_TSS_GPA;
  sregs.tr.limit = kTssLimit;
  sregs.tr.selector = 0x40;
  sregs.tr.type = 11;  // busy 64-bit TSS
  sregs.tr.present = 1;
  // No tables: any exception is a triple fault, and so a guest that died.
  sregs.gdt.limit = 0;
  sregs.idt.limit = 0;
}

}  // namespace

void write_boot_pages(const lab::GuestMemory& memory) {
  using Table = uint64_t[512];
  auto& pml4 = *memory.at<Table>(kPml4Gpa);
  auto& pdpt = *memory.at<Table>(kPdptGpa);
  pml4[GUEST_VIRTUAL_BASE >> 39] = kPdptGpa | kTable;
  for (uint64_t gpa = 0; gpa < memory.bytes(); gpa += kLargePageBytes) {
    const uint64_t gib = gpa >> 30;
    const uint64_t directory_gpa = kDirectoriesGpa + gib * 4096;
    pdpt[gib] = directory_gpa | kTable;
    auto& directory = *memory.at<Table>(directory_gpa);
    directory[(gpa >> 21) % 512] = gpa | kLargePage;
  }
  write_tss(memory);
}

static_assert((GUEST_VIRTUAL_BASE & ((1ull << 39) - 1)) == 0,
              "the guest's addresses begin at a PML4 entry's first byte");

Status set_boot_registers(int vcpu_fd, uint32_t vcpu, uint64_t xcr0) {
  kvm_sregs sregs{};
  CAUSEWAY_TRY(kvm_ioctl(vcpu_fd, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS"));
  set_segments(sregs);
  sregs.cr0 = kCr0;
  sregs.cr3 = kPml4Gpa;
  sregs.cr4 = kCr4Base | (xcr0 > 1 ? kCr4Osxsave : 0);
  sregs.efer = kEfer;
  CAUSEWAY_TRY(kvm_ioctl(vcpu_fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS"));
  kvm_xcrs xcrs{};
  xcrs.nr_xcrs = 1;
  xcrs.xcrs[0].value = xcr0;
  CAUSEWAY_TRY(kvm_ioctl(vcpu_fd, KVM_SET_XCRS, &xcrs, "KVM_SET_XCRS"));
  kvm_regs regs{};
  regs.rip = GUEST_VIRTUAL_BASE + GUEST_PROGRAM_GPA;
  regs.rdi = vcpu;
  regs.rflags = kRflags;
  return kvm_ioctl(vcpu_fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

}  // namespace causeway::kvm
