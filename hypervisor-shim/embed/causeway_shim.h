/* The part of Causeway that lives inside a VMM: a C library with a stable ABI.
 *
 * A VMM that embeds it gives a table of functions (cw_vmm_ops) and its regions
 * (cw_region); the library listens on a UNIX socket, speaks the shim protocol
 * (hypervisor-shim/protocol) with one mover at a time, owns the shared "owed"
 * bitmaps and calls the functions from its own service thread, one at a time.
 *
 * Only the process that owns a KVM VM may read its dirty log, which is why
 * this part must be inside the VMM and why it is small.
 *
 * ABI: every struct begins with its size; new members go to the end. Functions
 * return 0 or a negative errno. `why` buffers take a NUL-terminated sentence
 * for the operator: what is wrong, where, and what to do. What the mover makes
 * of some errnos: ENOTSUP the hosts do not fit, EBADMSG bytes from the other
 * host that cannot be believed, ESHUTDOWN the guest is dead. */
#ifndef CAUSEWAY_SHIM_H_
#define CAUSEWAY_SHIM_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CW_SHIM_ABI_VERSION 1
#define CW_BLOCK_BYTES 4096u

typedef struct cw_shim cw_shim;

enum cw_region_kind { CW_REGION_RAM = 1, CW_REGION_DISK = 2 };

/* One RAM slot or one disk of the guest. The library duplicates `fd`; a RAM
 * region is a memfd (mapped MAP_SHARED by VMM and mover alike; made with
 * MFD_ALLOW_SEALING, the library seals it against a change of size), a disk a
 * raw file or block device. Index in the array = region id on the wire. */
typedef struct cw_region {
  uint32_t struct_bytes;
  uint32_t kind; /* enum cw_region_kind */
  int32_t fd;
  uint32_t page_bytes; /* RAM: 4096 or 2 MiB; disks: 4096 */
  uint64_t bytes;      /* a multiple of CW_BLOCK_BYTES */
  char name[32];       /* "ram0", "disk0": the same at source and target */
} cw_region;

/* Where save_state puts the vCPU and device state. The VMM appends; the
 * library owns the memory. Returns 0, or -ENOBUFS beyond the limit. */
typedef struct cw_sink cw_sink;
int cw_sink_append(cw_sink* sink, const void* data, size_t bytes);

typedef struct cw_vmm_ops {
  uint32_t struct_bytes;
  uint32_t reserved;

  /* pause returns when no vCPU runs and no device I/O is in flight, and says
   * when the last vCPU had stopped; resume, when the first one went on. Both
   * in CLOCK_MONOTONIC nanoseconds within the call, taken where it happens,
   * not where it is waited for: the blackout is what lies between them.
   * *stopped_ns and *running_ns are 0 before; a VMM that does not know leaves
   * that, and the library takes the moment before the call of pause and after
   * the return of resume: a report may say too much blackout, never too
   * little. On failure nobody looks at them. */
  int (*pause)(void* vmm, uint64_t* stopped_ns);
  int (*resume)(void* vmm, uint64_t* running_ns);

  /* All vCPU and device state of the paused guest, in the VMM's own format. */
  int (*save_state)(void* vmm, cw_sink* out, char* why, size_t why_bytes);
  /* Bytes from another host: checked before they are believed. */
  int (*load_state)(void* vmm, const void* data, size_t bytes, char* why,
                    size_t why_bytes);

  /* What the guest's CPU model needs of a host, in the VMM's own format. */
  int (*features)(void* vmm, cw_sink* out);
  /* Does this host offer all that `data` (another host's features()) needs?
   * -ENOTSUP names the missing features in `why`. */
  int (*check_features)(void* vmm, const void* data, size_t bytes, char* why,
                        size_t why_bytes);

  /* Dirty tracking of the RAM regions' vCPU writes, in blocks (bit i of word
   * i/64). Writes by the VMM's own devices, and all disk writes, are reported
   * with cw_shim_mark_dirty() instead and never pass through these.
   * start: from now on writes are recorded.
   * collect: ORs into `bitmap` what was written since the last collect, for
   *   one region. After pause() it is complete.
   * rearm: the range will be read next; a write after this call is reported
   *   by some later collect. A tracker that re-arms in collect does nothing.
   * All three are called for RAM regions only. */
  int (*dirty_start)(void* vmm);
  int (*dirty_collect)(void* vmm, uint32_t region, uint64_t* bitmap);
  int (*dirty_rearm)(void* vmm, uint32_t region, uint64_t first_block,
                     uint64_t blocks);
  int (*dirty_stop)(void* vmm);
} cw_vmm_ops;

typedef struct cw_shim_config {
  uint32_t struct_bytes;
  uint32_t vcpus;
  const char* socket_path; /* created 0600; a stale one is replaced */
  const char* guest_name;
  const char* tracker;    /* "kvm-bitmap", "kvm-ring", "process-wp" */
  const char* hypervisor; /* "kvm", "process": must agree at both ends */
  const cw_region* regions;
  uint32_t region_count;
  uint32_t reserved;
} cw_shim_config;

/* Creates the shim and its service thread. Nothing of `config` is kept. On
 * failure *out is NULL and the return names the errno. */
int cw_shim_create(const cw_shim_config* config, const cw_vmm_ops* ops,
                   void* vmm, cw_shim** out);

/* A device of the VMM wrote [offset, offset+bytes) of a region. Call it when
 * the write is complete and before the guest can see that it is. Any thread,
 * no lock, no system call. Does nothing while tracking is off. */
void cw_shim_mark_dirty(cw_shim* shim, uint32_t region, uint64_t offset,
                        uint64_t bytes);

/* The guest can run no more (triple fault, I/O error of the VMM). The mover is
 * told `why`. Any thread. */
void cw_shim_guest_died(cw_shim* shim, const char* why);

/* Stops the service thread, removes the socket, frees all. Calls none of the
 * VMM's functions once it returns; not to be called from one of them. */
void cw_shim_destroy(cw_shim* shim);

#ifdef __cplusplus
}
#endif
#endif /* CAUSEWAY_SHIM_H_ */
