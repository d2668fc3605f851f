/* An Emulator in memory: its strings, look-ups and feature sets. Pure. */
#include "cpu.h"

#include <string.h>

Emulator *
emulator_new(const char *path)
{
    Emulator *e = g_new0(Emulator, 1);

    e->path = g_strdup(path);
    e->strings = g_string_chunk_new(4096);
    e->machines = g_array_new(FALSE, TRUE, sizeof(Machine));
    e->models = g_array_new(FALSE, TRUE, sizeof(CpuModel));
    e->features = g_ptr_array_new();
    e->bits = g_hash_table_new(g_str_hash, g_str_equal);
    e->types = g_ptr_array_new();
    e->tpm_models = g_ptr_array_new();
    e->tpm_types = g_ptr_array_new();
    e->gics = g_ptr_array_new();
    e->hyperv = g_ptr_array_new();
    return e;
}

void
emulator_free(Emulator *e)
{
    if (e == NULL)
        return;
    g_array_unref(e->machines);
    g_array_unref(e->models);
    g_ptr_array_unref(e->features);
    g_hash_table_unref(e->bits);
    g_ptr_array_unref(e->types);
    g_ptr_array_unref(e->tpm_models);
    g_ptr_array_unref(e->tpm_types);
    g_ptr_array_unref(e->gics);
    g_ptr_array_unref(e->hyperv);
    for (guint i = 0; i < N_ACCELS; i++)
        caps_free(e->caps[i]);
    g_string_chunk_free(e->strings);
    g_free(e->identity);
    g_free(e->path);
    g_free(e);
}

const char *
emulator_keep(Emulator *e, const char *text)
{
    return text != NULL ? g_string_chunk_insert_const(e->strings, text) : NULL;
}

gboolean
emulator_able(const Emulator *e, Ability what)
{
    return e->able >> what & 1;
}

static int
name_cmp(gconstpointer key, gconstpointer slot)
{
    return strcmp(key, *(const char *const *)slot);
}

gboolean
emulator_has_type(const Emulator *e, const char *type)
{
    return e->types->len > 0 &&
           bsearch(type, e->types->pdata, e->types->len, sizeof(gpointer), name_cmp) != NULL;
}

const Machine *
emulator_machine(const Emulator *e, const char *name)
{
    for (guint i = 0; i < e->machines->len; i++) {
        const Machine *m = &g_array_index(e->machines, Machine, i);

        if (g_str_equal(m->name, name) || g_strcmp0(m->alias, name) == 0)
            return m;
    }
    return NULL;
}

const Machine *
emulator_default_machine(const Emulator *e)
{
    const Machine *first = e->machines->len > 0 ? &g_array_index(e->machines, Machine, 0) : NULL;

    return first != NULL && first->is_default ? first : NULL;
}

CpuModel *
emulator_model(const Emulator *e, const char *name)
{
    for (guint i = 0; i < e->models->len; i++) {
        CpuModel *m = &g_array_index(e->models, CpuModel, i);

        if (g_str_equal(m->name, name))
            return m;
    }
    return NULL;
}

int
feature_find(const Emulator *e, const char *name)
{
    return (int)GPOINTER_TO_UINT(g_hash_table_lookup(e->bits, name)) - 1;
}

int
feature_add(Emulator *e, const char *name)
{
    int bit = feature_find(e, name);

    if (bit >= 0 || e->features->len >= FEATURE_WORDS * 64)
        return bit;
    g_ptr_array_add(e->features, (gpointer)emulator_keep(e, name));
    g_hash_table_insert(e->bits, e->features->pdata[e->features->len - 1],
                        GUINT_TO_POINTER(e->features->len));
    return (int)e->features->len - 1;
}

void
feature_add_places(Emulator *e)
{
    for (guint i = 0; i < cpuid_places(); i++)
        feature_add(e, cpuid_feature(i));
}

gboolean
feature_set_empty(const FeatureSet *set)
{
    for (guint i = 0; i < FEATURE_WORDS; i++)
        if (set->word[i] != 0)
            return FALSE;
    return TRUE;
}

gboolean
guest_is_x86(const DomainDef *def)
{
    return g_strcmp0(def->os.arch, "x86_64") == 0 || g_strcmp0(def->os.arch, "i686") == 0;
}
