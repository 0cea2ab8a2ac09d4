/* The guest program of the dirty-log contract (contract_vmm.h): every vCPU
 * obeys its own page of orders, and otherwise halts or writes at random. Runs
 * in ring 3 at GUEST_VIRTUAL_BASE + GUEST_PROGRAM_GPA, with its index in RDI.
 *
 *   RBX orders   RBP memory   R12 done   R13 random
 *
 * Orders: 0 sequence, 8 mode, 16 block, 24 value, 32 done, 40 writes,
 *         48 first block, 56 mask of the block number
 */
.section .rodata
.globl causeway_writer_program
.globl causeway_writer_program_end
causeway_writer_program:
  movabsq $0x10000000000, %rbp
  movq %rdi, %rbx
  shlq $12, %rbx
  leaq 0x500000(%rbp, %rbx), %rbx
  leaq 0x1234567(%rdi), %r13
  movq 32(%rbx), %r12
1:
  movq (%rbx), %rax
  cmpq %r12, %rax
  jne 2f
  cmpq $2, 8(%rbx)
  je 4f
  movl $200, %eax
  movl $0x500, %edx
  outl %eax, %dx
  jmp 1b
2:
  cmpq $1, 8(%rbx)
  jne 3f
  movq 16(%rbx), %rcx
  shlq $12, %rcx
  movq 24(%rbx), %rdx
  movq %rdx, (%rbp, %rcx)
3:
  movq %rax, %r12
  movq %rax, 32(%rbx)
  jmp 1b
4:
  movq %r13, %rcx
  shlq $13, %rcx
  xorq %rcx, %r13
  movq %r13, %rcx
  shrq $7, %rcx
  xorq %rcx, %r13
  movq %r13, %rcx
  shlq $17, %rcx
  xorq %rcx, %r13
  movq %r13, %rcx
  andq 56(%rbx), %rcx
  addq 48(%rbx), %rcx
  shlq $12, %rcx
  lock incq (%rbp, %rcx)
  movq %r13, 8(%rbp, %rcx)
  incq 40(%rbx)
  jmp 1b
causeway_writer_program_end:
.section .note.GNU-stack, "", @progbits
