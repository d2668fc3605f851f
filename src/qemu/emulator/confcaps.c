/* What conf knows of an emulator, and the way by which it asks. */
#include "hostcaps.h"

#include <string.h>

#include "emulator_priv.h"

static MachineCaps *
machine_caps(const Machine *m)
{
    MachineCaps *c = g_new0(MachineCaps, 1);

    c->name = g_strdup(m->name);
    c->alias = g_strdup(m->alias);
    c->default_cpu = g_strdup(m->cpu);
    c->max_cpus = m->max_cpus;
    c->is_default = m->is_default;
    c->hotplug_cpus = m->hotplug_cpus;
    c->deprecated = m->deprecated;
    c->numa_mem = m->numa_mem;
    c->acpi = m->acpi;
    return c;
}

static CpuModelCaps *
model_caps(const CpuModel *m, Accel accel)
{
    CpuModelCaps *c = g_new0(CpuModelCaps, 1);

    c->name = g_strdup(m->name);
    c->usable = feature_set_empty(&m->on[accel].blockers) ? CPU_USABLE_YES : CPU_USABLE_NO;
    c->deprecated = m->deprecated;
    return c;
}

static void
add_feature(EmulatorCaps *caps, const char *name, gboolean has)
{
    if (has)
        g_hash_table_add(caps->features, g_strdup(name));
}

static gboolean
is_backend(const char *type)
{
    static const char *const prefixes[] = { "memory-backend-", "rng-",  "cryptodev-", "chardev-",
                                            "tls-creds-",      "sev-",  "tdx-",       "iothread",
                                            "input-linux",     "secret" };

    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(type, prefixes[i]))
            return TRUE;
    return FALSE;
}

gboolean
swtpm_is_there(void)
{
    g_autofree char *swtpm = g_find_program_in_path("swtpm");
    g_autofree char *setup = g_find_program_in_path("swtpm_setup");

    return swtpm && setup;
}

static void
add_features(EmulatorCaps *caps, const Emulator *e)
{
    add_feature(caps, "swtpm", swtpm_is_there());
    add_feature(caps, "vnc", emulator_able(e, ABLE_VNC));
    add_feature(caps, "spice", emulator_able(e, ABLE_SPICE));
    add_feature(caps, "sdl", emulator_able(e, ABLE_SDL));
    add_feature(caps, "egl-headless", emulator_able(e, ABLE_EGL_HEADLESS));
    add_feature(caps, "dbus", emulator_able(e, ABLE_DBUS_DISPLAY));
    add_feature(caps, "sev", emulator_able(e, ABLE_SEV));
    add_feature(caps, "sgx", emulator_able(e, ABLE_SGX));
    for (guint i = 0; i < e->tpm_types->len; i++) {
        g_autofree char *name = g_strconcat("tpm-", e->tpm_types->pdata[i], NULL);

        add_feature(caps, name, TRUE);
    }
    for (guint i = 0; i < e->gics->len; i++) {
        g_autofree char *name = g_strconcat("gic-", e->gics->pdata[i], NULL);

        add_feature(caps, name, TRUE);
    }
    for (guint i = 0; i < e->types->len; i++)
        add_feature(caps, e->types->pdata[i], is_backend(e->types->pdata[i]));
}

static EmulatorCaps *
caps_build(const Emulator *e, Accel accel)
{
    EmulatorCaps *caps = caps_new();

    caps->path = g_strdup(e->path);
    caps->arch = g_strdup(e->arch);
    caps->version = (guint)e->version;
    caps->kvm = e->kvm;
    caps->tcg = TRUE;
    for (guint i = 0; i < e->types->len; i++)
        g_hash_table_add(caps->devices, g_strdup(e->types->pdata[i]));
    add_features(caps, e);
    for (guint i = 0; i < e->machines->len; i++)
        g_ptr_array_add(caps->machines, machine_caps(&g_array_index(e->machines, Machine, i)));
    for (guint i = 0; i < e->models->len; i++) {
        const CpuModel *m = &g_array_index(e->models, CpuModel, i);

        if (m->on[accel].known)
            g_ptr_array_add(caps->cpu_models, model_caps(m, accel));
    }
    return caps;
}

const EmulatorCaps *
emulator_caps(Emulator *e, gboolean kvm)
{
    Accel accel = kvm ? ACCEL_KVM : ACCEL_TCG;

    if (kvm && !e->kvm)
        return NULL;
    if (e->caps[accel] == NULL)
        e->caps[accel] = caps_build(e, accel);
    return e->caps[accel];
}
