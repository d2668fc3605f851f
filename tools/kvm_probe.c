/* Whether /dev/kvm runs a guest, or only opens: inside some virtual machines it emulates each
 * instruction of a kernel, which then boots for minutes. A loop in long mode, as a kernel would run
 * it, must come to its end while little processor time is used (time on the clock says nothing on a
 * busy machine). Prints one line; the status is 0 where KVM runs, 1 where it does not. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROUNDS = 10 * 1000 * 1000,
    CPU_MS = 400,       /* a processor needs some 5 ms for the rounds, an emulation seconds */
    CLOCK_SECONDS = 10, /* for a KVM that neither runs nor uses the processor */
    MEMORY = 4 << 20,
    PML4 = 0x1000,
    PDPT = 0x2000,
    PD = 0x3000,
    CODE = 0x4000,
    PORT = 0xf4,
};

/* mov ecx, ROUNDS; again: dec ecx; jnz again; out PORT, al; hlt */
static const uint8_t code[] = { 0xb9,
                                ROUNDS & 0xff,
                                ROUNDS >> 8 & 0xff,
                                ROUNDS >> 16 & 0xff,
                                ROUNDS >> 24,
                                0xff,
                                0xc9,
                                0x75,
                                0xfc,
                                0xe6,
                                PORT,
                                0xf4 };

static void
on_alarm(int sig)
{
}

/* Returns 1 after it has said why. */
static int
cannot(const char *what)
{
    printf("KVM does not run here: %s\n", what);
    return 1;
}

static int
cannot_call(const char *call)
{
    printf("KVM does not run here: %s: %s\n", call, strerror(errno));
    return 1;
}

/* One page of 2 MiB, mapped where it lies. */
static void
memory_fill(uint8_t *memory)
{
    enum { PRESENT = 1, WRITABLE = 2, LARGE = 0x80 };

    *(uint64_t *)(memory + PML4) = PDPT | PRESENT | WRITABLE;
    *(uint64_t *)(memory + PDPT) = PD | PRESENT | WRITABLE;
    *(uint64_t *)(memory + PD) = PRESENT | WRITABLE | LARGE;
    memcpy(memory + CODE, code, sizeof(code));
}

static int
enter_long_mode(int vcpu)
{
    enum { PE = 1, PG = (int)0x80000000, PAE = 0x20, LME = 0x100, LMA = 0x400 };
    struct kvm_segment flat = {
        .limit = 0xffffffff, .present = 1, .s = 1, .g = 1, .db = 1, .selector = 16, .type = 3
    };
    struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
    struct kvm_sregs sregs;

    if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
        return cannot_call("KVM_GET_SREGS");
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat;
    flat.selector = 8;
    flat.type = 11;
    flat.l = 1;
    flat.db = 0;
    sregs.cs = flat;
    sregs.cr3 = PML4;
    sregs.cr4 = PAE;
    sregs.cr0 = (uint32_t)PG | PE;
    sregs.efer = LME | LMA;
    if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0)
        return cannot_call("KVM_SET_SREGS");
    return ioctl(vcpu, KVM_SET_REGS, &regs) < 0 ? cannot_call("KVM_SET_REGS") : 0;
}

static int
run(int vcpu, const struct kvm_run *state)
{
    struct itimerval limit = { .it_value.tv_usec = CPU_MS * 1000 };
    struct sigaction action = { .sa_handler = on_alarm };

    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_PROF, &limit, NULL);
    if (ioctl(vcpu, KVM_RUN, 0) < 0)
        return errno == EINTR ? cannot("it emulates each instruction") : cannot_call("KVM_RUN");
    if (state->exit_reason != KVM_EXIT_IO || state->io.port != PORT)
        return cannot("a small program did not come to its end");
    puts("KVM runs here");
    return 0;
}

static int
probe(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu, size;
    struct kvm_userspace_memory_region region = { .memory_size = MEMORY };
    uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                           0);
    struct kvm_run *state;

    if (kvm < 0)
        return cannot_call("/dev/kvm");
    if (memory == MAP_FAILED)
        return cannot_call("memory");
    memory_fill(memory);
    region.userspace_addr = (uintptr_t)memory;
    vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0 || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return cannot_call("a virtual machine");
    vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (vcpu < 0 || size < 0)
        return cannot_call("a virtual processor");
    state = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (state == MAP_FAILED)
        return cannot_call("a virtual processor's state");
    return enter_long_mode(vcpu) || run(vcpu, state);
}

/* In a child: not every KVM lets a signal in. */
int
main(void)
{
    struct timespec limit = { .tv_sec = CLOCK_SECONDS };
    sigset_t child;
    pid_t pid;
    int status;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    pid = fork();
    if (pid == 0)
        return probe();
    if (pid < 0)
        return cannot_call("a process");
    if (sigtimedwait(&child, NULL, &limit) < 0) {
        kill(pid, SIGKILL);
        return cannot("it does not come back from running a program");
    }
    if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
        return cannot("the process that tried it was ended");
    return WEXITSTATUS(status);
}
