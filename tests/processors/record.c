/* Prints a recording of this machine's processor (README.md). As root, or who may use /dev/kvm. */
#include <cpuid.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define ROOM 256

static void
print_leaf(const char *kind, uint32_t leaf, uint32_t subleaf, const uint32_t r[4])
{
    if (r[0] | r[1] | r[2] | r[3])
        printf("%s %08x %02x %08x %08x %08x %08x\n", kind, leaf, subleaf, r[0], r[1], r[2], r[3]);
}

/* Leaves of caches, threads and their like are left out: they say nothing of features. */
static int
is_of_features(uint32_t leaf)
{
    return leaf != 0x2 && leaf != 0x4 && leaf != 0xb && leaf != 0x1f && leaf != 0x8000001d &&
           leaf != 0x80000026 && leaf != 0x80000005 && leaf != 0x80000006;
}

static void
print_cpuid(uint32_t first)
{
    uint32_t last = __get_cpuid_max(first, NULL);

    for (uint32_t leaf = first; last != 0 && leaf <= last; leaf++)
        for (uint32_t subleaf = 0; subleaf < (leaf == 0xd ? 32 : 3); subleaf++) {
            uint32_t r[4], zero[4];

            __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
            __cpuid_count(leaf, 0, zero[0], zero[1], zero[2], zero[3]);
            if (is_of_features(leaf) && (subleaf == 0 || memcmp(r, zero, sizeof r) != 0))
                print_leaf("cpuid", leaf, subleaf, r);
        }
}

static void
print_kvm_cpuid(int kvm)
{
    struct kvm_cpuid2 *c = calloc(1, sizeof *c + ROOM * sizeof *c->entries);

    c->nent = ROOM;
    if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c) == 0)
        for (uint32_t i = 0; i < c->nent; i++) {
            const struct kvm_cpuid_entry2 *e = &c->entries[i];
            uint32_t r[4] = { e->eax, e->ebx, e->ecx, e->edx };

            if (is_of_features(e->function))
                print_leaf("kvm", e->function, e->index, r);
        }
    free(c);
}

static void
print_registers(int kvm)
{
    struct kvm_msr_list *l = calloc(1, sizeof *l + ROOM * sizeof *l->indices);

    l->nmsrs = ROOM;
    if (ioctl(kvm, KVM_GET_MSR_FEATURE_INDEX_LIST, l) == 0)
        for (uint32_t i = 0; i < l->nmsrs; i++) {
            union {
                struct kvm_msrs head;
                uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
            } ask = { .head.nmsrs = 1 };

            ask.head.entries[0].index = l->indices[i];
            if (ioctl(kvm, KVM_GET_MSRS, &ask) == 1)
                printf("msr %08x %llx\n", l->indices[i],
                       (unsigned long long)ask.head.entries[0].data);
        }
    free(l);
}

static void
print_info(void)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[4096];

    while (f != NULL && fgets(line, sizeof line, f) != NULL && *line != '\n')
        printf("info %s", line);
    if (f != NULL)
        fclose(f);
}

int
main(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    print_cpuid(0);
    print_cpuid(0x80000000);
    if (kvm >= 0) {
        print_kvm_cpuid(kvm);
        print_registers(kvm);
    }
    print_info();
    return 0;
}
