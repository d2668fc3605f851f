/* -cpu: the model, and settings from elsewhere in the document that are properties of QEMU's CPU.
 */
#include "args_priv.h"

#include <string.h>

static void
put_switch(GString *s, const char *name, int value)
{
    if (value != 0)
        g_string_append_printf(s, ",%s=%s", name, value == ON ? "on" : "off");
}

/* ---- model and features */

static Accel
args_accel(const ArgsOut *a)
{
    return a->def->virt_type == VIRT_KVM ? ACCEL_KVM : ACCEL_TCG;
}

static const char *
default_model(const ArgsOut *a)
{
    if (guest_is_x86(a->def))
        return g_str_equal(a->def->os.arch, "i686") ? "qemu32" : "qemu64";
    return NULL;
}

static void
put_migratable(const ArgsOut *a, const CpuDef *cpu, GString *s)
{
    if (g_strcmp0(a->e->arch, "x86_64") == 0)
        put_switch(s, "migratable", cpu->migratable);
}

static gboolean
put_model(ArgsOut *a, const CpuDef *cpu, GString *s, GError **err)
{
    switch ((CpuMode)cpu->mode) {
    case CPU_HOST_MODEL: /* still: it could not be spelled */
        if (args_accel(a) != ACCEL_KVM)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "the host's CPU model is not known to emulator %s", a->e->path);
        g_string_append(s, "host");
        return TRUE;
    case CPU_HOST_PASSTHROUGH:
        if (args_accel(a) != ACCEL_KVM)
            return fail(
                err, ERR_CONFIG_UNSUPPORTED,
                "CPU mode 'host-passthrough' for %s %s domain on %s host is not supported by "
                "hypervisor",
                a->def->os.arch, word_of(virt_types, a->def->virt_type), a->e->arch);
        g_string_append(s, "host");
        put_migratable(a, cpu, s);
        return TRUE;
    case CPU_MAXIMUM:
        g_string_append(s, "max");
        put_migratable(a, cpu, s);
        return TRUE;
    case CPU_CUSTOM:
        break;
    }
    if (cpu->model != NULL)
        g_string_append(s, cpu->model);
    else if (default_model(a) != NULL)
        g_string_append(s, default_model(a));
    if (cpu->vendor_id != NULL && s->len > 0)
        g_string_append_printf(s, ",vendor=%s", cpu->vendor_id);
    return TRUE;
}

/* An optional feature is there when the host has it. */
static int
feature_switch(const ArgsOut *a, const CpuFeature *f)
{
    const char *name = cpu_feature_to_qemu(f->name);
    const HostCpu *host = &a->e->host[args_accel(a)];

    switch (f->policy) {
    case POLICY_DISABLE:
    case POLICY_FORBID:
        return OFF;
    case POLICY_OPTIONAL:
        return feature_in(&host->features, feature_find(a->e, name)) ? ON : 0;
    default:
        return ON;
    }
}

static void
put_features(const ArgsOut *a, const CpuDef *cpu, GString *s)
{
    for (guint i = 0; i < list_length(cpu->features); i++) {
        const CpuFeature *f = LIST_AT(CpuFeature, cpu->features, i);

        put_switch(s, cpu_feature_to_qemu(f->name), feature_switch(a, f));
    }
}

static gboolean
is_own_mode(const CpuDef *cpu)
{
    return cpu->mode == CPU_HOST_PASSTHROUGH || cpu->mode == CPU_MAXIMUM;
}

static void
put_cache(const CpuDef *cpu, GString *s)
{
    enum { EMULATE = 1, PASSTHROUGH, DISABLE };

    if (cpu->cache == NULL)
        return;
    switch (cpu->cache->mode) {
    case EMULATE:
        g_string_append(s, ",l3-cache=on");
        if (is_own_mode(cpu))
            g_string_append(s, ",host-cache-info=off");
        break;
    case PASSTHROUGH:
        g_string_append(s, ",host-cache-info=on,l3-cache=off");
        break;
    case DISABLE:
        if (is_own_mode(cpu))
            g_string_append(s, ",host-cache-info=off");
        g_string_append(s, ",l3-cache=off");
        break;
    default:
        break;
    }
}

static void
put_phys_bits(const CpuDef *cpu, GString *s)
{
    enum { EMULATE = 1, PASSTHROUGH };
    const CpuMaxphysaddr *m = cpu->maxphysaddr;

    if (m == NULL)
        return;
    if (m->mode == PASSTHROUGH) {
        g_string_append(s, ",host-phys-bits=on");
        if (m->limit != 0)
            g_string_append_printf(s, ",host-phys-bits-limit=%u", m->limit);
        return;
    }
    if (is_own_mode(cpu))
        g_string_append(s, ",host-phys-bits=off");
    if (m->bits != 0)
        g_string_append_printf(s, ",phys-bits=%u", m->bits);
}

/* ---- what is written elsewhere in the document */

static void
put_timers(const ArgsOut *a, GString *s)
{
    const TimerDef *kvmclock = args_timer(a->def, TIMER_KVMCLOCK);
    const TimerDef *hyperv = args_timer(a->def, TIMER_HYPERVCLOCK);
    const TimerDef *tsc = args_timer(a->def, TIMER_TSC);
    const TimerDef *arm = args_timer(a->def, TIMER_ARMVTIMER);

    if (kvmclock != NULL && kvmclock->present != 0)
        put_switch(s, "kvmclock", kvmclock->present);
    if (hyperv != NULL && hyperv->present == YES)
        g_string_append(s, ",hv-time=on");
    if (tsc != NULL && tsc->frequency != 0)
        g_string_append_printf(s, ",tsc-frequency=%" G_GUINT64_FORMAT, tsc->frequency);
    if (arm != NULL && arm->tickpolicy == 4)
        g_string_append(s, ",kvm-no-adjvtime=off");
}

static void
put_hyperv_values(const HypervFeatures *h, GString *s)
{
    if (h->spinlocks == ON)
        g_string_append_printf(s, ",hv-spinlocks=0x%x", h->spinlock_retries);
    if (h->vendor_id == ON && h->vendor_id_value != NULL)
        g_string_append_printf(s, ",hv-vendor-id=%s", h->vendor_id_value);
    if (h->stimer == ON && h->stimer_direct == ON)
        g_string_append(s, ",hv-stimer-direct=on");
    if (h->tlbflush == ON && h->tlbflush_direct == ON)
        g_string_append(s, ",hv-tlbflush-direct=on");
    if (h->tlbflush == ON && h->tlbflush_extended == ON)
        g_string_append(s, ",hv-tlbflush-ext=on");
}

static void
put_hyperv(const ArgsOut *a, GString *s)
{
    static const struct {
        const char *name;
        gsize offset;
    } rows[] = {
        { "hv-relaxed", G_STRUCT_OFFSET(HypervFeatures, relaxed) },
        { "hv-vapic", G_STRUCT_OFFSET(HypervFeatures, vapic) },
        { "hv-vpindex", G_STRUCT_OFFSET(HypervFeatures, vpindex) },
        { "hv-runtime", G_STRUCT_OFFSET(HypervFeatures, runtime) },
        { "hv-synic", G_STRUCT_OFFSET(HypervFeatures, synic) },
        { "hv-stimer", G_STRUCT_OFFSET(HypervFeatures, stimer) },
        { "hv-reset", G_STRUCT_OFFSET(HypervFeatures, reset) },
        { "hv-frequencies", G_STRUCT_OFFSET(HypervFeatures, frequencies) },
        { "hv-reenlightenment", G_STRUCT_OFFSET(HypervFeatures, reenlightenment) },
        { "hv-tlbflush", G_STRUCT_OFFSET(HypervFeatures, tlbflush) },
        { "hv-ipi", G_STRUCT_OFFSET(HypervFeatures, ipi) },
        { "hv-evmcs", G_STRUCT_OFFSET(HypervFeatures, evmcs) },
        { "hv-avic", G_STRUCT_OFFSET(HypervFeatures, avic) },
        { "hv-emsr-bitmap", G_STRUCT_OFFSET(HypervFeatures, emsr_bitmap) },
        { "hv-xmm-input", G_STRUCT_OFFSET(HypervFeatures, xmm_input) },
    };
    enum { PASSTHROUGH = 2 };
    const HypervFeatures *h = a->def->features->hyperv;

    if (h == NULL)
        return;
    if (h->mode == PASSTHROUGH)
        g_string_append(s, ",hv-passthrough=on");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (G_STRUCT_MEMBER(int, h, rows[i].offset) == ON)
            g_string_append_printf(s, ",%s=on", rows[i].name);
    put_hyperv_values(h, s);
}

static void
put_domain_features(const ArgsOut *a, GString *s)
{
    const FeaturesDef *f = a->def->features;

    if (f == NULL)
        return;
    put_switch(s, "kvm-pv-eoi", f->apic ? f->apic_eoi : 0);
    put_switch(s, "kvm-pv-unhalt", f->pvspinlock);
    put_hyperv(a, s);
    put_switch(s, "pmu", f->pmu);
    if (f->kvm == NULL)
        return;
    if (f->kvm->hidden == ON)
        g_string_append(s, ",kvm=off");
    if (f->kvm->hint_dedicated == ON)
        g_string_append(s, ",kvm-hint-dedicated=on");
    if (f->kvm->poll_control == ON)
        g_string_append(s, ",kvm-poll-control=on");
    if (f->kvm->pv_ipi == OFF)
        g_string_append(s, ",kvm-pv-ipi=off");
}

static void
put_panic(const ArgsOut *a, GString *s)
{
    for (guint i = 0; i < list_length(a->def->devices.panics); i++)
        if (LIST_AT(PanicDef, a->def->devices.panics, i)->model == PANIC_HYPERV) {
            g_string_append(s, ",hv-crash");
            return;
        }
}

static CpuDef *
spelled_cpu(const ArgsOut *a)
{
    CpuDef *cpu = schema_copy(&cpu_schema, a->def->cpu);

    if (cpu->mode == CPU_HOST_MODEL || guest_is_x86(a->def))
        cpu_spell(cpu, a->e, args_accel(a));
    return cpu;
}

static gboolean
put_cpu(ArgsOut *a, const CpuDef *cpu, GError **err)
{
    g_autoptr(GString) s = g_string_new(NULL), extra = g_string_new(NULL);

    if (!put_model(a, cpu, s, err))
        return FALSE;
    put_features(a, cpu, extra);
    put_timers(a, extra);
    put_domain_features(a, extra);
    put_panic(a, extra);
    put_cache(cpu, extra);
    put_phys_bits(cpu, extra);
    if (s->len == 0 && extra->len == 0)
        return TRUE;
    if (s->len == 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "CPU features are asked for, but the document names no CPU model and machine "
                    "'%s' has no known one",
                    a->def->os.machine);
    g_string_append(s, extra->str);
    args_pair(a, "-cpu", s->str);
    return TRUE;
}

gboolean
args_put_cpu(ArgsOut *a, GError **err)
{
    static const CpuDef plain = { .mode = CPU_CUSTOM };
    CpuDef *cpu = a->def->cpu != NULL ? spelled_cpu(a) : NULL;
    gboolean ok = put_cpu(a, cpu != NULL ? cpu : &plain, err);

    schema_free(&cpu_schema, cpu);
    return ok;
}
