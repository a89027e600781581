/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker gives up. Limits by setrlimit; then a list of system calls (seccomp, classic BPF; Documentation/userspace-api/
 * seccomp_filter.rst of Linux) that leaves it with the descriptors it has: no opening, no connecting, no process, no program.
 * A refused call gives EPERM, which libhdf5 reports like any other error. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#define HAVE_FILTER 1
#endif

#include "whet_h5.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

static whet_status limit(int what, uint64_t soft, uint64_t hard)
{
    const struct rlimit l = {.rlim_cur = (rlim_t)soft, .rlim_max = (rlim_t)hard};
    struct rlimit now;
    if (setrlimit((__rlimit_resource_t)what, &l) == 0) return WHET_OK;
    if (getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_cur <= l.rlim_cur) return WHET_OK; /* tighter already */
    return WHET_FAIL(WHET_EIO, "the HDF5 worker cannot be limited: %s", strerror(errno));
}

whet_status h5_limit(uint64_t data, uint64_t memory, uint64_t seconds)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    WHET_TRY(limit(RLIMIT_CORE, 0, 0));
    WHET_TRY(limit(RLIMIT_CPU, seconds, seconds + 1));
    WHET_TRY(limit(RLIMIT_FSIZE, data, data));
#ifdef SANITIZED
    (void)memory; /* sanitizers reserve terabytes of addresses */
    return WHET_OK;
#else
    return limit(RLIMIT_AS, memory, memory);
#endif
}

#ifdef HAVE_FILTER
#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif
static const int allowed[] = {
    __NR_read, __NR_write, __NR_pread64, __NR_pwrite64, __NR_readv, __NR_writev, __NR_lseek, __NR_close, __NR_fstat, __NR_newfstatat,
    __NR_ftruncate, __NR_fsync, __NR_fdatasync, __NR_flock, __NR_fcntl, __NR_mmap, __NR_munmap, __NR_mremap, __NR_mprotect, __NR_madvise,
    __NR_brk, __NR_futex, __NR_getpid, __NR_gettid, __NR_tgkill, __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn,
    __NR_sigaltstack, __NR_clock_gettime, __NR_gettimeofday, __NR_getrandom, __NR_sched_yield, __NR_exit, __NR_exit_group};
enum { N_ALLOWED = sizeof allowed / sizeof allowed[0] };

void h5_confine(void)
{
    struct sock_filter code[N_ALLOWED + 6];
    unsigned n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (unsigned i = 0; i < N_ALLOWED; i++) /* over the rest of the list and the refusal, to the last line */
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], (unsigned char)(N_ALLOWED - i), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
void h5_confine(void)
{
}
#endif
