/* Reading firmware descriptors. The folders are the specification's: the administrator's files
 * replace a package's of the same name, an empty one hides it, and names give the order. */
#include "firmware.h"

#include <string.h>

#define DESCRIPTOR_MAX (1 << 20)

static void
target_free(FirmwareTarget *t)
{
    g_free(t->arch);
    g_strfreev(t->machines);
    g_free(t);
}

static void
firmware_free(Firmware *f)
{
    g_free(f->file);
    g_free(f->path);
    g_free(f->format);
    g_free(f->nvram);
    g_free(f->nvram_format);
    g_ptr_array_unref(f->targets);
    g_free(f);
}

static gboolean
array_has(json_object *array, const char *word)
{
    for (gsize i = 0; i < json_length(array); i++)
        if (g_strcmp0(json_object_get_string(json_object_array_get_idx(array, i)), word) == 0)
            return TRUE;
    return FALSE;
}

static char **
string_array(json_object *array)
{
    g_autoptr(GStrvBuilder) strings = g_strv_builder_new();

    for (gsize i = 0; i < json_length(array); i++)
        g_strv_builder_add(strings, json_object_get_string(json_object_array_get_idx(array, i)));
    return g_strv_builder_end(strings);
}

static void
read_targets(Firmware *f, json_object *targets)
{
    for (gsize i = 0; i < json_length(targets); i++) {
        json_object *o = json_object_array_get_idx(targets, i);
        FirmwareTarget *t = g_new0(FirmwareTarget, 1);

        t->arch = g_strdup(json_str(o, "architecture"));
        t->machines = string_array(json_at(o, "machines"));
        g_ptr_array_add(f->targets, t);
    }
}

static guint
read_features(json_object *features)
{
    static const char *const names[] = {
        "acpi-s3",     "acpi-s4",         "amd-sev",        "amd-sev-es",
        "amd-sev-snp", "intel-tdx",       "enrolled-keys",  "requires-smm",
        "secure-boot", "verbose-dynamic", "verbose-static",
    };
    guint bits = 0;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (array_has(features, names[i]))
            bits |= 1u << i;
    return bits;
}

static gboolean
read_mapping(Firmware *f, json_object *mapping)
{
    const char *device = json_str(mapping, "device");
    const char *mode = json_str(mapping, "mode");
    gboolean flash = g_strcmp0(device, "flash") == 0;

    f->device = flash ? FW_FLASH : g_strcmp0(device, "kernel") == 0 ? FW_KERNEL : FW_MEMORY;
    f->path = g_strdup(json_str(mapping, flash ? "executable.filename" : "filename"));
    f->format = g_strdup(json_str(mapping, "executable.format"));
    f->nvram = g_strdup(json_str(mapping, "nvram-template.filename"));
    f->nvram_format = g_strdup(json_str(mapping, "nvram-template.format"));
    f->stateless = g_strcmp0(mode, "stateless") == 0;
    f->combined = g_strcmp0(mode, "combined") == 0;
    return f->path != NULL;
}

static Firmware *
firmware_read(const char *file)
{
    g_autofree char *text = NULL;
    gsize len;
    json_object *o;
    Firmware *f;
    gboolean ok;

    if (!file_read(file, DESCRIPTOR_MAX, &text, &len, NULL) || len == 0 ||
        (o = json_tokener_parse(text)) == NULL)
        return NULL;
    f = g_new0(Firmware, 1);
    f->file = g_strdup(file);
    f->targets = g_ptr_array_new_with_free_func((GDestroyNotify)target_free);
    f->uefi = array_has(json_at(o, "interface-types"), "uefi");
    f->bios = array_has(json_at(o, "interface-types"), "bios");
    f->features = read_features(json_at(o, "features"));
    read_targets(f, json_at(o, "targets"));
    ok = read_mapping(f, json_at(o, "mapping"));
    json_object_put(o);
    if (ok)
        return f;
    firmware_free(f);
    return NULL;
}

static int
key_order(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
add_folder(GHashTable *files, const char *folder)
{
    g_autoptr(GPtrArray) names = state_names(folder, ".json", NULL);

    for (guint i = 0; names != NULL && i < names->len; i++)
        g_hash_table_insert(files, g_strdup(names->pdata[i]),
                            g_strdup_printf("%s/%s.json", folder, (char *)names->pdata[i]));
}

GPtrArray *
firmware_list(void)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)firmware_free);
    g_autoptr(GHashTable) files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *own = g_build_filename(g_get_user_config_dir(), "qemu", "firmware", NULL);
    GHashTableIter iter;
    gpointer key;

    add_folder(files, "/usr/share/qemu/firmware");
    add_folder(files, "/etc/qemu/firmware");
    add_folder(files, own);
    g_hash_table_iter_init(&iter, files);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(names, key);
    g_ptr_array_sort(names, key_order);
    for (guint i = 0; i < names->len; i++) {
        Firmware *f = firmware_read(g_hash_table_lookup(files, names->pdata[i]));

        if (f != NULL)
            g_ptr_array_add(list, f);
    }
    return list;
}

/* Descriptors name architectures as QEMU does. */
static const char *
firmware_arch(const char *arch)
{
    return g_str_has_prefix(arch, "armv") ? "arm" : g_strcmp0(arch, "i686") == 0 ? "i386" : arch;
}

gboolean
firmware_fits(const Firmware *f, const char *arch, const char *machine)
{
    for (guint i = 0; i < f->targets->len; i++) {
        const FirmwareTarget *t = f->targets->pdata[i];

        if (g_strcmp0(t->arch, firmware_arch(arch)) != 0)
            continue;
        for (guint m = 0; t->machines[m] != NULL; m++)
            if (g_pattern_match_simple(t->machines[m], machine))
                return TRUE;
    }
    return FALSE;
}

static void
firmware_caps_free(gpointer data)
{
    FirmwareCaps *c = data;

    g_free(c->path);
    g_free(c->nvram);
    g_free(c);
}

static FirmwareCaps *
firmware_caps(const Firmware *f)
{
    FirmwareCaps *c = g_new0(FirmwareCaps, 1);

    c->uefi = f->uefi;
    c->bios = f->bios;
    c->loader = f->device == FW_FLASH ? LOADER_PFLASH : LOADER_ROM;
    c->stateless = f->stateless;
    c->combined = f->combined;
    c->path = g_strdup(f->path);
    c->nvram = g_strdup(f->nvram);
    c->format = f->format ? word_find(disk_formats, f->format) : FORMAT_RAW;
    c->nvram_format = f->nvram_format ? word_find(disk_formats, f->nvram_format) : FORMAT_RAW;
    c->enrolled_keys = (f->features & FW_ENROLLED_KEYS) != 0;
    c->secure_boot = (f->features & FW_SECURE_BOOT) != 0;
    c->requires_smm = (f->features & FW_REQUIRES_SMM) != 0;
    c->sev = (f->features & FW_AMD_SEV) != 0;
    c->sev_es = (f->features & FW_AMD_SEV_ES) != 0;
    c->sev_snp = (f->features & FW_AMD_SEV_SNP) != 0;
    c->tdx = (f->features & FW_INTEL_TDX) != 0;
    return c;
}

GPtrArray *
firmware_caps_list(const char *arch, const char *machine, gpointer user)
{
    GPtrArray *fitting = g_ptr_array_new_with_free_func(firmware_caps_free);
    g_autoptr(GPtrArray) all = firmware_list();

    for (guint i = 0; i < all->len; i++) {
        const Firmware *f = all->pdata[i];

        if (f->device != FW_KERNEL && firmware_fits(f, arch, machine))
            g_ptr_array_add(fitting, firmware_caps(f));
    }
    return fitting;
}
