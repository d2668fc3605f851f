/* Host capabilities: the host's CPU, memory cells and caches as the kernel tells them, and one
 * guest for each architecture that an emulator serves. */
#include "hostcaps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpu.h"

#define SYS_CPU  "/sys/devices/system/cpu"
#define SYS_NODE "/sys/devices/system/node"

/* ---- small files of the kernel */

static char *sys_text(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

static char *
sys_text(const char *fmt, ...)
{
    g_autofree char *path = NULL;
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    path = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return g_file_get_contents(path, &text, NULL, NULL) ? g_strstrip(text) : NULL;
}

/* "0-3,8" as an array of guint. */
static GArray *
sys_list(const char *text)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(guint));
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ",", 0);

    for (guint i = 0; parts[i] != NULL && *parts[i] != 0; i++) {
        char *end;
        guint from = (guint)strtoul(parts[i], &end, 10);
        guint to = *end == '-' ? (guint)strtoul(end + 1, NULL, 10) : from;

        for (guint n = from; n <= to && n - from < 8192; n++)
            g_array_append_val(list, n);
    }
    return list;
}

static guint64
text_number(const char *text, guint64 otherwise)
{
    return text != NULL && g_ascii_isdigit(*text) ? g_ascii_strtoull(text, NULL, 10) : otherwise;
}

/* ---- <host><cpu> */

typedef struct CapsTopology {
    guint sockets, dies, clusters, cores, threads, cpus;
} CapsTopology;

static guint
distinct(GHashTable *seen, const char *file, guint cpu)
{
    g_autofree char *text = sys_text(SYS_CPU "/cpu%u/topology/%s", cpu, file);

    if (text != NULL)
        g_hash_table_add(seen, g_steal_pointer(&text));
    return g_hash_table_size(seen);
}

static CapsTopology
topology_read(void)
{
    g_autofree char *online = sys_text(SYS_CPU "/online");
    g_autoptr(GArray) cpus = sys_list(online);
    g_autoptr(GHashTable) packages = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) dies = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) cores = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    CapsTopology t = { 1, 1, 1, 1, 1, MAX(cpus->len, 1) };
    guint all_cores = 1;

    for (guint i = 0; i < cpus->len; i++) {
        guint cpu = g_array_index(cpus, guint, i);

        t.sockets = MAX(distinct(packages, "package_cpus_list", cpu), 1);
        t.dies = MAX(distinct(dies, "die_cpus_list", cpu), 1);
        all_cores = MAX(distinct(cores, "core_cpus_list", cpu), 1);
    }
    t.dies = MAX(t.dies / t.sockets, 1);
    t.cores = MAX(all_cores / (t.sockets * t.dies), 1);
    t.threads = MAX(t.cpus / all_cores, 1);
    return t;
}

static void
put_page_sizes(XmlOut *x)
{
    static const guint64 sizes[] = { 4, 2048, 1048576 };

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *path = g_strdup_printf(
            "/sys/kernel/mm/hugepages/hugepages-%" G_GUINT64_FORMAT "kB", sizes[i]);

        if (i == 0)
            xml_leaf(x, "pages", "unit", "KiB", "size",
                     xml_number((guint64)sysconf(_SC_PAGESIZE) / 1024), NULL);
        else if (access(path, F_OK) == 0)
            xml_leaf(x, "pages", "unit", "KiB", "size", xml_number(sizes[i]), NULL);
    }
}

static void
put_microcode(XmlOut *x)
{
    g_autofree char *microcode = processor_info("microcode");

    if (microcode != NULL)
        xml_leaf(x, "microcode", "version", xml_number(g_ascii_strtoull(microcode, NULL, 0)), NULL);
}

/* A counter that stops or changes its pace is no measure. */
static void
put_counter(XmlOut *x)
{
    Tsc tsc;

    if (cpuid_has("invtsc") && tsc_read(&tsc))
        xml_leaf(x, "counter", "name", "tsc", "frequency", xml_number(tsc.frequency), "scaling",
                 tsc.scaling ? "yes" : "no", NULL);
}

static void
put_cpu_identity(XmlOut *x, const char *model)
{
    CpuSelf self;

    xml_text(x, "model", model, NULL);
    if (!cpuid_self(&self))
        return;
    xml_text(x, "vendor", cpu_vendor(self.vendor), NULL);
    put_microcode(x);
    xml_leaf(x, "signature", "family", xml_number(self.family), "model", xml_number(self.model),
             "stepping", xml_number(self.stepping), NULL);
    put_counter(x);
}

static void
put_host_cpu(XmlOut *x, const Emulator *native)
{
    CapsTopology t = topology_read();
    g_autoptr(GArray) policies = NULL;
    const char *model = native != NULL ? cpu_here_model(native, &policies) : NULL;
    guint bits = cpu_phys_bits();

    xml_open(x, "cpu", NULL);
    xml_text(x, "arch", emulator_host_arch(), NULL);
    if (model != NULL)
        put_cpu_identity(x, model);
    xml_leaf(x, "topology", "sockets", xml_number(t.sockets), "dies", xml_number(t.dies),
             "clusters", "1", "cores", xml_number(t.cores), "threads", xml_number(t.threads), NULL);
    if (bits != 0)
        xml_leaf(x, "maxphysaddr", "mode", "emulate", "bits", xml_number(bits), NULL);
    for (guint i = 0; policies != NULL && i < policies->len; i++)
        xml_leaf(x, "feature", "name", g_array_index(policies, CpuPolicy, i).name, NULL);
    put_page_sizes(x);
    xml_close(x, "cpu");
}

/* ---- <topology> */

static void
put_cell_memory(XmlOut *x, guint node)
{
    static const guint64 huge[] = { 2048, 1048576 };
    g_autofree char *meminfo = sys_text(SYS_NODE "/node%u/meminfo", node);
    const char *total = meminfo != NULL ? strstr(meminfo, "MemTotal:") : NULL;
    guint64 kib = 0, page = (guint64)sysconf(_SC_PAGESIZE) / 1024, in_huge = 0, n_huge[2] = { 0 };

    if (total != NULL)
        kib = g_ascii_strtoull(total + strlen("MemTotal:"), NULL, 10);
    else
        kib = (guint64)sysconf(_SC_PHYS_PAGES) * page;
    for (guint i = 0; i < G_N_ELEMENTS(huge); i++) {
        g_autofree char *n = sys_text(SYS_NODE "/node%u/hugepages/hugepages-%" G_GUINT64_FORMAT
                                               "kB/nr_hugepages",
                                      node, huge[i]);

        n_huge[i] = text_number(n, 0);
        in_huge += n_huge[i] * huge[i];
    }
    xml_text(x, "memory", xml_number(kib), "unit", "KiB", NULL);
    xml_text(x, "pages", xml_number((kib - MIN(in_huge, kib)) / page), "unit", "KiB", "size",
             xml_number(page), NULL);
    for (guint i = 0; i < G_N_ELEMENTS(huge); i++)
        xml_text(x, "pages", xml_number(n_huge[i]), "unit", "KiB", "size", xml_number(huge[i]),
                 NULL);
}

static void
put_distances(XmlOut *x, guint node, const GArray *nodes)
{
    g_autofree char *text = sys_text(SYS_NODE "/node%u/distance", node);
    g_auto(GStrv) values = g_strsplit(text != NULL ? text : "", " ", 0);

    if (text == NULL)
        return;
    xml_open(x, "distances", NULL);
    for (guint i = 0; values[i] != NULL && i < nodes->len; i++)
        xml_leaf(x, "sibling", "id", xml_number(g_array_index(nodes, guint, i)), "value", values[i],
                 NULL);
    xml_close(x, "distances");
}

static void
put_cell_cpu(XmlOut *x, guint cpu)
{
    static const char *const keys[][2] = { { "socket_id", "physical_package_id" },
                                           { "die_id", "die_id" },
                                           { "cluster_id", "cluster_id" },
                                           { "core_id", "core_id" } };
    char *ids[G_N_ELEMENTS(keys)];
    g_autofree char *siblings = sys_text(SYS_CPU "/cpu%u/topology/thread_siblings_list", cpu);

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        ids[i] = sys_text(SYS_CPU "/cpu%u/topology/%s", cpu, keys[i][1]);
        if (ids[i] == NULL)
            ids[i] = g_strdup("0");
    }
    xml_leaf(x, "cpu", "id", xml_number(cpu), keys[0][0], ids[0], keys[1][0], ids[1], keys[2][0],
             ids[2], keys[3][0], ids[3], "siblings", siblings, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        g_free(ids[i]);
}

static void
put_cell(XmlOut *x, guint node, const GArray *nodes)
{
    g_autofree char *text = sys_text(SYS_NODE "/node%u/cpulist", node);
    g_autofree char *online = text == NULL ? sys_text(SYS_CPU "/online") : NULL;
    g_autoptr(GArray) cpus = sys_list(text != NULL ? text : online);

    xml_open(x, "cell", "id", xml_number(node), NULL);
    put_cell_memory(x, node);
    put_distances(x, node, nodes);
    xml_open(x, "cpus", "num", xml_number(cpus->len), NULL);
    for (guint i = 0; i < cpus->len; i++)
        put_cell_cpu(x, g_array_index(cpus, guint, i));
    xml_close(x, "cpus");
    xml_close(x, "cell");
}

static void
put_topology(XmlOut *x)
{
    g_autofree char *online = sys_text(SYS_NODE "/online");
    g_autoptr(GArray) nodes = sys_list(online != NULL ? online : "0");

    xml_open(x, "topology", NULL);
    xml_open(x, "cells", "num", xml_number(nodes->len), NULL);
    for (guint i = 0; i < nodes->len; i++)
        put_cell(x, g_array_index(nodes, guint, i), nodes);
    xml_close(x, "cells");
    xml_close(x, "topology");
}

/* ---- <cache> */

typedef struct Bank {
    guint id, level;
    guint64 kib;
    const char *type;
    char *cpus;
} Bank;

static void
bank_clear(gpointer data)
{
    g_free(((Bank *)data)->cpus);
}

static gboolean
bank_read(guint cpu, guint index, Bank *ret_bank)
{
    g_autofree char *level = sys_text(SYS_CPU "/cpu%u/cache/index%u/level", cpu, index);
    g_autofree char *type = sys_text(SYS_CPU "/cpu%u/cache/index%u/type", cpu, index);
    g_autofree char *size = sys_text(SYS_CPU "/cpu%u/cache/index%u/size", cpu, index);
    g_autofree char *id = sys_text(SYS_CPU "/cpu%u/cache/index%u/id", cpu, index);
    char *cpus = sys_text(SYS_CPU "/cpu%u/cache/index%u/shared_cpu_list", cpu, index);

    if (level == NULL || type == NULL || cpus == NULL) {
        g_free(cpus);
        return FALSE;
    }
    *ret_bank = (Bank){ .id = (guint)text_number(id, 0),
                        .level = (guint)text_number(level, 0),
                        .kib = text_number(size, 0),
                        .type = g_str_equal(type, "Data")          ? "data"
                                : g_str_equal(type, "Instruction") ? "code"
                                                                   : "both",
                        .cpus = cpus };
    return TRUE;
}

static int
bank_order(gconstpointer a, gconstpointer b)
{
    const Bank *x = a, *y = b;

    return x->level != y->level ? (int)x->level - (int)y->level : (int)x->id - (int)y->id;
}

/* Caches that one core has for itself are of no interest to who places guests. */
static void
add_bank(GArray *banks, Bank *bank)
{
    for (guint i = 0; i < banks->len; i++) {
        const Bank *b = &g_array_index(banks, Bank, i);

        if (b->level == bank->level && b->id == bank->id && g_str_equal(b->type, bank->type)) {
            bank_clear(bank);
            return;
        }
    }
    if (bank->level >= 2)
        g_array_append_val(banks, *bank);
    else
        bank_clear(bank);
}

static void
put_caches(XmlOut *x)
{
    g_autofree char *online = sys_text(SYS_CPU "/online");
    g_autoptr(GArray) cpus = sys_list(online);
    g_autoptr(GArray) banks = g_array_new(FALSE, FALSE, sizeof(Bank));
    Bank bank;

    g_array_set_clear_func(banks, bank_clear);
    for (guint i = 0; i < cpus->len; i++)
        for (guint index = 0; bank_read(g_array_index(cpus, guint, i), index, &bank); index++)
            add_bank(banks, &bank);
    if (banks->len == 0)
        return;
    g_array_sort(banks, bank_order);
    xml_open(x, "cache", NULL);
    for (guint i = 0; i < banks->len; i++) {
        const Bank *b = &g_array_index(banks, Bank, i);
        gboolean mib = b->kib >= 1024 && b->kib % 1024 == 0;

        xml_leaf(x, "bank", "id", xml_number(b->id), "level", xml_number(b->level), "type", b->type,
                 "size", xml_number(mib ? b->kib / 1024 : b->kib), "unit", mib ? "MiB" : "KiB",
                 "cpus", b->cpus, NULL);
    }
    xml_close(x, "cache");
}

/* ---- <host> */

static gboolean
uuid_is_real(const char *text, guint8 ret_uuid[UUID_LEN])
{
    return text != NULL && uuid_parse(text, ret_uuid) && !uuid_is_zero(ret_uuid) &&
           ret_uuid[0] != 0xff;
}

/* The board's, or the one that the installation was given. */
static void
put_uuid(XmlOut *x)
{
    static const char *const files[] = { "/sys/class/dmi/id/product_uuid", "/etc/machine-id" };
    guint8 uuid[UUID_LEN];
    char text[UUID_TEXT_LEN];

    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *value = sys_text("%s", files[i]);

        if (!uuid_is_real(value, uuid))
            continue;
        uuid_format(uuid, text);
        xml_text(x, "uuid", text, NULL);
        return;
    }
}

static void
put_power(XmlOut *x)
{
    static const char *const words[][2] = { { "mem", "suspend_mem" }, { "disk", "suspend_disk" } };
    g_autofree char *states = sys_text("/sys/power/state");
    guint n = 0;

    for (guint i = 0; states != NULL && i < G_N_ELEMENTS(words); i++) {
        if (strstr(states, words[i][0]) == NULL)
            continue;
        if (n++ == 0)
            xml_open(x, "power_management", NULL);
        xml_leaf(x, words[i][1], NULL);
    }
    if (n > 0)
        xml_close(x, "power_management");
    else
        xml_leaf(x, "power_management", NULL);
}

static void
put_iommu(XmlOut *x)
{
    g_autoptr(GDir) groups = g_dir_open("/sys/kernel/iommu_groups", 0, NULL);
    gboolean any = groups != NULL && g_dir_read_name(groups) != NULL;

    xml_leaf(x, "iommu", "support", any ? "yes" : "no", NULL);
}

static void
put_migration(XmlOut *x)
{
    xml_open(x, "migration_features", NULL);
    xml_leaf(x, "live", NULL);
    xml_open(x, "uri_transports", NULL);
    xml_text(x, "uri_transport", "tcp", NULL);
    xml_close(x, "uri_transports");
    xml_close(x, "migration_features");
}

/* The first of those that domains get one each of, where the daemon gives them away. */
static void
put_secmodels(XmlOut *x)
{
    gboolean own = geteuid() == 0 && !qemu_paths->session && !qemu_paths->trusting;
    g_autofree char *label = g_strdup_printf("+%u:+%u",
                                             own ? (unsigned)VM_USERS_FIRST : (unsigned)geteuid(),
                                             own ? (unsigned)VM_USERS_FIRST : (unsigned)getegid());

    xml_open(x, "secmodel", NULL);
    xml_text(x, "model", "none", NULL);
    xml_text(x, "doi", "0", NULL);
    xml_close(x, "secmodel");
    xml_open(x, "secmodel", NULL);
    xml_text(x, "model", "dac", NULL);
    xml_text(x, "doi", "0", NULL);
    xml_text(x, "baselabel", label, "type", "kvm", NULL);
    xml_text(x, "baselabel", label, "type", "qemu", NULL);
    xml_close(x, "secmodel");
}

static void
put_host(XmlOut *x, const Emulator *native)
{
    xml_open(x, "host", NULL);
    put_uuid(x);
    put_host_cpu(x, native);
    put_power(x);
    put_iommu(x);
    put_migration(x);
    put_topology(x);
    put_caches(x);
    put_secmodels(x);
    xml_close(x, "host");
}

/* ---- <guest> */

static void
put_machines(XmlOut *x, const Emulator *e)
{
    for (guint i = 0; i < e->machines->len; i++) {
        const Machine *m = &g_array_index(e->machines, Machine, i);
        const char *deprecated = m->deprecated ? "yes" : NULL;

        xml_text(x, "machine", m->name, "maxCpus", xml_number(m->max_cpus), "deprecated",
                 deprecated, NULL);
        xml_text(x, "machine", m->alias, "canonical", m->name, "maxCpus", xml_number(m->max_cpus),
                 "deprecated", deprecated, NULL);
    }
}

static void
put_guest_features(XmlOut *x, const char *arch)
{
    gboolean x86 = g_str_equal(arch, "x86_64") || g_str_equal(arch, "i686");

    xml_open(x, "features", NULL);
    if (g_str_equal(arch, "i686")) {
        xml_leaf(x, "pae", NULL);
        xml_leaf(x, "nonpae", NULL);
    }
    if (x86 || g_str_equal(arch, "aarch64"))
        xml_leaf(x, "acpi", "default", "on", "toggle", "yes", NULL);
    if (x86)
        xml_leaf(x, "apic", "default", "on", "toggle", "no", NULL);
    xml_leaf(x, "cpuselection", NULL);
    xml_leaf(x, "deviceboot", NULL);
    xml_leaf(x, "disksnapshot", "default", "on", "toggle", "no", NULL);
    xml_leaf(x, "externalSnapshot", NULL);
    xml_close(x, "features");
}

static void
put_guest(XmlOut *x, const GuestArch *guest)
{
    const Emulator *e = guest->emulator;

    xml_open(x, "guest", NULL);
    xml_text(x, "os_type", "hvm", NULL);
    xml_open(x, "arch", "name", guest->arch, NULL);
    xml_text(x, "wordsize", xml_number(guest->bits), NULL);
    xml_text(x, "emulator", e->path, NULL);
    put_machines(x, e);
    xml_leaf(x, "domain", "type", "qemu", NULL);
    if (e->kvm)
        xml_leaf(x, "domain", "type", "kvm", NULL);
    xml_close(x, "arch");
    put_guest_features(x, guest->arch);
    xml_close(x, "guest");
    xml_blank(x);
}

char *
hostcaps_format(const GArray *guests)
{
    XmlOut x = { g_string_new(NULL), 0 };
    const Emulator *native = NULL;

    for (guint i = 0; i < guests->len; i++) {
        const GuestArch *guest = &g_array_index(guests, GuestArch, i);

        if (g_strcmp0(guest->arch, emulator_host_arch()) == 0)
            native = guest->emulator;
    }
    xml_open(&x, "capabilities", NULL);
    xml_blank(&x);
    put_host(&x, native);
    xml_blank(&x);
    for (guint i = 0; i < guests->len; i++)
        put_guest(&x, &g_array_index(guests, GuestArch, i));
    xml_close(&x, "capabilities");
    return g_string_free(x.text, FALSE);
}
