/* Entered by every vCPU with its index in RDI and no stack. The stack is the
 * end of the vCPU's area: GUEST_VIRTUAL_BASE + GUEST_CPU_GPA + (index + 1) *
 * GUEST_CPU_AREA_BYTES (guest_abi.h; main.c asserts the constants). */
.section .text.start, "ax"
.globl guest_start
guest_start:
  leaq 1(%rdi), %rax
  shlq $16, %rax
  movabsq $0x10000020000, %rsp
  addq %rax, %rsp
  xorl %ebp, %ebp
  call guest_main
  ud2
.section .note.GNU-stack, "", @progbits
