/* A probed emulator on disk: one JSON file for each binary under the cache folder, of use as long
 * as its identity holds. Members are arrays where there are hundreds, so that loading is quick. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "emulator_priv.h"
#include "host/host.h"

#define CACHE_MAX (4 << 20)

/* ---- identity */

/* The lines of the first CPU that say what KVM can pass on. */
static void
append_host_cpu(GString *text)
{
    static const char *const keys[] = { "model name", "stepping", "microcode", "flags",
                                        "Features" };
    g_autofree char *info = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents("/proc/cpuinfo", &info, NULL, NULL))
        return;
    lines = g_strsplit(info, "\n", 0);
    for (guint i = 0; lines[i] != NULL && *lines[i] != 0; i++)
        for (guint k = 0; k < G_N_ELEMENTS(keys); k++)
            if (g_str_has_prefix(lines[i], keys[k]))
                g_string_append(text, lines[i]);
}

/* Modules are QEMU's devices and displays in files of their own: a package adds them later. */
static gint64
modules_time(void)
{
    static const char *const folders[] = { "/usr/lib/x86_64-linux-gnu/qemu", "/usr/lib64/qemu-kvm",
                                           "/usr/lib64/qemu", "/usr/lib/qemu" };
    struct stat st;
    gint64 newest = 0;

    for (guint i = 0; i < G_N_ELEMENTS(folders); i++)
        if (stat(folders[i], &st) == 0)
            newest = MAX(newest, (gint64)st.st_mtime);
    return newest;
}

/* Another build may ask more of the same QEMU, or keep more of what it says. */
static void
append_own_build(GString *text)
{
    struct stat st;

    if (stat("/proc/self/exe", &st) == 0)
        g_string_append_printf(text, "%lld %lld.%ld ", (long long)st.st_size,
                               (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

char *
emulator_identity(const char *path, GError **err)
{
    g_autoptr(GString) text = g_string_new(NULL);
    struct utsname un;
    struct stat st;

    if (stat(path, &st) < 0) {
        fail_errno(err, errno, "cannot check emulator %s", path);
        return NULL;
    }
    if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0) {
        fail_errno(err, S_ISREG(st.st_mode) ? errno : EACCES, "cannot check emulator %s", path);
        return NULL;
    }
    uname(&un);
    g_string_printf(text, "%s %lld %lld.%ld %llu %lld %s %d %s %s ", path, (long long)st.st_size,
                    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (unsigned long long)st.st_ino,
                    (long long)modules_time(), VMD_VERSION, kvm_answers(), un.release, un.version);
    append_own_build(text);
    append_host_cpu(text);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
}

/* ---- saving */

static json_object *
text_or_null(const char *text)
{
    return text != NULL ? json_object_new_string(text) : NULL;
}

static json_object *
save_names(const GPtrArray *names)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < names->len; i++)
        json_object_array_add(array, json_object_new_string(names->pdata[i]));
    return array;
}

static json_object *
save_set(const FeatureSet *set)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < FEATURE_WORDS; i++)
        g_string_append_printf(text, "%" G_GINT64_MODIFIER "x%s", set->word[i],
                               i + 1 < FEATURE_WORDS ? "." : "");
    return json_object_new_string(text->str);
}

static json_object *
save_machines(const Emulator *e)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < e->machines->len; i++) {
        const Machine *m = &g_array_index(e->machines, Machine, i);
        int flags = m->is_default | m->deprecated << 1 | m->hotplug_cpus << 2 | m->numa_mem << 3 |
                    m->acpi << 4;
        json_object *row = json_object_new_array();

        json_object_array_add(row, json_object_new_string(m->name));
        json_object_array_add(row, text_or_null(m->alias));
        json_object_array_add(row, text_or_null(m->cpu));
        json_object_array_add(row, text_or_null(m->ram_id));
        json_object_array_add(row, json_object_new_int64(m->max_cpus));
        json_object_array_add(row, json_object_new_int(flags));
        json_object_array_add(array, row);
    }
    return array;
}

static json_object *
save_models(const Emulator *e)
{
    json_object *array = json_object_new_array();

    for (guint i = 0; i < e->models->len; i++) {
        const CpuModel *m = &g_array_index(e->models, CpuModel, i);
        json_object *row = json_object_new_array();

        json_object_array_add(row, json_object_new_string(m->name));
        json_object_array_add(row, text_or_null(m->alias_of));
        json_object_array_add(row, text_or_null(m->vendor));
        json_object_array_add(row, json_object_new_int64(m->family));
        json_object_array_add(row, json_object_new_int64(m->model));
        json_object_array_add(row, json_object_new_int64(m->stepping));
        json_object_array_add(row, json_object_new_boolean(m->deprecated));
        json_object_array_add(row, save_set(&m->features));
        for (guint a = 0; a < N_ACCELS; a++)
            json_object_array_add(row, m->on[a].known ? save_set(&m->on[a].blockers) : NULL);
        json_object_array_add(array, row);
    }
    return array;
}

static json_object *
save_hosts(const Emulator *e)
{
    json_object *array = json_object_new_array();

    for (guint a = 0; a < N_ACCELS; a++) {
        const HostCpu *h = &e->host[a];
        json_object *row = json_object_new_array();

        json_object_array_add(row, json_object_new_boolean(h->known));
        json_object_array_add(row, text_or_null(h->vendor));
        json_object_array_add(row, json_object_new_int64(h->family));
        json_object_array_add(row, json_object_new_int64(h->model));
        json_object_array_add(row, json_object_new_int64(h->stepping));
        json_object_array_add(row, save_set(&h->features));
        json_object_array_add(row, save_set(&h->bound));
        json_object_array_add(array, row);
    }
    return array;
}

char *
emucache_text(const Emulator *e)
{
    json_object *o = json_make(
        "path", 's', e->path, "identity", 's', e->identity, "arch", 's', e->arch, "package", 's',
        e->package, "version", 'i', (gint64)e->version, "kvm", 'b', e->kvm, "able", 'i',
        (gint64)e->able, "machines", 'o', save_machines(e), "models", 'o', save_models(e), "hosts",
        'o', save_hosts(e), "features", 'o', save_names(e->features), "switches", 'o',
        save_set(&e->switches), "types", 'o', save_names(e->types), "tpm-models", 'o',
        save_names(e->tpm_models), "tpm-types", 'o', save_names(e->tpm_types), "gics", 'o',
        save_names(e->gics), "hyperv", 'o', save_names(e->hyperv), NULL);
    char *text = g_strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));

    json_object_put(o);
    return text;
}

/* ---- loading */

static const char *
keep_at(Emulator *e, json_object *row, gsize i)
{
    return emulator_keep(e, json_object_get_string(json_object_array_get_idx(row, i)));
}

static guint
number_at(json_object *row, gsize i)
{
    return (guint)json_object_get_int64(json_object_array_get_idx(row, i));
}

static void
load_names(Emulator *e, json_object *o, const char *member, GPtrArray *names)
{
    json_object *array = json_at(o, member);

    for (gsize i = 0; i < json_length(array); i++)
        g_ptr_array_add(names, (gpointer)keep_at(e, array, i));
}

static FeatureSet
load_set(json_object *text)
{
    FeatureSet set = { 0 };
    const char *at = json_object_get_string(text);

    for (guint i = 0; at != NULL && i < FEATURE_WORDS; i++) {
        char *end;

        set.word[i] = g_ascii_strtoull(at, &end, 16);
        at = *end == '.' ? end + 1 : NULL;
    }
    return set;
}

static void
load_machine(Emulator *e, json_object *row)
{
    guint flags = number_at(row, 5);
    Machine m = { .name = keep_at(e, row, 0),
                  .alias = keep_at(e, row, 1),
                  .cpu = keep_at(e, row, 2),
                  .ram_id = keep_at(e, row, 3),
                  .max_cpus = number_at(row, 4),
                  .is_default = flags & 1,
                  .deprecated = flags >> 1 & 1,
                  .hotplug_cpus = flags >> 2 & 1,
                  .numa_mem = flags >> 3 & 1,
                  .acpi = flags >> 4 & 1 };

    g_array_append_val(e->machines, m);
}

static void
load_model(Emulator *e, json_object *row)
{
    CpuModel m = { .name = keep_at(e, row, 0),
                   .alias_of = keep_at(e, row, 1),
                   .vendor = keep_at(e, row, 2),
                   .family = number_at(row, 3),
                   .model = number_at(row, 4),
                   .stepping = number_at(row, 5),
                   .deprecated = number_at(row, 6) != 0,
                   .features = load_set(json_object_array_get_idx(row, 7)) };

    for (guint a = 0; a < N_ACCELS; a++) {
        json_object *set = json_object_array_get_idx(row, 8 + a);

        m.on[a].known = set != NULL;
        m.on[a].blockers = load_set(set);
    }
    g_array_append_val(e->models, m);
}

static void
load_host(Emulator *e, json_object *row, guint accel)
{
    e->host[accel] = (HostCpu){ .known = number_at(row, 0) != 0,
                                .vendor = keep_at(e, row, 1),
                                .family = number_at(row, 2),
                                .model = number_at(row, 3),
                                .stepping = number_at(row, 4),
                                .features = load_set(json_object_array_get_idx(row, 5)),
                                .bound = load_set(json_object_array_get_idx(row, 6)) };
}

static void
load_all(Emulator *e, json_object *o)
{
    json_object *machines = json_at(o, "machines"), *models = json_at(o, "models"),
                *hosts = json_at(o, "hosts"), *features = json_at(o, "features");

    e->identity = g_strdup(json_str(o, "identity"));
    e->arch = emulator_keep(e, json_str(o, "arch"));
    e->package = emulator_keep(e, json_str(o, "package"));
    e->version = (guint64)json_int(o, "version", 0);
    e->kvm = json_flag(o, "kvm");
    e->able = (guint64)json_int(o, "able", 0);
    for (gsize i = 0; i < json_length(machines); i++)
        load_machine(e, json_object_array_get_idx(machines, i));
    for (gsize i = 0; i < json_length(models); i++)
        load_model(e, json_object_array_get_idx(models, i));
    for (guint a = 0; hosts != NULL && a < N_ACCELS; a++)
        load_host(e, json_object_array_get_idx(hosts, a), a);
    for (gsize i = 0; i < json_length(features); i++)
        feature_add(e, json_object_get_string(json_object_array_get_idx(features, i)));
    feature_add_places(e);
    e->switches = load_set(json_at(o, "switches"));
    load_names(e, o, "types", e->types);
    load_names(e, o, "tpm-models", e->tpm_models);
    load_names(e, o, "tpm-types", e->tpm_types);
    load_names(e, o, "gics", e->gics);
    load_names(e, o, "hyperv", e->hyperv);
}

Emulator *
emucache_load(const char *path, const char *identity, const char *file)
{
    g_autofree char *text = NULL;
    gsize len;
    json_object *o;
    Emulator *e = NULL;

    if (!file_read(file, CACHE_MAX, &text, &len, NULL) || (o = json_tokener_parse(text)) == NULL)
        return NULL;
    if (g_strcmp0(json_str(o, "identity"), identity) == 0 &&
        g_strcmp0(json_str(o, "path"), path) == 0) {
        e = emulator_new(path);
        load_all(e, o);
    }
    json_object_put(o);
    return e;
}
