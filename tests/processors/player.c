/* Another processor than the one at hand, for whole programs: a library for /etc/ld.so.preload of a
 * mount namespace of the test's own. It answers CPUID, what can be asked of /dev/kvm about
 * processors, and /proc/cpuinfo from a recording, the file "processor" beside the library.
 *
 * CPUID is made to fault (arch_prctl(2), ARCH_SET_CPUID; not every machine can), and only when
 * main() is entered: what chooses among instructions before that has to know the real processor.
 */
#undef _FILE_OFFSET_BITS /* open() and open64() are two functions here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define MAX_LEAVES     256
#define MAX_REGISTERS  128

typedef struct Leaf {
    uint32_t leaf, subleaf, r[4];
} Leaf;

typedef struct Register {
    uint32_t index;
    uint64_t value;
} Register;

static Leaf own[MAX_LEAVES], of_kvm[MAX_LEAVES];
static Register registers[MAX_REGISTERS];
static unsigned n_own, n_of_kvm, n_registers;
static char *info;
static size_t info_len;
static bool loaded;

#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (real == NULL)                                                                              \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* ---- the recording */

static bool
take_leaf(const char *line, const char *kind, Leaf *leaves, unsigned *n)
{
    size_t len = strlen(kind);
    Leaf l;

    if (strncmp(line, kind, len) != 0 || *n == MAX_LEAVES ||
        sscanf(line + len, " %x %x %x %x %x %x", &l.leaf, &l.subleaf, &l.r[0], &l.r[1], &l.r[2],
               &l.r[3]) != 6)
        return false;
    leaves[(*n)++] = l;
    return true;
}

static void
take_line(const char *line)
{
    unsigned long long value;
    uint32_t index;

    if (take_leaf(line, "cpuid", own, &n_own) || take_leaf(line, "kvm", of_kvm, &n_of_kvm))
        return;
    if (sscanf(line, "msr %x %llx", &index, &value) == 2 && n_registers < MAX_REGISTERS) {
        registers[n_registers++] = (Register){ index, value };
    } else if (strncmp(line, "info ", 5) == 0) {
        size_t len = strlen(line + 5);

        info = realloc(info, info_len + len);
        memcpy(info + info_len, line + 5, len);
        info_len += len;
    }
}

static FILE *
real_fopen(const char *path)
{
    REAL(fopen);
    return real(path, "re");
}

static void
load(void)
{
    char path[4096], line[4096];
    Dl_info self;
    char *slash;
    FILE *f;

    if (loaded || dladdr((void *)load, &self) == 0)
        return;
    loaded = true;
    snprintf(path, sizeof path, "%s", self.dli_fname);
    slash = strrchr(path, '/');
    if (slash == NULL || slash - path > 4000)
        return;
    strcpy(slash + 1, "processor");
    f = real_fopen(path);
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        take_line(line);
    if (f != NULL)
        fclose(f);
}

/* ---- CPUID */

/* Of most leaves there is one, whatever ECX says. */
static const Leaf *
find_leaf(uint32_t leaf, uint32_t subleaf)
{
    static const uint32_t with_subleaves[] = {
        0x4,  0x7,  0xb,  0xd,  0xf,  0x10, 0x12,       0x14,       0x17,
        0x18, 0x1d, 0x1e, 0x1f, 0x20, 0x24, 0x8000001d, 0x80000020, 0x80000026
    };

    for (unsigned i = 0; i < sizeof with_subleaves / sizeof *with_subleaves; i++)
        if (with_subleaves[i] == leaf)
            for (unsigned k = 0; k <= n_own; k++) {
                if (k == n_own)
                    return NULL;
                if (own[k].leaf == leaf && own[k].subleaf == subleaf)
                    return &own[k];
            }
    for (unsigned k = 0; k < n_own; k++)
        if (own[k].leaf == leaf)
            return &own[k];
    return NULL;
}

static void
on_fault(int sig, siginfo_t *fault, void *context)
{
    static const int names[] = { REG_RAX, REG_RBX, REG_RCX, REG_RDX };
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *at = (const unsigned char *)g[REG_RIP];
    const Leaf *l;

    (void)fault;
    if (at[0] != 0x0f || at[1] != 0xa2) { /* not CPUID: a fault of the program's own */
        signal(sig, SIG_DFL);
        return;
    }
    l = find_leaf((uint32_t)g[REG_RAX], (uint32_t)g[REG_RCX]);
    for (unsigned i = 0; i < 4; i++)
        g[names[i]] = l != NULL ? l->r[i] : 0;
    g[REG_RIP] += 2;
}

typedef int (*Main)(int, char **, char **);
static Main real_main;

static int
main_of_another(int argc, char **argv, char **envp)
{
    struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };

    load();
    if (n_own > 0) {
        sigaction(SIGSEGV, &act, NULL);
        if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) != 0)
            perror("player: CPUID cannot be made to fault");
    }
    return real_main(argc, argv, envp);
}

int __libc_start_main(Main m, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);

int
__libc_start_main(Main m, int argc, char **argv, void (*init)(void), void (*fini)(void),
                  void (*rtld_fini)(void), void *stack_end)
{
    REAL(__libc_start_main);
    real_main = m;
    return real(main_of_another, argc, argv, init, fini, rtld_fini, stack_end);
}

/* ---- KVM */

static bool
is_kvm(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 232);
}

static int
get_cpuid(struct kvm_cpuid2 *ret)
{
    if (ret->nent < n_of_kvm) {
        errno = E2BIG;
        return -1;
    }
    memset(ret->entries, 0, n_of_kvm * sizeof *ret->entries);
    for (unsigned i = 0; i < n_of_kvm; i++) {
        const Leaf *l = &of_kvm[i];
        bool alone = l->leaf != 0x4 && l->leaf != 0x7 && l->leaf != 0xd;

        ret->entries[i] = (struct kvm_cpuid_entry2){
            .function = l->leaf,
            .index = l->subleaf,
            .flags = alone ? 0 : KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
            .eax = l->r[0],
            .ebx = l->r[1],
            .ecx = l->r[2],
            .edx = l->r[3],
        };
    }
    ret->nent = n_of_kvm;
    return 0;
}

static int
give_indices(struct kvm_msr_list *ret, const uint32_t *indices, unsigned n)
{
    unsigned room = ret->nmsrs;

    ret->nmsrs = n;
    memcpy(ret->indices, indices, (n < room ? n : room) * sizeof *indices);
    if (n <= room)
        return 0;
    errno = E2BIG;
    return -1;
}

/* Those that tell features are the recording's, the others this machine's. */
static int
get_indices(int fd, unsigned long request, struct kvm_msr_list *ret)
{
    static union {
        struct kvm_msr_list head;
        uint32_t room[1 + 1024];
    } here;
    uint32_t all[1024 + MAX_REGISTERS];
    unsigned n = 0;
    REAL(ioctl);

    here.head.nmsrs = 1024;
    if (request == KVM_GET_MSR_INDEX_LIST && real(fd, request, &here) < 0)
        return -1;
    for (unsigned i = 0; request == KVM_GET_MSR_INDEX_LIST && i < here.head.nmsrs; i++) {
        uint32_t index = here.head.indices[i];

        if (index != 0x10a && index != 0xcf && !(index >= 0x480 && index <= 0x493))
            all[n++] = index;
    }
    for (unsigned i = 0; i < n_registers; i++)
        all[n++] = registers[i].index;
    return give_indices(ret, all, n);
}

static int
get_values(struct kvm_msrs *ret)
{
    for (unsigned i = 0; i < ret->nmsrs; i++) {
        unsigned k = 0;

        while (k < n_registers && registers[k].index != ret->entries[i].index)
            k++;
        if (k == n_registers)
            return (int)i;
        ret->entries[i].data = registers[k].value;
    }
    return (int)ret->nmsrs;
}

int
ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;
    REAL(ioctl);

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    request = (unsigned)request; /* some programs keep it in an int */
    load();
    if (n_of_kvm > 0 && is_kvm(fd)) {
        if (request == KVM_GET_SUPPORTED_CPUID)
            return get_cpuid(arg);
        if (request == KVM_GET_MSR_INDEX_LIST || request == KVM_GET_MSR_FEATURE_INDEX_LIST)
            return get_indices(fd, request, arg);
        if (request == KVM_GET_MSRS)
            return get_values(arg);
    }
    return real(fd, request, arg);
}

/* ---- /proc/cpuinfo */

/* -1: it is another file. */
static int
open_info(const char *path)
{
    int fd;

    if (path == NULL || strcmp(path, "/proc/cpuinfo") != 0)
        return -1;
    load();
    fd = info != NULL ? memfd_create("cpuinfo", MFD_CLOEXEC) : -1;
    if (fd >= 0 && write(fd, info, info_len) >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        int fd = open_info(path), mode;                                                            \
        va_list ap;                                                                                \
        REAL(name);                                                                                \
                                                                                                   \
        va_start(ap, flags);                                                                       \
        mode = va_arg(ap, int);                                                                    \
        va_end(ap);                                                                                \
        return fd >= 0 ? fd : real(path, flags, mode);                                             \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    int name(int folder, const char *path, int flags, ...)                                         \
    {                                                                                              \
        int fd = open_info(path), mode;                                                            \
        va_list ap;                                                                                \
        REAL(name);                                                                                \
                                                                                                   \
        va_start(ap, flags);                                                                       \
        mode = va_arg(ap, int);                                                                    \
        va_end(ap);                                                                                \
        return fd >= 0 ? fd : real(folder, path, flags, mode);                                     \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                                \
    FILE *name(const char *path, const char *mode)                                                 \
    {                                                                                              \
        int fd = open_info(path);                                                                  \
        REAL(name);                                                                                \
                                                                                                   \
        return fd >= 0 ? fdopen(fd, mode) : real(path, mode);                                      \
    }
FOPEN(fopen)
FOPEN(fopen64)
