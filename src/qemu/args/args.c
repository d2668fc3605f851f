/* From a definition to QEMU's command line: the order of the sections, and functions for words that
 * all of them use. Pure. */
#include "args_priv.h"

#include <stdarg.h>
#include <string.h>

/* ---- words */

void
args_add(ArgsOut *a, const char *word)
{
    g_ptr_array_add(a->argv, g_strdup(word));
}

void
args_pair(ArgsOut *a, const char *option, const char *value)
{
    args_add(a, option);
    args_add(a, value);
}

void
args_pairf(ArgsOut *a, const char *option, const char *fmt, ...)
{
    va_list ap;

    args_add(a, option);
    va_start(ap, fmt);
    g_ptr_array_add(a->argv, g_strdup_vprintf(fmt, ap));
    va_end(ap);
}

void
args_part(ArgsOut *a, PartVerb verb, json_object *props)
{
    Part *part = part_new(verb, props);

    if (a->parts) {
        g_ptr_array_add(a->parts, part);
        return;
    }
    part_argv(part, a->argv);
    part_free(part);
}

void
args_json(ArgsOut *a, const char *option, json_object *value)
{
    args_pair(a, option,
              json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                        JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(value);
}

char *
args_escape(const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);

    return g_strjoinv(",,", parts);
}

/* ---- JSON */

static json_object *
word_or_bool(char kind, int value)
{
    if (value == 0)
        return NULL;
    return kind == 'B' ? json_object_new_boolean(value == ON)
                       : json_object_new_string(value == ON ? "on" : "off");
}

static json_object *
number_or_null(char kind, guint64 value)
{
    return value != 0 || kind == 'U' ? json_object_new_uint64(value) : NULL;
}

void
props_add(json_object *o, ...)
{
    const char *name;
    va_list ap;

    va_start(ap, o);
    while ((name = va_arg(ap, const char *)) != NULL) {
        json_object *value = NULL;
        const char *text;

        switch (name[0]) {
        case 's':
            text = va_arg(ap, const char *);
            value = text != NULL ? json_object_new_string(text) : NULL;
            break;
        case 'i':
            value = json_object_new_int(va_arg(ap, int));
            break;
        case 'n':
            value = number_or_null('u', va_arg(ap, guint));
            break;
        case 'U':
        case 'u':
            value = number_or_null(name[0], va_arg(ap, guint64));
            break;
        case 'b':
            value = json_object_new_boolean(va_arg(ap, int));
            break;
        case 'B':
        case 'w':
            value = word_or_bool(name[0], va_arg(ap, int));
            break;
        case 'o':
            value = va_arg(ap, json_object *);
            break;
        default:
            g_assert_not_reached();
        }
        if (value != NULL)
            json_object_object_add(o, name + 2, value);
    }
    va_end(ap);
}

json_object *
props_new(const char *driver)
{
    json_object *o = json_object_new_object();

    props_add(o, "s:driver", driver, NULL);
    return o;
}

/* ---- <qemu:override> */

static json_object *
override_value(const QemuProperty *p)
{
    enum { UNSIGNED = 1, SIGNED, BOOL, STRING };

    switch (p->type) {
    case UNSIGNED:
        return json_object_new_uint64(g_ascii_strtoull(p->value, NULL, 10));
    case SIGNED:
        return json_object_new_int64(g_ascii_strtoll(p->value, NULL, 10));
    case BOOL:
        return json_object_new_boolean(g_str_equal(p->value, "true"));
    default:
        return json_object_new_string(p->value);
    }
}

static void
override_device(const QemuOverride *o, json_object *props)
{
    enum { REMOVE = 5 };

    for (guint i = 0; i < list_length(o->properties); i++) {
        const QemuProperty *p = LIST_AT(QemuProperty, o->properties, i);

        if (p->type == REMOVE)
            json_object_object_del(props, p->name);
        else
            json_object_object_add(props, p->name, override_value(p));
    }
}

void
args_device(ArgsOut *a, json_object *props)
{
    GPtrArray *overrides = a->def->qemu != NULL ? a->def->qemu->overrides : NULL;
    const char *id = json_str(props, "id");

    for (guint i = 0; id != NULL && i < list_length(overrides); i++)
        if (g_strcmp0(LIST_AT(QemuOverride, overrides, i)->alias, id) == 0)
            override_device(LIST_AT(QemuOverride, overrides, i), props);
    args_put_zpci(a, id);
    args_part(a, ADD_DEVICE, props);
}

gboolean
args_device_at(ArgsOut *a, json_object *props, const DeviceInfo *info, GError **err)
{
    if (!address_props(a, props, info, err)) {
        json_object_put(props);
        return FALSE;
    }
    args_device(a, props);
    return TRUE;
}

/* ---- small sections */

static gboolean
put_name(ArgsOut *a, GError **err)
{
    g_autofree char *name = args_escape(a->def->name);

    args_pairf(a, "-name", "guest=%s,debug-threads=on", name);
    args_add(a, "-S");
    return TRUE;
}

static gboolean
put_identity(ArgsOut *a, GError **err)
{
    char uuid[UUID_TEXT_LEN];

    uuid_format(a->def->uuid, uuid);
    args_pair(a, "-uuid", uuid);
    return TRUE;
}

static gboolean
put_bare(ArgsOut *a, GError **err)
{
    args_add(a, "-no-user-config");
    args_add(a, "-nodefaults");
    return TRUE;
}

static gboolean
put_end(ArgsOut *a, GError **err)
{
    args_pair(a, "-sandbox",
              "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    if (!args_put_teardown(a, err))
        return FALSE;
    args_pair(a, "-msg", "timestamp=on");
    return TRUE;
}

static gboolean
put_compat(ArgsOut *a, GError **err)
{
    static const struct {
        const char *behavior, *in, *out;
    } rows[] = { { "omit", "accept", "hide" },
                 { "reject", "reject", "hide" },
                 { "crash", "crash", "hide" },
                 { "none", "accept", "accept" } };
    const char *behavior = a->def->qemu != NULL ? a->def->qemu->deprecation_behavior : NULL;

    for (guint i = 0; behavior != NULL && i < G_N_ELEMENTS(rows); i++)
        if (g_str_equal(rows[i].behavior, behavior) && i + 1 < G_N_ELEMENTS(rows)) {
            json_object *o = json_object_new_object();

            props_add(o, "s:deprecated-output", rows[i].out, "s:deprecated-input", rows[i].in,
                      NULL);
            args_json(a, "-compat", o);
        }
    return TRUE;
}

/* <qemu:commandline>: the user's own words come last and win. */
static gboolean
put_passthrough(ArgsOut *a, GError **err)
{
    GPtrArray *words = a->def->qemu != NULL ? a->def->qemu->args : NULL;

    for (guint i = 0; i < list_length(words); i++)
        args_add(a, LIST_AT(QemuArg, words, i)->value);
    return TRUE;
}

/* ---- the table */

static const struct {
    const char *name;
    ArgsPut put;
    gboolean devices; /* it walks devices, and can be asked for one of them */
} sections[] = {
    { "name", put_name, FALSE },
    { "descriptors", args_put_fds, FALSE },
    { "firmware", args_put_firmware, FALSE },
    { "machine", args_put_machine, FALSE },
    { "cpu", args_put_cpu, FALSE },
    { "memory", args_put_memory, FALSE },
    { "smp", args_put_smp, FALSE },
    { "numa", args_put_numa, FALSE },
    { "identity", put_identity, FALSE },
    { "smbios", args_put_smbios, FALSE },
    { "displays", args_put_displays, FALSE },
    { "bare", put_bare, FALSE },
    { "compat", put_compat, FALSE },
    { "monitor", args_put_monitor, FALSE },
    { "clock", args_put_clock, FALSE },
    { "boot", args_put_boot, FALSE },
    { "pm", args_put_pm, FALSE },
    { "kernel", args_put_kernel, FALSE },
    { "iommus", args_put_iommus, TRUE },
    { "controllers", args_put_controllers, TRUE },
    { "memory devices", args_put_memory_devices, TRUE },
    { "hubs", args_put_hubs, TRUE },
    { "disks", args_put_disks, TRUE },
    { "filesystems", args_put_filesystems, TRUE },
    { "nets", args_put_nets, TRUE },
    { "smartcards", args_put_smartcards, TRUE },
    { "serials", args_put_serials, TRUE },
    { "tpms", args_put_tpms, TRUE },
    { "inputs", args_put_inputs, TRUE },
    { "audios", args_put_audios, FALSE },
    { "graphics", args_put_graphics, FALSE },
    { "videos", args_put_videos, TRUE },
    { "sounds", args_put_sounds, TRUE },
    { "watchdogs", args_put_watchdogs, TRUE },
    { "redirdevs", args_put_redirdevs, TRUE },
    { "hostdevs", args_put_hostdevs, TRUE },
    { "balloon", args_put_balloon, TRUE },
    { "rngs", args_put_rngs, TRUE },
    { "small devices", args_put_small, FALSE },
    { "nvram", args_put_nvram, FALSE },
    { "panics", args_put_panics, TRUE },
    { "shmems", args_put_shmems, TRUE },
    { "vsock", args_put_vsock, TRUE },
    { "cryptos", args_put_cryptos, TRUE },
    { "end", put_end, FALSE },
    { "passthrough", put_passthrough, FALSE },
};

/* <boot dev>: its place in the list is the boot index of the first device of that kind. */
static void
boot_init(ArgsOut *a)
{
    const GPtrArray *boots = a->def->os.boots;

    for (guint i = 0; i < list_length(boots); i++) {
        int dev = LIST_AT(BootDef, boots, i)->dev;

        if (dev > 0 && dev < (int)G_N_ELEMENTS(a->boot) && a->boot[dev] == 0)
            a->boot[dev] = i + 1;
    }
}

static gboolean
args_run(ArgsOut *a, GError **err)
{
    const char *machine = a->def->os.machine;

    a->machine = machine != NULL ? emulator_machine(a->e, machine) : NULL;
    boot_init(a);
    args_add(a, a->e->path);
    for (guint i = 0; i < G_N_ELEMENTS(sections); i++)
        if (!sections[i].put(a, err))
            return FALSE;
    return TRUE;
}

gboolean
args_files(const DomainDef *def, const Emulator *emulator, const char *run_dir, GPtrArray *files,
           GError **err)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    ArgsIn in = {
        .def = def, .emulator = emulator, .files = files, .monitor_fd = -1, .run_dir = run_dir
    };
    ArgsOut a = { .in = &in, .def = def, .e = emulator, .argv = argv, .collect = files };

    return args_run(&a, err);
}

static gboolean
run_one_device(ArgsOut *a, GError **err)
{
    const char *machine = a->def->os.machine;

    a->machine = machine ? emulator_machine(a->e, machine) : NULL;
    for (guint i = 0; i < G_N_ELEMENTS(sections); i++)
        if (sections[i].devices && !sections[i].put(a, err))
            return FALSE;
    return TRUE;
}

gboolean
args_part_files(const ArgsIn *in, const void *device, guint first_set, GPtrArray *files,
                GError **err)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func((GDestroyNotify)part_free);
    ArgsIn own = *in;
    ArgsOut a = { .in = &own,
                  .def = in->def,
                  .e = in->emulator,
                  .argv = words,
                  .parts = parts,
                  .only = device,
                  .collect = files,
                  .next_set = first_set - 1 };

    own.files = files;
    return run_one_device(&a, err);
}

/* Options of a device's section that are no parts cannot be given to a running QEMU. A plugged
 * device is never the one that <boot dev> meant. */
GPtrArray *
args_parts(const ArgsIn *in, const void *device, GError **err)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func((GDestroyNotify)part_free);
    ArgsOut a = {
        .in = in, .def = in->def, .e = in->emulator, .argv = words, .parts = parts, .only = device
    };

    if (!run_one_device(&a, err))
        return NULL;
    if (words->len > 0) {
        fail(err, ERR_OPERATION_UNSUPPORTED, "QEMU takes such a device only when it starts (%s)",
             (const char *)words->pdata[0]);
        return NULL;
    }
    if (parts->len == 0) {
        fail(err, ERR_OPERATION_UNSUPPORTED,
             "the device belongs to the machine and cannot be plugged");
        return NULL;
    }
    return g_steal_pointer(&parts);
}

GPtrArray *
args_build(const ArgsIn *in, GError **err)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    ArgsOut a = { .in = in, .def = in->def, .e = in->emulator, .argv = argv };

    if (!args_run(&a, err))
        return NULL;
    g_ptr_array_add(argv, NULL);
    return g_steal_pointer(&argv);
}
