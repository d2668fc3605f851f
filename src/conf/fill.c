/* What a definition does not say and the dump shows: identity, machine, processor, clock. */
#include "conf.h"

#include <string.h>

gboolean
domain_is_q35(const DomainDef *def)
{
    return def->os.machine &&
           (strcmp(def->os.machine, "q35") == 0 || g_str_has_prefix(def->os.machine, "pc-q35-"));
}

gboolean
domain_is_i440fx(const DomainDef *def)
{
    const char *machine = def->os.machine;

    return machine && (strcmp(machine, "pc") == 0 || g_str_has_prefix(machine, "pc-i440fx-") ||
                       g_str_has_prefix(machine, "pc-0.") || g_str_has_prefix(machine, "pc-1."));
}

static void
set_text(char **at, const char *text)
{
    char *copy = g_strdup(text);

    g_free(*at);
    *at = copy;
}

static void
fill_identity(DomainDef *def)
{
    if (uuid_is_zero(def->uuid))
        uuid_make(def->uuid);
    if (def->genid && uuid_is_zero(def->genid_uuid))
        uuid_make(def->genid_uuid);
}

static gboolean
fill_machine(DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const MachineCaps *m = def->os.machine ? caps_machine(caps, def->os.machine)
                                           : caps_default_machine(caps);

    if (!m)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "Emulator '%s' does not support machine type '%s'",
                    caps->path, def->os.machine ? def->os.machine : "");
    set_text(&def->os.machine, m->name);
    if (!def->os.arch)
        def->os.arch = g_strdup(caps->arch);
    if (!def->devices.emulator)
        def->devices.emulator = g_strdup(caps->path);
    return TRUE;
}

static void
fill_boot(DomainDef *def)
{
    BootDef *boot;

    if (def->os.boots || def->os.kernel)
        return;
    boot = g_new0(BootDef, 1);
    boot->dev = BOOT_HD;
    def->os.boots = g_ptr_array_new();
    g_ptr_array_add(def->os.boots, boot);
}

static void
fill_memory(DomainDef *def)
{
    if (!def->current_memory || def->current_memory > def->memory)
        def->current_memory = def->memory;
}

static void
fill_vcpus(DomainDef *def)
{
    if (!def->vcpus)
        def->vcpus = 1;
    if (!def->vcpu_placement)
        def->vcpu_placement = 1;
    if (def->vcpus_current == def->vcpus)
        def->vcpus_current = 0;
}

static void
fill_cpu(DomainDef *def, const EmulatorCaps *caps)
{
    const MachineCaps *m = caps_machine(caps, def->os.machine);

    if (!def->cpu)
        def->cpu = schema_new(&cpu_schema);
    if (!def->cpu->mode && !def->cpu->model && m && m->default_cpu) {
        def->cpu->mode = CPU_CUSTOM;
        def->cpu->match = CPU_MATCH_EXACT;
        def->cpu->check = CPU_CHECK_NONE;
        def->cpu->fallback = CPU_FALLBACK_FORBID;
        def->cpu->model = g_strdup(m->default_cpu);
    }
}

static void
fill_lifecycle(DomainDef *def)
{
    if (!def->clock.offset)
        def->clock.offset = CLOCK_UTC;
    if (!def->on_poweroff)
        def->on_poweroff = ACTION_DESTROY;
    if (!def->on_reboot)
        def->on_reboot = ACTION_RESTART;
    if (!def->on_crash)
        def->on_crash = CRASH_DESTROY;
}

gboolean
domain_fill(DomainDef *def, const EmulatorCaps *caps, const ConfContext *context, GError **err)
{
    fill_identity(def);
    if (!fill_machine(def, caps, err))
        return FALSE;
    fill_boot(def);
    fill_memory(def);
    fill_vcpus(def);
    fill_cpu(def, caps);
    fill_lifecycle(def);
    return TRUE;
}
