/* What a lab guest and its VMM agree on: where things lie in guest RAM and the
 * port calls. Plain C, included by the guest program and by the VMMs.
 *
 * Guest RAM, by guest physical address. The guest sees all of it, at the same
 * place in every VMM, from GUEST_VIRTUAL_BASE on.
 *
 *   0x000000  GuestParams         written by the VMM at boot
 *   0x001000  GuestClock          written by the VMM (a device write)
 *   0x002000  GuestMailbox        written by the VMM (a device write)
 *   0x003000  task state segment  the KVM VMM's: permits the ports
 *   0x010000  the guest program   entered at its first byte
 *   0x020000  GuestCpu areas      64 KiB a vCPU: page, requests, completions,
 *                                 stack
 *   0x080000  page tables         the KVM VMM's
 *   0x100000  disk buffers        1 MiB a vCPU
 *   0x500000  version tables and then data blocks, as GuestParams says
 *
 * Boot: all vCPUs enter at the program's first byte with their index in RDI.
 * A call is one `out %eax, (%dx)` (0xef). Nothing else leaves the guest. */
#ifndef CAUSEWAY_GUEST_ABI_H_
#define CAUSEWAY_GUEST_ABI_H_

#include <stdint.h>

#define GUEST_VIRTUAL_BASE 0x10000000000ull
#define GUEST_BLOCK_BYTES 4096u
#define GUEST_VCPUS_MAX 4u

#define GUEST_PARAMS_GPA 0x0000ull
#define GUEST_CLOCK_GPA 0x1000ull
#define GUEST_MAILBOX_GPA 0x2000ull
#define GUEST_TSS_GPA 0x3000ull
#define GUEST_PROGRAM_GPA 0x10000ull
#define GUEST_PROGRAM_BYTES_MAX 0x10000ull
#define GUEST_CPU_GPA 0x20000ull
#define GUEST_CPU_AREA_BYTES 0x10000ull
#define GUEST_PAGE_TABLES_GPA 0x80000ull
#define GUEST_PAGE_TABLES_BYTES 0x80000ull
#define GUEST_DISK_BUFFERS_GPA 0x100000ull
#define GUEST_TABLES_GPA 0x500000ull

/* Ports. The value is EAX. */
enum {
  /* Sleep at most `value & GUEST_HALT_US_MASK` microseconds. The VMM ends it
   * early for a mailbox command, a pause, and, with GUEST_HALT_FOR_DISK, a
   * completed disk request. */
  GUEST_PORT_HALT = 0x500,
  /* Start the requests in the slots whose bits are set. */
  GUEST_PORT_DISK = 0x504,
  /* enum GuestNotice. */
  GUEST_PORT_NOTIFY = 0x508,
};

#define GUEST_HALT_US_MASK 0x00ffffffu
#define GUEST_HALT_FOR_DISK 0x80000000u

enum GuestNotice {
  GUEST_NOTICE_FILLED = 1,  /* this vCPU has written all its blocks once */
  GUEST_NOTICE_CHECKED = 2, /* GuestCpu::check is final */
  GUEST_NOTICE_BROKEN = 3,  /* the program found itself inconsistent */
};

#define GUEST_PARAMS_MAGIC 0x31304d5241504743ull /* "CGPARM01" */

enum GuestWorkload {
  GUEST_WORKLOAD_IDLE = 0,
  GUEST_WORKLOAD_UNIFORM = 1,
  GUEST_WORKLOAD_HOTSET = 2,
  GUEST_WORKLOAD_SEQUENTIAL = 3,
  GUEST_WORKLOAD_DISK = 4,
  GUEST_WORKLOAD_MIXED = 5,
};

enum GuestContent {
  GUEST_CONTENT_RANDOM = 0,
  GUEST_CONTENT_TEXT = 1,
  GUEST_CONTENT_MIXED = 2,
  GUEST_CONTENT_SHARES = 3, /* shares of text and zeros, else random */
};

/* Region numbers in block headers and errors. */
enum { GUEST_REGION_RAM = 0, GUEST_REGION_DISK = 1 };

/* The blocks one vCPU owns: no two vCPUs share a block or a table page. */
typedef struct GuestSlice {
  uint64_t ram_first; /* block index = GPA / 4096 */
  uint64_t ram_blocks;
  uint64_t disk_first;
  uint64_t disk_blocks;
  uint64_t ram_table_gpa; /* GuestVersions pages */
  uint64_t disk_table_gpa;
} GuestSlice;

typedef struct GuestParams {
  uint64_t magic;
  uint32_t vcpus;
  uint32_t workload;         /* enum GuestWorkload */
  uint32_t content;          /* enum GuestContent */
  uint32_t has_avx;          /* YMM registers may be used */
  uint64_t rate_bytes_per_s; /* of one vCPU; UINT64_MAX = as fast as it goes */
  uint64_t hot_q32;          /* share of the slice that is hot, times 2^32 */
  uint64_t zero_q32;         /* share of the fill that is zeros, times 2^32 */
  uint64_t text_q32;         /* share of the blocks that are text, likewise */
  uint64_t change_words; /* what one write changes of a block that is there */
  uint64_t seed;
  uint64_t ram_bytes;
  uint64_t disk_bytes;
  GuestSlice slices[GUEST_VCPUS_MAX];
} GuestParams;

/* guest_ns = ns_base + ((rdtsc - tsc_base) * multiplier >> 32), read between
 * two equal, even values of `sequence`. `epoch` counts the moves. */
typedef struct GuestClock {
  uint32_t sequence;
  uint32_t epoch;
  uint64_t tsc_base;
  uint64_t multiplier;
  uint64_t ns_base;
} GuestClock;

enum GuestCommand {
  GUEST_COMMAND_NONE = 0,
  GUEST_COMMAND_CHECK = 1,
  GUEST_COMMAND_DIE = 2, /* vCPU 0 executes an undefined instruction */
};

/* `sequence` is raised after `command` is set; each vCPU obeys once. */
typedef struct GuestMailbox {
  uint32_t sequence;
  uint32_t command; /* enum GuestCommand */
} GuestMailbox;

#define GUEST_DISK_SLOTS 16u
#define GUEST_DISK_SLOT_BYTES 0x10000u
#define GUEST_DISK_BUFFERS_BYTES (GUEST_DISK_SLOTS * GUEST_DISK_SLOT_BYTES)

enum GuestDiskOperation {
  GUEST_DISK_READ = 1,
  GUEST_DISK_WRITE = 2,
  GUEST_DISK_FLUSH = 3,
};

/* Written by the guest, then started by GUEST_PORT_DISK. */
typedef struct GuestDiskRequest {
  uint32_t operation; /* enum GuestDiskOperation */
  uint32_t blocks;
  uint64_t block; /* the first one */
  uint64_t buffer_gpa;
  uint64_t id; /* comes back in the completion */
} GuestDiskRequest;

/* Written by the device: `errno_value`, then `id` (with release order). */
typedef struct GuestDiskCompletion {
  uint64_t id;
  uint32_t errno_value; /* 0 = done */
  uint32_t reserved;
} GuestDiskCompletion;

enum GuestFault {
  GUEST_FAULT_NONE = 0,
  GUEST_FAULT_CHECKSUM = 1,  /* the block's own checksum */
  GUEST_FAULT_ADDRESS = 2,   /* it names another block */
  GUEST_FAULT_VERSION = 3,   /* stale, or from the future */
  GUEST_FAULT_ZERO = 4,      /* must be zeros, is not */
  GUEST_FAULT_TABLE = 5,     /* a version table page */
  GUEST_FAULT_COUNT = 6,     /* versions do not add up to the writes made */
  GUEST_FAULT_STEPS = 7,     /* a copy of the step counter differs */
  GUEST_FAULT_DISK_READ = 8, /* the disk answered with an error */
};

typedef struct GuestCheck {
  uint32_t sequence; /* of the mailbox command it answers */
  uint32_t fault;    /* enum GuestFault of the first error */
  uint64_t pages;
  uint64_t disk_blocks;
  uint64_t errors;
  uint32_t fault_region;
  uint32_t reserved;
  uint64_t fault_block;
  uint64_t expected;
  uint64_t found;
} GuestCheck;

/* The first page of a vCPU's area: written by the guest, read by the VMM. */
typedef struct GuestCpu {
  uint64_t steps;        /* one an iteration of the loop; never skips */
  uint64_t steps_check;  /* ~steps, written after it */
  uint64_t last_look_ns; /* at the clock */
  uint64_t max_gap_ns;   /* between two looks, blackouts apart */
  uint64_t blackout_ns;
  uint32_t epoch; /* of the clock, as last seen */
  uint32_t filled;
  uint64_t ram_writes; /* blocks, the fill included */
  uint64_t disk_writes;
  uint64_t disk_errors;
  uint32_t mailbox_sequence;
  uint32_t broken; /* enum GuestFault */
  GuestCheck check;
} GuestCpu;

#define GUEST_CPU_REQUESTS_OFFSET 0x1000ull
#define GUEST_CPU_COMPLETIONS_OFFSET 0x2000ull

#define GUEST_BLOCK_MAGIC 0x314b434f4c424743ull /* "CGBLOCK1" */

/* How every block that the guest writes begins. */
typedef struct GuestBlockHeader {
  uint64_t magic;
  uint64_t checksum; /* of the whole block with this field 0 */
  uint64_t block;    /* index in its region */
  uint32_t region;
  uint32_t version; /* 1 = the fill */
  uint64_t step;
  uint64_t seed;
} GuestBlockHeader;

#define GUEST_VERSIONS_MAGIC 0x31534e5245564743ull /* "CGVERNS1" */
#define GUEST_VERSIONS_PER_PAGE 1008u
#define GUEST_VERSION_ZERO 0x80000000u /* the block is all zeros */

/* A page of a version table: which version each block must have. `sum` is the
 * XOR of a mix of every entry with its index, kept with every change. */
typedef struct GuestVersions {
  uint64_t magic;
  uint64_t page; /* index in its table */
  uint64_t sum;
  uint64_t region;
  uint64_t reserved[4];
  uint32_t version[GUEST_VERSIONS_PER_PAGE];
} GuestVersions;

#endif /* CAUSEWAY_GUEST_ABI_H_ */
