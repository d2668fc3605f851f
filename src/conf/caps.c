/* EmulatorCaps, by which fill and check know an emulator: look-ups, and the JSON form for tests and
 * the cache. */
#include "conf.h"

#include <json-c/json.h>
#include <string.h>

static void
machine_caps_free(gpointer data)
{
    MachineCaps *m = data;

    g_free(m->name);
    g_free(m->alias);
    g_free(m->default_cpu);
    g_free(m);
}

static void
cpu_model_caps_free(gpointer data)
{
    CpuModelCaps *m = data;

    g_free(m->name);
    g_free(m);
}

EmulatorCaps *
caps_new(void)
{
    EmulatorCaps *caps = g_new0(EmulatorCaps, 1);

    caps->devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    caps->features = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    caps->machines = g_ptr_array_new_with_free_func(machine_caps_free);
    caps->cpu_models = g_ptr_array_new_with_free_func(cpu_model_caps_free);
    return caps;
}

void
caps_free(EmulatorCaps *caps)
{
    if (caps == NULL)
        return;
    g_free(caps->path);
    g_free(caps->arch);
    g_hash_table_unref(caps->devices);
    g_hash_table_unref(caps->features);
    g_ptr_array_unref(caps->machines);
    g_ptr_array_unref(caps->cpu_models);
    g_free(caps);
}

gboolean
caps_has_device(const EmulatorCaps *caps, const char *type)
{
    return g_hash_table_contains(caps->devices, type);
}

gboolean
caps_has(const EmulatorCaps *caps, const char *feature)
{
    return g_hash_table_contains(caps->features, feature);
}

const MachineCaps *
caps_machine(const EmulatorCaps *caps, const char *name)
{
    for (guint i = 0; i < caps->machines->len; i++) {
        const MachineCaps *m = caps->machines->pdata[i];

        if (g_str_equal(m->name, name) || g_strcmp0(m->alias, name) == 0)
            return m;
    }
    return NULL;
}

const MachineCaps *
caps_default_machine(const EmulatorCaps *caps)
{
    for (guint i = 0; i < caps->machines->len; i++) {
        const MachineCaps *m = caps->machines->pdata[i];

        if (m->is_default)
            return m;
    }
    return NULL;
}

/* ---- JSON */

static const char *
member_text(json_object *o, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : NULL;
}

static gint64
member_number(json_object *o, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(o, name, &value) ? json_object_get_int64(value) : 0;
}

static json_object *
member_array(json_object *o, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(o, name, &value) && json_object_is_type(value, json_type_array)
               ? value
               : NULL;
}

static gsize
array_length(json_object *array)
{
    return array != NULL ? json_object_array_length(array) : 0;
}

static void
set_from_json(GHashTable *set, json_object *array)
{
    for (gsize i = 0; i < array_length(array); i++)
        g_hash_table_add(set,
                         g_strdup(json_object_get_string(json_object_array_get_idx(array, i))));
}

static MachineCaps *
machine_from_json(json_object *o)
{
    MachineCaps *m = g_new0(MachineCaps, 1);

    m->name = g_strdup(member_text(o, "name"));
    m->alias = g_strdup(member_text(o, "alias"));
    m->default_cpu = g_strdup(member_text(o, "default-cpu"));
    m->max_cpus = (guint)member_number(o, "max-cpus");
    m->is_default = member_number(o, "default") != 0;
    m->hotplug_cpus = member_number(o, "hotplug-cpus") != 0;
    m->deprecated = member_number(o, "deprecated") != 0;
    m->numa_mem = member_number(o, "numa-mem") != 0;
    m->acpi = member_number(o, "acpi") != 0;
    return m;
}

static CpuModelCaps *
cpu_model_from_json(json_object *o)
{
    CpuModelCaps *m = g_new0(CpuModelCaps, 1);

    m->name = g_strdup(member_text(o, "name"));
    m->usable = (CpuUsable)member_number(o, "usable");
    m->deprecated = member_number(o, "deprecated") != 0;
    return m;
}

EmulatorCaps *
caps_from_json(const char *text, gsize len, GError **err)
{
    json_tokener *tokener = json_tokener_new();
    json_object *o = json_tokener_parse_ex(tokener, text, (int)len);
    EmulatorCaps *caps = NULL;
    json_object *machines, *models;

    json_tokener_free(tokener);
    if (!json_object_is_type(o, json_type_object)) {
        fail(err, ERR_INTERNAL, "emulator capabilities are not a JSON object");
        json_object_put(o);
        return NULL;
    }
    caps = caps_new();
    caps->path = g_strdup(member_text(o, "path"));
    caps->arch = g_strdup(member_text(o, "arch"));
    caps->version = (guint)member_number(o, "version");
    caps->kvm = member_number(o, "kvm") != 0;
    caps->tcg = member_number(o, "tcg") != 0;
    set_from_json(caps->devices, member_array(o, "devices"));
    set_from_json(caps->features, member_array(o, "features"));
    machines = member_array(o, "machines");
    for (gsize i = 0; i < array_length(machines); i++)
        g_ptr_array_add(caps->machines, machine_from_json(json_object_array_get_idx(machines, i)));
    models = member_array(o, "cpu-models");
    for (gsize i = 0; i < array_length(models); i++)
        g_ptr_array_add(caps->cpu_models,
                        cpu_model_from_json(json_object_array_get_idx(models, i)));
    json_object_put(o);
    return caps;
}

static void
add_text(json_object *o, const char *name, const char *text)
{
    if (text != NULL)
        json_object_object_add(o, name, json_object_new_string(text));
}

static void
add_number(json_object *o, const char *name, gint64 number)
{
    if (number != 0)
        json_object_object_add(o, name, json_object_new_int64(number));
}

static int
text_order(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static json_object *
set_to_json(GHashTable *set)
{
    json_object *array = json_object_new_array();
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(set), text_order);

    for (GList *l = names; l != NULL; l = l->next)
        json_object_array_add(array, json_object_new_string(l->data));
    return array;
}

static json_object *
machine_to_json(const MachineCaps *m)
{
    json_object *o = json_object_new_object();

    add_text(o, "name", m->name);
    add_text(o, "alias", m->alias);
    add_text(o, "default-cpu", m->default_cpu);
    add_number(o, "max-cpus", m->max_cpus);
    add_number(o, "default", m->is_default);
    add_number(o, "hotplug-cpus", m->hotplug_cpus);
    add_number(o, "deprecated", m->deprecated);
    add_number(o, "numa-mem", m->numa_mem);
    add_number(o, "acpi", m->acpi);
    return o;
}

char *
caps_to_json(const EmulatorCaps *caps)
{
    json_object *o = json_object_new_object();
    json_object *machines = json_object_new_array(), *models = json_object_new_array();
    char *text;

    add_text(o, "path", caps->path);
    add_text(o, "arch", caps->arch);
    add_number(o, "version", caps->version);
    add_number(o, "kvm", caps->kvm);
    add_number(o, "tcg", caps->tcg);
    for (guint i = 0; i < caps->machines->len; i++)
        json_object_array_add(machines, machine_to_json(caps->machines->pdata[i]));
    json_object_object_add(o, "machines", machines);
    for (guint i = 0; i < caps->cpu_models->len; i++) {
        const CpuModelCaps *m = caps->cpu_models->pdata[i];
        json_object *row = json_object_new_object();

        add_text(row, "name", m->name);
        add_number(row, "usable", m->usable);
        add_number(row, "deprecated", m->deprecated);
        json_object_array_add(models, row);
    }
    json_object_object_add(o, "cpu-models", models);
    json_object_object_add(o, "devices", set_to_json(caps->devices));
    json_object_object_add(o, "features", set_to_json(caps->features));
    text = g_strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    json_object_put(o);
    return text;
}
