/* Where a CPU says that it has a feature: a bit of a register of a CPUID leaf, or of a model
 * specific register, as the manuals of Intel and AMD lay it out. QEMU tells a guest's CPU as such
 * words of CPUID; documents name features, these and no others, and list them in this order.
 */
#include <stdlib.h>
#include <string.h>

#include "host.h"

typedef struct Word {
    guint32 leaf, subleaf; /* of a model specific register: its index, and which half of it */
    const char *reg;       /* NULL: a model specific register */
    const char *names;     /* from bit 0 upwards, as QEMU spells them; a number goes to that bit */
} Word;

static const Word words[] = {
    { 0x1, 0, "ECX",
      "pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid 12 fma cx16 xtpr pdcm 17 pcid dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave osxsave avx f16c rdrand hypervisor" },
    { 0x1, 0, "EDX",
      "fpu vme de pse tsc msr pae mce cx8 apic 11 sep mtrr pge mca cmov pat pse36 pn clflush 21 ds acpi mmx fxsr sse sse2 ss ht tm ia64 pbe" },
    { 0x6, 0, "EAX", "2 arat" },
    { 0x7, 0, "EBX",
      "fsgsbase tsc-adjust sgx bmi1 hle avx2 fdp-excptn-only smep bmi2 erms invpcid rtm cmt zero-fcs-fds mpx 16 avx512f avx512dq rdseed adx smap avx512ifma pcommit clflushopt clwb intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl" },
    { 0x7, 0, "ECX",
      "1 avx512vbmi umip pku ospke waitpkg avx512vbmi2 8 gfni vaes vpclmulqdq avx512vnni avx512bitalg 14 avx512-vpopcntdq 16 la57 22 rdpid 24 bus-lock-detect cldemote 27 movdiri movdir64b 30 sgxlc pks" },
    { 0x7, 0, "EDX",
      "2 avx512-4vnniw avx512-4fmaps fsrm 8 avx512-vp2intersect 10 md-clear 14 serialize 16 tsx-ldtrk 18 pconfig arch-lbr 22 amx-bf16 avx512-fp16 amx-tile amx-int8 spec-ctrl stibp flush-l1d arch-capabilities core-capability ssbd" },
    { 0x7, 1, "EAX",
      "sha512 sm3 sm4 4 avx-vnni avx512-bf16 7 cmpccxadd 10 fzrm fsrs fsrc 17 fred lkgs wrmsrns 21 amx-fp16 23 avx-ifma 26 lam" },
    { 0x7, 1, "EDX",
      "4 avx-vnni-int8 avx-ne-convert 8 amx-complex 10 avx-vnni-int16 14 prefetchiti 19 avx10" },
    { 0x7, 2, "EDX", "intel-psfd ipred-ctrl rrsba-ctrl ddpd-u bhi-ctrl mcdt-no" },
    { 0xd, 1, "EAX", "xsaveopt xsavec xgetbv1 xsaves xfd" },
    { 0xf, 1, "EDX", "1 mbm_total mbm_local" },
    { 0x12, 0, "EAX", "sgx1 sgx2 11 sgx-edeccssa" },
    { 0x12, 0, "EBX", "sgx-exinfo" },
    { 0x12, 1, "EAX",
      "1 sgx-debug sgx-mode64 4 sgx-provisionkey sgx-tokenkey 7 sgx-kss 10 sgx-aex-notify" },
    { 0x14, 0, "ECX", "31 intel-pt-lip" },
    { 0x24, 0, "EBX", "16 avx10-128 avx10-256 avx10-512" },
    { 0x80000001, 0, "ECX",
      "lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt 15 lwp fma4 tce cvt16 nodeid-msr 21 tbm topoext perfctr-core perfctr-nb" },
    { 0x80000001, 0, "EDX",
      "11 syscall 20 nx 22 mmxext 25 fxsr-opt pdpe1gb rdtscp 29 lm 3dnowext 3dnow" },
    { 0x80000007, 0, "EBX", "overflow-recov succor" },
    { 0x80000007, 0, "EDX", "8 invtsc" },
    { 0x80000008, 0, "EBX",
      "clzero 2 xsaveerptr 9 wbnoinvd 12 ibpb 14 ibrs amd-stibp 17 stibp-always-on 24 amd-ssbd virt-ssbd amd-no-ssb 28 amd-psfd" },
    { 0x8000000a, 0, "EDX",
      "npt lbrv svm-lock nrip-save tsc-scale vmcb-clean flushbyasid decodeassists 10 pause-filter 12 pfthreshold avic 15 v-vmsave-vmload vgif 25 vnmi 28 svme-addr-chk" },
    { 0x80000021, 0, "EAX",
      "no-nested-data-bp 2 lfence-always-serializing 6 null-sel-clr-base 8 auto-ibrs 24 eraps 27 sbpb ibpb-brtype srso-no srso-user-kernel-no" },
    { 0x80000022, 0, "EAX", "perfmon-v2" },
    { 0xcf, 0, NULL, "5 split-lock-detect" },
    { 0x10a, 0, NULL,
      "rdctl-no ibrs-all rsba skip-l1dfl-vmentry ssb-no mds-no pschange-mc-no tsx-ctrl taa-no 13 sbdr-ssdp-no fbsdp-no psdp-no 17 fb-clear 24 pbrsb-no 26 gds-no rfds-no rfds-clear" },
    { 0x480, 1, NULL, "22 vmx-ins-outs vmx-true-ctls vmx-any-errcode 26 vmx-nested-exception" },
    { 0x485, 0, NULL,
      "5 vmx-store-lma vmx-activity-hlt vmx-activity-shutdown vmx-activity-wait-sipi 29 vmx-vmwrite-vmexit-fields vmx-zero-len-inject" },
    { 0x48b, 0, NULL,
      "vmx-apicv-xapic vmx-ept vmx-desc-exit vmx-rdtscp-exit vmx-apicv-x2apic vmx-vpid vmx-wbinvd-exit vmx-unrestricted-guest vmx-apicv-register vmx-apicv-vid vmx-ple vmx-rdrand-exit vmx-invpcid-exit vmx-vmfunc vmx-shadow-vmcs vmx-encls-exit vmx-rdseed-exit vmx-pml 20 vmx-xsaves 25 vmx-tsc-scaling vmx-enable-user-wait-pause" },
    { 0x48c, 0, NULL,
      "vmx-ept-execonly 6 vmx-page-walk-4 vmx-page-walk-5 vmx-ept-uc 14 vmx-ept-wb 16 vmx-ept-2mb vmx-ept-1gb 20 vmx-invept vmx-eptad vmx-ept-advanced-exitinfo 25 vmx-invept-single-context vmx-invept-all-context" },
    { 0x48c, 1, NULL,
      "vmx-invvpid 8 vmx-invvpid-single-addr vmx-invvpid-single-context vmx-invvpid-all-context vmx-invept-single-context-noglobals" },
    { 0x48d, 0, NULL,
      "vmx-intr-exit 3 vmx-nmi-exit 5 vmx-vnmi vmx-preemption-timer vmx-posted-intr" },
    { 0x48e, 0,
      NULL, "2 vmx-vintr-pending vmx-tsc-offset 7 vmx-hlt-exit 9 vmx-invlpg-exit vmx-mwait-exit vmx-rdpmc-exit vmx-rdtsc-exit 15 vmx-cr3-load-noexit vmx-cr3-store-noexit 19 vmx-cr8-load-exit vmx-cr8-store-exit vmx-flexpriority vmx-vnmi-pending vmx-movdr-exit vmx-io-exit vmx-io-bitmap 27 vmx-mtf vmx-msr-bitmap vmx-monitor-exit vmx-pause-exit vmx-secondary-ctls" },
    { 0x48f, 0, NULL,
      "2 vmx-exit-nosave-debugctl 12 vmx-exit-load-perf-global-ctrl 15 vmx-exit-ack-intr 18 vmx-exit-save-pat vmx-exit-load-pat vmx-exit-save-efer vmx-exit-load-efer vmx-exit-save-preemption-timer vmx-exit-clear-bndcfgs 25 vmx-exit-clear-rtit-ctl 29 vmx-exit-load-pkrs 31 vmx-exit-secondary-ctls" },
    { 0x490, 0, NULL,
      "2 vmx-entry-noload-debugctl 9 vmx-entry-ia32e-mode 13 vmx-entry-load-perf-global-ctrl vmx-entry-load-pat vmx-entry-load-efer vmx-entry-load-bndcfgs 18 vmx-entry-load-rtit-ctl 22 vmx-entry-load-pkrs vmx-entry-load-fred" },
    { 0x491, 0, NULL, "vmx-eptp-switching" },
};

typedef struct FeaturePlace {
    const char *name; /* an interned string */
    guint32 number;   /* of the word, and of the bit in it */
} FeaturePlace;

static GArray *
places_make(void)
{
    GArray *places = g_array_new(FALSE, FALSE, sizeof(FeaturePlace));

    for (guint w = 0; w < G_N_ELEMENTS(words); w++) {
        g_auto(GStrv) names = g_strsplit(words[w].names, " ", 0);
        guint32 bit = 0;

        for (guint i = 0; names[i] != NULL; i++) {
            guint32 number = strspn(names[i], "0123456789") == strlen(names[i]);

            if (number) {
                bit = (guint32)strtoul(names[i], NULL, 10);
            } else {
                FeaturePlace p = { g_intern_string(names[i]), w * 32 + bit++ };
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

    while (n < places->len && words[g_array_index(places, FeaturePlace, n).number / 32].reg != NULL)
        n++;
    return n;
}

const char *
cpuid_feature(guint i)
{
    return g_array_index(places_get(), FeaturePlace, i).name;
}

guint
cpuid_places(void)
{
    return places_get()->len;
}

guint
cpuid_order(const char *name)
{
    static GHashTable *numbers; /* name: its place, and 1 */
    const GArray *places = places_get();
    guint n;

    if (numbers == NULL) {
        numbers = g_hash_table_new(g_str_hash, g_str_equal);
        for (guint i = 0; i < places->len; i++)
            g_hash_table_insert(numbers, (gpointer)g_array_index(places, FeaturePlace, i).name,
                                GUINT_TO_POINTER(i + 1));
    }
    n = GPOINTER_TO_UINT(g_hash_table_lookup(numbers, name));
    return n > 0 ? n - 1 : places->len;
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
        const FeaturePlace *p = &g_array_index(places, FeaturePlace, i);

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
cpuid_word(const Word *w)
{
    static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };
    guint32 r[4], value = 0;

    processor_cpuid(w->leaf, w->subleaf, r);
    for (guint i = 0; i < G_N_ELEMENTS(registers); i++)
        if (g_str_equal(registers[i], w->reg))
            value = r[i];
    return value;
}

static guint32
msr_word(const Word *w)
{
    guint64 value = 0;

    processor_msr(w->leaf, &value);
    return (guint32)(value >> (w->subleaf * 32));
}

GHashTable *
cpuid_here(void)
{
    guint32 values[G_N_ELEMENTS(words)];

    for (guint w = 0; w < G_N_ELEMENTS(words); w++)
        values[w] = words[w].reg != NULL ? cpuid_word(&words[w]) : msr_word(&words[w]);
    return name_bits(values);
}

gboolean
cpuid_has(const char *name)
{
    g_autoptr(GHashTable) has = cpuid_here();

    return g_hash_table_contains(has, name);
}

gboolean
cpuid_self(CpuSelf *ret_self)
{
    CpuSelf self = { { 0 }, 0, 0, 0 };
    guint32 r[4];

    if (!processor_cpuid(0, 0, r))
        return FALSE;
    memcpy(self.vendor, &r[1], 4);
    memcpy(self.vendor + 4, &r[3], 4);
    memcpy(self.vendor + 8, &r[2], 4);
    if (!processor_cpuid(1, 0, r))
        return FALSE;
    self.family = r[0] >> 8 & 0xf;
    self.model = r[0] >> 4 & 0xf;
    if (self.family >= 6)
        self.model |= r[0] >> 12 & 0xf0;
    if (self.family == 15)
        self.family += r[0] >> 20 & 0xff;
    self.stepping = r[0] & 0xf;
    *ret_self = self;
    return TRUE;
}
