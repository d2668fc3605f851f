/* Where a CPU says that it has a feature: a bit of a register of a CPUID leaf, as the manuals of
 * Intel and AMD lay it out. QEMU tells a guest's CPU as such words; documents name features, and
 * list them in this order. Model specific registers come last: QEMU does not tell those.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

#if defined __x86_64__ || defined __i386__
#include <cpuid.h>
#endif

typedef struct Word {
    guint32 leaf, subleaf;
    const char *reg;   /* NULL: a model specific register */
    const char *names; /* from bit 0 upwards, as QEMU spells them; a number goes to that bit */
} Word;

static const Word words[] = {
    { 0x1, 0, "ECX",
      "pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid 12 fma cx16 xtpr pdcm 17 pcid dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave osxsave avx f16c rdrand hypervisor" },
    { 0x1, 0, "EDX",
      "fpu vme de pse tsc msr pae mce cx8 apic 11 sep mtrr pge mca cmov pat pse36 pn clflush 21 ds acpi mmx fxsr sse sse2 ss ht tm ia64 pbe" },
    { 0x6, 0, "EAX", "2 arat" },
    { 0x7, 0, "EBX",
      "fsgsbase tsc-adjust sgx bmi1 hle avx2 fdp-excptn-only smep bmi2 erms invpcid rtm 13 zero-fcs-fds mpx 16 avx512f avx512dq rdseed adx smap avx512ifma pcommit clflushopt clwb intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl" },
    { 0x7, 0, "ECX",
      "1 avx512vbmi umip pku ospke waitpkg avx512vbmi2 8 gfni vaes vpclmulqdq avx512vnni avx512bitalg 14 avx512-vpopcntdq 16 la57 22 rdpid 24 bus-lock-detect cldemote 27 movdiri movdir64b 30 sgxlc pks" },
    { 0x7, 0, "EDX",
      "2 avx512-4vnniw avx512-4fmaps fsrm 8 avx512-vp2intersect 10 md-clear 14 serialize 16 tsx-ldtrk 19 arch-lbr 22 amx-bf16 avx512-fp16 amx-tile amx-int8 spec-ctrl stibp flush-l1d arch-capabilities core-capability ssbd" },
    { 0x7, 1, "EAX",
      "4 avx-vnni avx512-bf16 7 cmpccxadd 10 fzrm fsrs fsrc 17 fred lkgs wrmsrns 21 amx-fp16 23 avx-ifma 26 lam" },
    { 0x7, 1, "EDX",
      "4 avx-vnni-int8 avx-ne-convert 8 amx-complex 10 avx-vnni-int16 14 prefetchiti 19 avx10" },
    { 0x7, 2, "EDX", "intel-psfd ipred-ctrl rrsba-ctrl ddpd-u bhi-ctrl mcdt-no" },
    { 0xd, 1, "EAX", "xsaveopt xsavec xgetbv1 xsaves xfd" },
    { 0x14, 0, "ECX", "31 intel-pt-lip" },
    { 0x24, 0, "EBX", "16 avx10-128 avx10-256 avx10-512" },
    { 0x80000001, 0, "ECX",
      "lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt 15 lwp fma4 tce 19 nodeid-msr 21 tbm topoext perfctr-core perfctr-nb" },
    { 0x80000001, 0, "EDX",
      "11 syscall 19 mp nx 22 mmxext 25 fxsr-opt pdpe1gb rdtscp 29 lm 3dnowext 3dnow" },
    { 0x80000007, 0, "EBX", "overflow-recov succor" },
    { 0x80000007, 0, "EDX", "8 invtsc" },
    { 0x80000008, 0, "EBX",
      "clzero 2 xsaveerptr 9 wbnoinvd 12 ibpb 14 ibrs amd-stibp 17 stibp-always-on 24 amd-ssbd virt-ssbd amd-no-ssb 28 amd-psfd" },
    { 0x8000000a, 0, "EDX",
      "npt lbrv svm-lock nrip-save tsc-scale vmcb-clean flushbyasid decodeassists 10 pause-filter 12 pfthreshold avic 15 v-vmsave-vmload vgif 25 vnmi 28 svme-addr-chk" },
    { 0x80000021, 0, "EAX",
      "no-nested-data-bp fs-gs-base-ns lfence-always-serializing 6 null-sel-clr-base 8 auto-ibrs 20 prefetchi 27 sbpb ibpb-brtype srso-no srso-user-kernel-no" },
    { 0x10a, 0, NULL,
      "rdctl-no ibrs-all rsba skip-l1dfl-vmentry ssb-no mds-no pschange-mc-no tsx-ctrl taa-no "
      "13 sbdr-ssdp-no fbsdp-no psdp-no 17 fb-clear 20 bhi-no 24 pbrsb-no 26 gds-no rfds-no" },
};

typedef struct Place {
    const char *name; /* an interned string */
    guint32 number;   /* of the word, and of the bit in it */
} Place;

static GArray *
places_make(void)
{
    GArray *places = g_array_new(FALSE, FALSE, sizeof(Place));

    for (guint w = 0; w < G_N_ELEMENTS(words); w++) {
        g_auto(GStrv) names = g_strsplit(words[w].names, " ", 0);
        guint32 bit = 0;

        for (guint i = 0; names[i] != NULL; i++) {
            guint32 number = strspn(names[i], "0123456789") == strlen(names[i]);

            if (number) {
                bit = (guint32)strtoul(names[i], NULL, 10);
            } else {
                Place p = { g_intern_string(names[i]), w * 32 + bit++ };
                g_array_append_val(places, p);
            }
        }
    }
    return places;
}

static const GArray *
places_get(void)
{
    static GArray *places;

    if (places == NULL)
        places = places_make();
    return places;
}

guint
cpuid_features(void)
{
    const GArray *places = places_get();
    guint n = 0;

    while (n < places->len && words[g_array_index(places, Place, n).number / 32].reg != NULL)
        n++;
    return n;
}

const char *
cpuid_feature(guint i)
{
    return g_array_index(places_get(), Place, i).name;
}

guint
cpuid_order(const char *name)
{
    const GArray *places = places_get();

    for (guint i = 0; i < places->len; i++)
        if (g_str_equal(g_array_index(places, Place, i).name, name))
            return i;
    return places->len;
}

/* ---- what QEMU says */

static guint32
word_value(json_object *answer, const Word *w)
{
    for (gsize i = 0; i < json_length(answer); i++) {
        json_object *o = json_object_array_get_idx(answer, i);

        if (json_int(o, "cpuid-input-eax", -1) == w->leaf &&
            json_int(o, "cpuid-input-ecx", 0) == w->subleaf &&
            g_strcmp0(json_str(o, "cpuid-register"), w->reg) == 0)
            return (guint32)json_int(o, "features", 0);
    }
    return 0;
}

static GHashTable *
name_bits(const guint32 *values)
{
    GHashTable *set = g_hash_table_new(g_str_hash, g_str_equal);
    const GArray *places = places_get();

    for (guint i = 0; i < places->len; i++) {
        const Place *p = &g_array_index(places, Place, i);

        if (values[p->number / 32] >> (p->number % 32) & 1)
            g_hash_table_add(set, (gpointer)p->name);
    }
    return set;
}

GHashTable *
cpuid_read(json_object *answer)
{
    guint32 values[G_N_ELEMENTS(words)];

    for (guint w = 0; w < G_N_ELEMENTS(words); w++)
        values[w] = word_value(answer, &words[w]);
    return name_bits(values);
}

/* ---- what this machine says */

static guint32
word_here(const Word *w)
{
#if defined __x86_64__ || defined __i386__
    static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };
    guint32 r[4] = { 0 };

    if (!__get_cpuid_count(w->leaf, w->subleaf, &r[0], &r[1], &r[2], &r[3]))
        return 0;
    for (guint i = 0; i < G_N_ELEMENTS(registers); i++)
        if (g_strcmp0(registers[i], w->reg) == 0)
            return r[i];
#endif
    return 0;
}

GHashTable *
cpuid_here(void)
{
    guint32 values[G_N_ELEMENTS(words)];

    for (guint w = 0; w < G_N_ELEMENTS(words); w++)
        values[w] = word_here(&words[w]);
    return name_bits(values);
}

gboolean
cpuid_self(CpuSelf *ret_self)
{
#if defined __x86_64__ || defined __i386__
    guint32 a, b, c, d;
    CpuSelf self = { { 0 }, 0, 0, 0 };

    if (!__get_cpuid(0, &a, &b, &c, &d))
        return FALSE;
    memcpy(self.vendor, &b, 4);
    memcpy(self.vendor + 4, &d, 4);
    memcpy(self.vendor + 8, &c, 4);
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return FALSE;
    self.family = a >> 8 & 0xf;
    self.model = a >> 4 & 0xf;
    if (self.family == 6 || self.family == 15)
        self.model |= a >> 12 & 0xf0;
    if (self.family == 15)
        self.family += a >> 20 & 0xff;
    self.stepping = a & 0xf;
    *ret_self = self;
    return TRUE;
#else
    return FALSE;
#endif
}
