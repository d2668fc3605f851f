/* Readers of QEMU's answers to the probe, one for each question. Unknown members are ignored, so
 * that a newer QEMU can be read too. */
#include "cpu.h"

#include <string.h>

static void
become_able(Emulator *e, Ability what)
{
    e->able |= G_GUINT64_CONSTANT(1) << what;
}

void
read_version(const Answer *a)
{
    a->emulator->version = (guint64)json_int(a->ret, "qemu.major", 0) * 1000000 +
                           (guint64)json_int(a->ret, "qemu.minor", 0) * 1000 +
                           (guint64)json_int(a->ret, "qemu.micro", 0);
    a->emulator->package = emulator_keep(a->emulator, json_str(a->ret, "package"));
}

void
read_target(const Answer *a)
{
    const char *arch = json_str(a->ret, "arch");

    /* QEMU's word for it where the world has another. */
    if (g_strcmp0(arch, "i386") == 0)
        arch = "i686";
    else if (g_strcmp0(arch, "arm") == 0)
        arch = "armv7l";
    a->emulator->arch = emulator_keep(a->emulator, arch);
}

void
read_machines(const Answer *a)
{
    Emulator *e = a->emulator;

    for (gsize i = 0; i < json_length(a->ret); i++) {
        json_object *o = json_object_array_get_idx(a->ret, i);
        Machine m = { .name = emulator_keep(e, json_str(o, "name")),
                      .alias = emulator_keep(e, json_str(o, "alias")),
                      .cpu_type = emulator_keep(e, json_str(o, "default-cpu-type")),
                      .ram_id = emulator_keep(e, json_str(o, "default-ram-id")),
                      .max_cpus = (guint)json_int(o, "cpu-max", 1),
                      .is_default = json_flag(o, "is-default"),
                      .deprecated = json_flag(o, "deprecated"),
                      .hotplug_cpus = json_flag(o, "hotpluggable-cpus"),
                      .numa_mem = json_flag(o, "numa-mem-supported"),
                      .acpi = json_flag(o, "acpi") };

        if (m.name == NULL || g_str_equal(m.name, "none"))
            continue;
        if (m.is_default)
            g_array_prepend_val(e->machines, m);
        else
            g_array_append_val(e->machines, m);
    }
}

void
read_types(const Answer *a)
{
    /* Machines and CPUs are told in full elsewhere. */
    static const char *const told[] = { "-machine", "-cpu", "-accel", "-accel-ops", NULL };

    for (gsize i = 0; i < json_length(a->ret); i++) {
        const char *name = json_str(json_object_array_get_idx(a->ret, i), "name");
        guint t = 0;

        while (name != NULL && told[t] != NULL && !g_str_has_suffix(name, told[t]))
            t++;
        if (name != NULL && told[t] == NULL)
            g_ptr_array_add(a->emulator->types, (gpointer)emulator_keep(a->emulator, name));
    }
}

typedef struct AbilityRow {
    const char *name;   /* a command, an option, a schema entry */
    const char *member; /* parameter of the option, value of the enum */
    Ability able;
} AbilityRow;

void
read_commands(const Answer *a)
{
    static const AbilityRow rows[] = {
        { "query-vnc", NULL, ABLE_VNC },
        { "calc-dirty-rate", NULL, ABLE_DIRTY_RATE },
        { "blockdev-backup", NULL, ABLE_BACKUP },
    };

    for (gsize i = 0; i < json_length(a->ret); i++) {
        const char *name = json_str(json_object_array_get_idx(a->ret, i), "name");

        for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
            if (g_strcmp0(name, rows[r].name) == 0)
                become_able(a->emulator, rows[r].able);
    }
}

static gboolean
array_has(json_object *array, const char *member, const char *value)
{
    for (gsize i = 0; i < json_length(array); i++)
        if (g_strcmp0(json_str(json_object_array_get_idx(array, i), member), value) == 0)
            return TRUE;
    return FALSE;
}

void
read_options(const Answer *a)
{
    static const AbilityRow rows[] = {
        { "chardev", "reconnect-ms", ABLE_RECONNECT_MS },
        { "spice", "port", ABLE_SPICE }, /* the command is there without its module too */
        { "run-with", "async-teardown", ABLE_RUN_WITH },
        { "smp-opts", "clusters", ABLE_SMP_CLUSTERS },
        { "smp-opts", "modules", ABLE_SMP_MODULES },
    };

    for (gsize i = 0; i < json_length(a->ret); i++) {
        json_object *o = json_object_array_get_idx(a->ret, i);

        for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
            if (g_strcmp0(json_str(o, "option"), rows[r].name) == 0 &&
                array_has(json_at(o, "parameters"), "name", rows[r].member))
                become_able(a->emulator, rows[r].able);
    }
}

static json_object *
schema_entry(json_object *schema, const char *name)
{
    for (gsize i = 0; name != NULL && i < json_length(schema); i++) {
        json_object *o = json_object_array_get_idx(schema, i);

        if (g_strcmp0(json_str(o, "name"), name) == 0)
            return o;
    }
    return NULL;
}

/* The enum behind member of what command returns. */
static json_object *
schema_enum(json_object *schema, const char *command, const char *member)
{
    json_object *type = schema_entry(schema, json_str(schema_entry(schema, command), "ret-type"));
    json_object *members = json_at(type, "members");

    for (gsize i = 0; i < json_length(members); i++) {
        json_object *m = json_object_array_get_idx(members, i);

        if (g_strcmp0(json_str(m, "name"), member) == 0)
            return json_at(schema_entry(schema, json_str(m, "type")), "values");
    }
    return NULL;
}

void
read_schema(const Answer *a)
{
    static const AbilityRow rows[] = {
        { "type", "sdl", ABLE_SDL },
        { "type", "egl-headless", ABLE_EGL_HEADLESS },
        { "type", "dbus", ABLE_DBUS_DISPLAY },
    };
    json_object *displays = schema_enum(a->ret, "query-display-options", "type");

    for (gsize i = 0; i < json_length(displays); i++) {
        const char *value = json_object_get_string(json_object_array_get_idx(displays, i));

        for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
            if (g_strcmp0(value, rows[r].member) == 0)
                become_able(a->emulator, rows[r].able);
    }
}

static void
keep_strings(Emulator *e, json_object *array, GPtrArray *names)
{
    for (gsize i = 0; i < json_length(array); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(array, i));

        g_ptr_array_add(names, (gpointer)emulator_keep(e, name));
    }
}

void
read_tpm_models(const Answer *a)
{
    keep_strings(a->emulator, a->ret, a->emulator->tpm_models);
}

void
read_tpm_types(const Answer *a)
{
    keep_strings(a->emulator, a->ret, a->emulator->tpm_types);
}

void
read_gics(const Answer *a)
{
    for (gsize i = 0; i < json_length(a->ret); i++) {
        json_object *o = json_object_array_get_idx(a->ret, i);
        g_autofree char *text = g_strdup_printf("%d", (int)json_int(o, "version", 0));

        if (json_flag(o, "emulated"))
            g_ptr_array_add(a->emulator->gics, (gpointer)emulator_keep(a->emulator, text));
    }
}

void
read_sev(const Answer *a)
{
    if (a->ret != NULL)
        become_able(a->emulator, ABLE_SEV);
}

void
read_sgx(const Answer *a)
{
    if (json_flag(a->ret, "sgx"))
        become_able(a->emulator, ABLE_SGX);
}

/* POWER's generations are written in capitals; QEMU takes them either way. */
static char *
model_name(const Emulator *e, const char *name)
{
    const char *digits = name + strlen("power");

    if (g_strcmp0(e->arch, "ppc64") != 0 || !g_str_has_prefix(name, "power") ||
        strspn(digits, "0123456789") != strlen(digits))
        return g_strdup(name);
    return g_ascii_strup(name, -1);
}

/* A type may go by several names; the first in QEMU's list is the machine's model. */
static void
name_defaults(Emulator *e, const char *type, const char *model)
{
    for (guint i = 0; i < e->machines->len; i++) {
        Machine *m = &g_array_index(e->machines, Machine, i);

        if (m->cpu == NULL && g_strcmp0(m->cpu_type, type) == 0)
            m->cpu = emulator_keep(e, model);
    }
}

static CpuModel *
model_take(Emulator *e, json_object *o)
{
    g_autofree char *name = model_name(e, json_str(o, "name"));
    CpuModel *known = emulator_model(e, name);
    CpuModel m = { .name = emulator_keep(e, name),
                   .alias_of = emulator_keep(e, json_str(o, "alias-of")),
                   .deprecated = json_flag(o, "deprecated") };

    name_defaults(e, json_str(o, "typename"), name);
    if (known != NULL)
        return known;
    g_array_append_val(e->models, m);
    return &g_array_index(e->models, CpuModel, e->models->len - 1);
}

void
read_models(const Answer *a)
{
    for (gsize i = 0; i < json_length(a->ret); i++) {
        json_object *o = json_object_array_get_idx(a->ret, i);
        json_object *missing = json_at(o, "unavailable-features");
        CpuModel *m = json_str(o, "name") != NULL ? model_take(a->emulator, o) : NULL;

        if (m == NULL)
            continue;
        m->on[a->accel].known = TRUE;
        for (gsize f = 0; f < json_length(missing); f++) {
            const char *name = json_object_get_string(json_object_array_get_idx(missing, f));

            feature_set(&m->on[a->accel].blockers, feature_add(a->emulator, name));
        }
    }
}

static void
read_features(Emulator *e, json_object *props, FeatureSet *ret_set)
{
    if (!json_object_is_type(props, json_type_object))
        return;
    json_object_object_foreach(props, name, value)
    {
        if (json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value))
            feature_set(ret_set, feature_add(e, name));
    }
}

/* An expansion names all that there is, on or off. */
static void
read_switches(Emulator *e, json_object *props)
{
    if (!json_object_is_type(props, json_type_object))
        return;
    json_object_object_foreach(props, name, value)
    {
        if (json_object_is_type(value, json_type_boolean) && cpuid_order(name) < cpuid_places())
            feature_set(&e->switches, feature_add(e, name));
    }
}

void
read_host(const Answer *a)
{
    json_object *props = json_at(a->ret, "model.props");
    HostCpu *host = &a->emulator->host[a->accel];

    if (props == NULL)
        return;
    host->known = TRUE;
    host->vendor = emulator_keep(a->emulator, json_str(props, "vendor"));
    host->family = (guint)json_int(props, "family", 0);
    host->model = (guint)json_int(props, "model", 0);
    host->stepping = (guint)json_int(props, "stepping", 0);
    read_features(a->emulator, props, &host->features);
    read_switches(a->emulator, props);
}

void
read_bound(const Answer *a)
{
    json_object *props = json_at(a->ret, "model.props");
    HostCpu *host = &a->emulator->host[a->accel];

    if (props == NULL)
        return;
    read_features(a->emulator, props, &host->bound);
    host->bound = cpu_less(&host->bound, &host->features);
}

/* "hv-relaxed" is what documents call "relaxed", "hv-tlbflush" so on; a dash is theirs. */
void
read_hyperv(const Answer *a)
{
    json_object *props = json_at(a->ret, "model.props");

    if (!json_object_is_type(props, json_type_object))
        return;
    json_object_object_foreach(props, name, value)
    {
        g_autofree char *word = NULL;

        if (!g_str_has_prefix(name, "hv-") || !json_object_is_type(value, json_type_boolean) ||
            !json_object_get_boolean(value))
            continue;
        word = g_strdelimit(g_strdup(name + strlen("hv-")), "-", '_');
        g_ptr_array_add(a->emulator->hyperv, (gpointer)emulator_keep(a->emulator, word));
    }
}

void
read_expansion(const Answer *a)
{
    json_object *props = json_at(a->ret, "model.props");
    CpuModel *m = emulator_model(a->emulator, a->about);

    if (props == NULL || m == NULL)
        return;
    m->vendor = emulator_keep(a->emulator, json_str(props, "vendor"));
    m->family = (guint)json_int(props, "family", 0);
    m->model = (guint)json_int(props, "model", 0);
    m->stepping = (guint)json_int(props, "stepping", 0);
    read_features(a->emulator, props, &m->features);
}

static int
name_order(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
model_order(gconstpointer a, gconstpointer b)
{
    return strcmp(((const CpuModel *)a)->name, ((const CpuModel *)b)->name);
}

/* The machine that is meant where none is named: of some architectures it is not QEMU's choice;
 * where QEMU has none either it is the first of its list. */
static void
choose_default(Emulator *e)
{
    static const char *const virt[] = { "aarch64", "armv7l", "riscv64", "riscv32", "loongarch64" };
    const Machine *usual = NULL;
    Machine chosen;
    guint at;

    for (gsize i = 0; i < G_N_ELEMENTS(virt); i++)
        if (g_strcmp0(e->arch, virt[i]) == 0)
            usual = emulator_machine(e, "virt");
    if (usual == NULL && e->machines->len > 0)
        usual = &g_array_index(e->machines, Machine, 0);
    if (usual == NULL)
        return;
    for (guint i = 0; i < e->machines->len; i++)
        g_array_index(e->machines, Machine, i).is_default = FALSE;
    at = (guint)(usual - &g_array_index(e->machines, Machine, 0));
    chosen = *usual;
    chosen.is_default = TRUE;
    g_array_remove_index(e->machines, at);
    g_array_prepend_val(e->machines, chosen);
}

void
read_finish(Emulator *e)
{
    choose_default(e);
    /* What this host has and no model, or what TCG leaves off, nobody has told yet. */
    feature_add_places(e);
    g_ptr_array_sort(e->types, name_order);
    g_ptr_array_sort(e->tpm_models, name_order);
    g_array_sort(e->models, model_order);
}
