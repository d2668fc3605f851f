/* Commands about processors as documents: which models there are, what a host and its emulators can
 * give, what several hosts have in common.
 */
#include <string.h>

#include "vmsh/vmsh.h"

/* ---- the <cpu>s of a file */

/* Where they may be: alone, any number of them, or in what a host or an emulator tells of itself.
 */
static const char cpu_paths[] = "cpu|domain/cpu|capabilities/host/cpu|"
                                "domainCapabilities/cpu/mode[@name='host-model' and "
                                "@supported='yes']";

/* Several documents in a file are one below a root of ours; their <?xml?> may stand nowhere else
 * than at the head. */
static char *
below_one_root(const char *text)
{
    g_autoptr(GRegex) head = g_regex_new("<\\?xml[^>]*\\?>", 0, 0, NULL);
    g_autofree char *bare = g_regex_replace_literal(head, text, -1, 0, "", 0, NULL);

    return g_strconcat("<all>", bare, "</all>", NULL);
}

/* The XML of each. What an emulator's host-model is stands in a <mode>, and is a <cpu> all the
 * same. */
static gboolean
cpus_read(const char *path, GPtrArray *cpus, GError **err)
{
    g_autofree char *text = NULL, *all = NULL;
    g_autoptr(GPtrArray) nodes = NULL;
    g_autoptr(GError) why = NULL;
    g_autoptr(Doc) doc = NULL;

    if (!xml_file(path, &text, err))
        return FALSE;
    all = below_one_root(text);
    if (!(doc = doc_parse(all, &why)))
        return refuse(err, "%s: %s", path, why->message);
    nodes = doc_nodes(doc, NULL, cpu_paths);
    for (guint i = 0; i < nodes->len; i++)
        g_ptr_array_add(cpus, node_xml(doc, nodes->pdata[i], "cpu"));
    if (nodes->len == 0)
        return refuse(err,
                      "File '%s' does not contain any <cpu> element or valid domain XML, host "
                      "capabilities XML, or domain capabilities XML",
                      path);
    return TRUE;
}

/* ---- options that come again */

#define FILE_OPTION(doc)                                                                           \
    {                                                                                              \
        "file", OPTION_STRING, OPTION_REQUIRED, NULL, doc                                          \
    }
#define EMULATOR_OPTIONS                                                                           \
    { "virttype", OPTION_STRING, OPTION_NAMED, NULL, "virtualization type (/domain/@type)" },      \
        { "emulator", OPTION_STRING, OPTION_NAMED, NULL,                                           \
          "path to emulator binary (/domain/devices/emulator)" },                                  \
        { "arch", OPTION_STRING, OPTION_NAMED, NULL, "CPU architecture (/domain/os/type/@arch)" }, \
    {                                                                                              \
        "machine", OPTION_STRING, OPTION_NAMED, NULL, "machine type (/domain/os/type/@machine)"    \
    }
#define COMPARE_OPTIONS                                                                            \
    FLAG("error", "report error if CPUs are incompatible"),                                        \
        FLAG("validate", "validate the XML document against schema")
#define BASELINE_OPTIONS                                                                           \
    FLAG("features", "Show features that are part of the CPU model type"),                         \
        FLAG("migratable", "Do not include features that block migration")

static const FlagBit compare_bits[] = { { "error", 1 }, { "validate", 2 }, { 0 } };
static const FlagBit baseline_bits[] = { { "features", 1 }, { "migratable", 2 }, { 0 } };

/* ---- comparing */

enum { CPU_INCOMPATIBLE, CPU_IDENTICAL, CPU_SUPERSET };

/* WHAT can be compared with the CPU of a file, which has its answer in the exit status as well. */
static gboolean
tell_compared(Shell *s, gint32 result, const char *path, const char *what)
{
    switch (result) {
    case CPU_IDENTICAL:
        put(s, "CPU described in %s is identical to %s\n", path, what);
        return TRUE;
    case CPU_SUPERSET:
        put(s, "%c%s is a superset of CPU described in %s\n", g_ascii_toupper(what[0]), what + 1,
            path);
        return TRUE;
    }
    put(s, "CPU described in %s is incompatible with %s\n", path, what);
    s->silent_failure = TRUE;
    return FALSE;
}

static const Option compare_options[] = {
    FILE_OPTION("file containing an XML CPU description"),
    COMPARE_OPTIONS,
    OPTION_END,
};

static gboolean
run_compare(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "file");
    g_autoptr(GPtrArray) cpus = g_ptr_array_new_with_free_func(g_free);
    ConnectCompareCpuArgs args = { .flags = args_bits(a, compare_bits) };
    ConnectCompareCpuRet ret;

    if (!cpus_read(path, cpus, err))
        return FALSE;
    args.xml = cpus->pdata[0];
    doing(s, "Failed to compare host CPU with %s", path);
    return call(s, PROC_CONNECT_COMPARE_CPU, &args, &ret, err) &&
           tell_compared(s, ret.result, path, "host CPU");
}

static const Option hypervisor_compare_options[] = {
    FILE_OPTION("file containing an XML CPU description"),
    EMULATOR_OPTIONS,
    COMPARE_OPTIONS,
    OPTION_END,
};

static gboolean
run_hypervisor_compare(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "file");
    g_autoptr(GPtrArray) cpus = g_ptr_array_new_with_free_func(g_free);
    ConnectCompareHypervisorCpuArgs args = {
        .emulator = args_string(a, "emulator"),
        .arch = args_string(a, "arch"),
        .machine = args_string(a, "machine"),
        .virttype = args_string(a, "virttype"),
        .flags = args_bits(a, compare_bits),
    };
    ConnectCompareHypervisorCpuRet ret;

    if (!cpus_read(path, cpus, err))
        return FALSE;
    args.xml_cpu = cpus->pdata[0];
    doing(s, "Failed to compare hypervisor CPU with %s", path);
    return call(s, PROC_CONNECT_COMPARE_HYPERVISOR_CPU, &args, &ret, err) &&
           tell_compared(s, ret.result, path, "the CPU provided by hypervisor on the host");
}

/* ---- what several have in common */

static const Option baseline_options[] = {
    FILE_OPTION("file containing XML CPU descriptions"),
    BASELINE_OPTIONS,
    OPTION_END,
};

static gboolean
run_baseline(Shell *s, const Args *a, GError **err)
{
    g_autoptr(GPtrArray) cpus = g_ptr_array_new_with_free_func(g_free);
    ConnectBaselineCpuArgs args = { .flags = args_bits(a, baseline_bits) };
    ConnectBaselineCpuRet ret;

    if (!cpus_read(args_string(a, "file"), cpus, err))
        return FALSE;
    args.xml_cpus.v = (const char **)cpus->pdata;
    args.xml_cpus.n = cpus->len;
    if (!call(s, PROC_CONNECT_BASELINE_CPU, &args, &ret, err))
        return FALSE;
    put(s, "%s", ret.cpu);
    return TRUE;
}

static const Option hypervisor_baseline_options[] = {
    { "file", OPTION_STRING, OPTION_NAMED, NULL, "file containing XML CPU descriptions" },
    EMULATOR_OPTIONS,
    BASELINE_OPTIONS,
    { "model", OPTION_STRING, OPTION_NAMED, NULL,
      "Shortcut for calling the command with a single CPU model and no additional features" },
    OPTION_END,
};

static gboolean
cpus_asked_for(const Args *a, GPtrArray *cpus, GError **err)
{
    const char *path = args_string(a, "file"), *model = args_string(a, "model");

    if ((path != NULL) == (model != NULL))
        return refuse(err, "either --file or --model tells which CPU is meant");
    if (path)
        return cpus_read(path, cpus, err);
    g_ptr_array_add(cpus, g_markup_printf_escaped("<cpu><model>%s</model></cpu>", model));
    return TRUE;
}

static gboolean
run_hypervisor_baseline(Shell *s, const Args *a, GError **err)
{
    g_autoptr(GPtrArray) cpus = g_ptr_array_new_with_free_func(g_free);
    ConnectBaselineHypervisorCpuArgs args = {
        .emulator = args_string(a, "emulator"),
        .arch = args_string(a, "arch"),
        .machine = args_string(a, "machine"),
        .virttype = args_string(a, "virttype"),
        .flags = args_bits(a, baseline_bits),
    };
    ConnectBaselineHypervisorCpuRet ret;

    if (!cpus_asked_for(a, cpus, err))
        return FALSE;
    args.xml_cpus.v = (const char **)cpus->pdata;
    args.xml_cpus.n = cpus->len;
    if (!call(s, PROC_CONNECT_BASELINE_HYPERVISOR_CPU, &args, &ret, err))
        return FALSE;
    put(s, "%s", ret.cpu);
    return TRUE;
}

/* ---- models */

static void
print_names(Shell *s, char *const *names, guint n)
{
    json_object *list;

    if (!s->json) {
        for (guint i = 0; i < n; i++)
            put(s, "%s\n", names[i]);
        return;
    }
    list = json_object_new_array();
    for (guint i = 0; i < n; i++)
        json_object_array_add(list, json_object_new_string(names[i]));
    print_json(s, list);
}

static const Option models_options[] = {
    { "arch", OPTION_STRING, OPTION_REQUIRED, NULL, "architecture" },
    OPTION_END,
};

static gboolean
run_models(Shell *s, const Args *a, GError **err)
{
    ConnectGetCpuModelNamesArgs args = { .arch = args_string(a, "arch"), .need_results = 1 };
    ConnectGetCpuModelNamesRet ret;

    doing(s, "failed to get CPU model names");
    if (!call(s, PROC_CONNECT_GET_CPU_MODEL_NAMES, &args, &ret, err))
        return FALSE;
    print_names(s, (char *const *)ret.models.v, ret.models.n);
    return TRUE;
}

static const Option hypervisor_models_options[] = {
    EMULATOR_OPTIONS,
    FLAG("all", "include all CPU models known to the hypervisor for the architecture"),
    OPTION_END,
};

static gboolean
run_hypervisor_models(Shell *s, const Args *a, GError **err)
{
    ConnectGetDomainCapabilitiesArgs args = {
        .emulatorbin = args_string(a, "emulator"),
        .arch = args_string(a, "arch"),
        .machine = args_string(a, "machine"),
        .virttype = args_string(a, "virttype"),
    };
    const char *path = args_flag(a, "all") ? "cpu/mode[@name='custom']/model"
                                           : "cpu/mode[@name='custom']/model[@usable='yes']";
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    ConnectGetDomainCapabilitiesRet ret;
    g_autoptr(GPtrArray) nodes = NULL;
    g_autoptr(Doc) doc = NULL;

    doing(s, "failed to get hypervisor CPU model names");
    if (!call(s, PROC_CONNECT_GET_DOMAIN_CAPABILITIES, &args, &ret, err) ||
        !(doc = doc_parse(ret.capabilities, err)))
        return FALSE;
    nodes = doc_nodes(doc, NULL, path);
    for (guint i = 0; i < nodes->len; i++)
        g_ptr_array_add(names, doc_text(doc, nodes->pdata[i], "."));
    print_names(s, (char *const *)names->pdata, names->len);
    return TRUE;
}

const Command cpu_commands[] = {
    { "cpu-baseline", "compute baseline CPU", "Compute baseline CPU for a set of given CPUs.",
      baseline_options, run_baseline },
    { "cpu-compare", "compare host CPU with a CPU described by an XML file",
      "compare CPU with host CPU", compare_options, run_compare },
    { "cpu-models", "CPU models", "Get the CPU models for an arch.", models_options, run_models,
      COMMAND_JSON },
    { "hypervisor-cpu-baseline", "compute baseline CPU usable by a specific hypervisor",
      "Compute baseline CPU for a set of given CPUs. The result will be tailored to the specified "
      "hypervisor.",
      hypervisor_baseline_options, run_hypervisor_baseline },
    { "hypervisor-cpu-compare", "compare a CPU with the CPU created by a hypervisor on the host",
      "compare CPU with hypervisor CPU", hypervisor_compare_options, run_hypervisor_compare },
    { "hypervisor-cpu-models", "Hypervisor reported CPU models",
      "Get the CPU models reported by the hypervisor.", hypervisor_models_options,
      run_hypervisor_models, COMMAND_JSON },
    { 0 },
};
