/* The filter of system calls, in the kernel's classic BPF: no library, since it is one list and a few conditions. What looks at
 * the call's number alone is decided once by the kernel and costs nothing afterwards; conditions on arguments stand only where
 * calls are rare.
 *
 * What is not on the list gets ENOSYS, the answer that every C library has another way for: so a newer one still runs. A list of
 * what to deny instead was rejected: each new kernel adds calls to it that nobody has looked at. clone3 gets ENOSYS too, for its
 * flags lie in memory where no filter sees them; C libraries then use clone. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/sandbox_internal.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0 /* the calls' numbers are not known to be right: no filter */
#endif
#define X32_BIT 0x40000000U
#define PROGRAM_MAX 1024

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short len;
    uint32_t deny, deadly; /* what a refusal does */
};

/* Files, memory, time, threads, sockets. Not here: anything that starts or looks into a process, mounts, modules, keys,
 * namespaces, other users' rights, io_uring (which would pass by the rest). */
static const uint16_t allowed[] = {
    __NR_read,
    __NR_write,
    __NR_close,
    __NR_fstat,
    __NR_lseek,
    __NR_munmap,
    __NR_mremap,
    __NR_madvise,
    __NR_brk,
    __NR_rt_sigaction,
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
    __NR_rt_sigtimedwait,
    __NR_rt_sigpending,
    __NR_sigaltstack,
    __NR_pread64,
    __NR_pwrite64,
    __NR_readv,
    __NR_writev,
    __NR_preadv,
    __NR_pwritev,
    __NR_faccessat,
    __NR_openat,
    __NR_newfstatat,
    __NR_statx,
    __NR_pipe2,
    __NR_pselect6,
    __NR_ppoll,
    __NR_epoll_create1,
    __NR_epoll_ctl,
    __NR_epoll_pwait,
    __NR_sched_yield,
    __NR_sched_getaffinity,
    __NR_sched_getparam,
    __NR_sched_getscheduler,
    __NR_sched_get_priority_max,
    __NR_sched_get_priority_min,
    __NR_mincore,
    __NR_msync,
    __NR_dup,
    __NR_dup3,
    __NR_nanosleep,
    __NR_clock_nanosleep,
    __NR_clock_gettime,
    __NR_clock_getres,
    __NR_gettimeofday,
    __NR_getpid,
    __NR_gettid,
    __NR_getppid,
    __NR_getuid,
    __NR_geteuid,
    __NR_getgid,
    __NR_getegid,
    __NR_getgroups,
    __NR_getresuid,
    __NR_getresgid,
    __NR_getpgid,
    __NR_getsid,
    __NR_socketpair,
    __NR_connect,
    __NR_accept,
    __NR_accept4,
    __NR_sendto,
    __NR_recvfrom,
    __NR_sendmsg,
    __NR_recvmsg,
    __NR_sendmmsg,
    __NR_recvmmsg,
    __NR_shutdown,
    __NR_bind,
    __NR_listen,
    __NR_getsockname,
    __NR_getpeername,
    __NR_setsockopt,
    __NR_getsockopt,
    __NR_exit,
    __NR_exit_group,
    __NR_uname,
    __NR_fcntl,
    __NR_flock,
    __NR_fsync,
    __NR_fdatasync,
    __NR_truncate,
    __NR_ftruncate,
    __NR_fallocate,
    __NR_fadvise64,
    __NR_getdents64,
    __NR_getcwd,
    __NR_renameat,
    __NR_renameat2,
    __NR_mkdirat,
    __NR_unlinkat,
    __NR_linkat,
    __NR_readlinkat,
    __NR_fchmod,
    __NR_fchmodat,
    __NR_fchown,
    __NR_fchownat,
    __NR_umask,
    __NR_utimensat,
    __NR_prlimit64,
    __NR_getrlimit,
    __NR_getrusage,
    __NR_sysinfo,
    __NR_times,
    __NR_fstatfs,
    __NR_statfs,
    __NR_futex,
    __NR_set_robust_list,
    __NR_get_robust_list,
    __NR_set_tid_address,
    __NR_restart_syscall,
    __NR_timerfd_create,
    __NR_timerfd_settime,
    __NR_timerfd_gettime,
    __NR_eventfd2,
    __NR_signalfd4,
    __NR_inotify_init1,
    __NR_inotify_add_watch,
    __NR_inotify_rm_watch,
    __NR_getrandom,
    __NR_membarrier,
    __NR_getcpu,
    __NR_copy_file_range,
    __NR_sendfile,
    __NR_mlock,
    __NR_munlock,
    __NR_memfd_create,
#ifdef __NR_rseq
    __NR_rseq,
#endif
#ifdef __NR_faccessat2
    __NR_faccessat2,
#endif
#ifdef __NR_epoll_pwait2
    __NR_epoll_pwait2,
#endif
#ifdef __NR_futex_waitv
    __NR_futex_waitv,
#endif
#ifdef __x86_64__ /* the older names of the same */
    __NR_open,
    __NR_stat,
    __NR_lstat,
    __NR_access,
    __NR_pipe,
    __NR_select,
    __NR_poll,
    __NR_epoll_create,
    __NR_epoll_wait,
    __NR_dup2,
    __NR_time,
    __NR_getdents,
    __NR_rename,
    __NR_mkdir,
    __NR_rmdir,
    __NR_unlink,
    __NR_link,
    __NR_readlink,
    __NR_chmod,
    __NR_chown,
    __NR_getpgrp,
    __NR_arch_prctl,
    __NR_eventfd,
    __NR_signalfd,
    __NR_inotify_init,
    __NR_setrlimit,
    __NR_utimes,
#endif
#if SANDBOX_SANITIZER /* to find leaks it stops its own threads from a thread that shares nothing but memory */
    __NR_ptrace,
    __NR_wait4,
    __NR_process_vm_readv,
    __NR_personality,
    __NR_clone,
    __NR_prctl,
    __NR_kill,
    __NR_tkill,
    __NR_tgkill,
#endif
};

/* Nothing that these programs do leads here. */
static const uint16_t deadly[] = {
    __NR_execveat,
    __NR_process_vm_writev,
    __NR_mount,
    __NR_umount2,
    __NR_pivot_root,
    __NR_chroot,
    __NR_init_module,
    __NR_finit_module,
    __NR_delete_module,
    __NR_kexec_load,
    __NR_bpf,
    __NR_perf_event_open,
    __NR_keyctl,
    __NR_add_key,
    __NR_request_key,
    __NR_unshare,
    __NR_setns,
    __NR_open_by_handle_at,
    __NR_reboot,
    __NR_swapon,
    __NR_swapoff,
    __NR_acct,
    __NR_settimeofday,
    __NR_clock_settime,
    __NR_setuid,
    __NR_setgid,
    __NR_setreuid,
    __NR_setregid,
    __NR_setresuid,
    __NR_setresgid,
    __NR_setgroups,
    __NR_capset,
#ifdef __NR_userfaultfd
    __NR_userfaultfd,
#endif
#ifdef __x86_64__
    __NR_iopl,
    __NR_ioperm,
#endif
#if !SANDBOX_SANITIZER /* its report would be lost with the process; there it is refused only */
    __NR_execve,
    __NR_ptrace,
    __NR_process_vm_readv,
#endif
};

static void put(struct program *p, struct sock_filter ins)
{
    check(p->len < PROGRAM_MAX);
    p->code[p->len++] = ins;
}

static void put_load(struct program *p, uint32_t offset)
{
    put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static void put_answer(struct program *p, uint32_t answer)
{
    put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer));
}

/* The next `skip` instructions are only for a value that has this. */
static void put_unless(struct program *p, uint16_t jump, uint32_t value, uint8_t skip)
{
    put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | jump | BPF_K, value, 0, skip));
}

static void put_calls(struct program *p, const uint16_t *calls, size_t count, uint32_t answer)
{
    for (size_t i = 0; i < count; i++) {
        put_unless(p, BPF_JEQ, calls[i], 1);
        put_answer(p, answer);
    }
}

/* The low half of an argument (little endian): what is compared here are flags, numbers and ids of 32 bits. */
static uint32_t argument(unsigned n)
{
    return (uint32_t)(offsetof(struct seccomp_data, args) + n * sizeof(uint64_t));
}

/* Allowed when the argument is one of these, refused otherwise. */
static void put_one_of(struct program *p, uint16_t call, unsigned arg, const uint32_t *values, uint8_t count)
{
    put_unless(p, BPF_JEQ, call, (uint8_t)(2 * count + 2));
    put_load(p, argument(arg));
    for (uint8_t i = 0; i < count; i++) {
        put_unless(p, BPF_JEQ, values[i], 1);
        put_answer(p, SECCOMP_RET_ALLOW);
    }
    put_answer(p, p->deny | EPERM);
}

/* Refused when the argument has all of these bits, or (any) one of them; allowed otherwise. */
static void put_without(struct program *p, uint16_t call, unsigned arg, uint32_t bits, bool any)
{
    put_unless(p, BPF_JEQ, call, 5);
    put_load(p, argument(arg));
    if (any) {
        put_unless(p, BPF_JSET, bits, 1);
        put_answer(p, p->deny | EPERM);
        put_answer(p, SECCOMP_RET_ALLOW);
        put_answer(p, SECCOMP_RET_ALLOW);
        return;
    }
    put(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits));
    put_unless(p, BPF_JEQ, bits, 1);
    put_answer(p, p->deny | EPERM);
    put_answer(p, SECCOMP_RET_ALLOW);
}

/* Threads only: with CLONE_THREAD there is no new process, and no namespace. */
static void put_clone(struct program *p)
{
    put_unless(p, BPF_JEQ, __NR_clone, 4);
    put_load(p, argument(0));
    put_unless(p, BPF_JSET, CLONE_THREAD, 1);
    put_answer(p, SECCOMP_RET_ALLOW);
    put_answer(p, p->deny | EPERM);
}

static void put_conditions(struct program *p)
{
    static const uint32_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    static const uint32_t options[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_DUMPABLE, PR_GET_DUMPABLE, PR_CAPBSET_READ, 0x53564d41};
    const uint32_t self[] = {(uint32_t)getpid()};
    static const uint16_t signals[] = {__NR_kill, __NR_tgkill, __NR_rt_sigqueueinfo, __NR_rt_tgsigqueueinfo};
    put_one_of(p, __NR_socket, 0, families, 4);
    put_one_of(p, __NR_prctl, 0, options, 6); /* the last names memory for /proc/self/maps */
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        put_one_of(p, signals[i], 0, self, 1);
    put_clone(p);
    put_without(p, __NR_mmap, 2, PROT_WRITE | PROT_EXEC, false);
    put_without(p, __NR_mprotect, 2, PROT_EXEC, true);
    static const uint32_t terminal[] = {TIOCSTI, 0x541c}; /* writing into a terminal, and TIOCLINUX */
    put_unless(p, BPF_JEQ, __NR_ioctl, 6);
    put_load(p, argument(1));
    put_unless(p, BPF_JEQ, terminal[0], 1);
    put_answer(p, p->deny | EPERM);
    put_unless(p, BPF_JEQ, terminal[1], 1);
    put_answer(p, p->deny | EPERM);
    put_answer(p, SECCOMP_RET_ALLOW);
}

static void build(struct program *p, enum sandbox_mode mode)
{
    bool log = mode == SANDBOX_LOG;
    p->len = 0;
    p->deny = log ? SECCOMP_RET_LOG : SECCOMP_RET_ERRNO;
    p->deadly = log ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS;
    put_load(p, offsetof(struct seccomp_data, arch));
    put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    put_answer(p, p->deadly);
    put_load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    put_unless(p, BPF_JGE, X32_BIT, 1);
    put_answer(p, p->deadly);
#endif
    put_calls(p, allowed, sizeof allowed / sizeof *allowed, SECCOMP_RET_ALLOW);
    put_calls(p, deadly, sizeof deadly / sizeof *deadly, p->deadly);
    put_conditions(p);
    put_answer(p, p->deny | ENOSYS);
}

enum err sandbox_seccomp(enum sandbox_mode mode)
{
    struct program p;
    errno = ENOSYS;
    if (ARCHITECTURE == 0)
        return ERR_NOT_FOUND;
    build(&p, mode);
    struct sock_fprog program = {.len = p.len, .filter = p.code};
    /* Not by seccomp(2), which a filter around us may refuse; all that it has more is other threads, of which there are none. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
        return ERR_OK;
    return errno == ENOSYS || errno == EINVAL ? ERR_NOT_FOUND : ERR_IO;
}
